// Routing tables and policy rules of one namespace, as the kernel looks them up. Internal to
// trace/.
//
// IPv4: net/ipv4/fib_trie.c, fib_rules.c, fib_semantics.c. IPv6: net/ipv6/ip6_fib.c, fib6_rules.c,
// route.c. Lookups allocate nothing; cost: one binary search for each prefix length in use.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "model/network.h"
#include "topology/topology.h"

namespace bulkhead::trace {

using topology::Device;
using topology::DeviceKind;
using topology::kAddressDadFailed;
using topology::kAddressDeprecated;
using topology::kAddressOptimistic;
using topology::kAddressSecondary;
using topology::kAddressTentative;
using topology::kScopeHost;
using topology::kScopeLink;
using topology::kScopeUniverse;
using topology::Machine;
using topology::NetError;
namespace rtn = topology::rtn;
class Choices;

struct Flow {
  IpAddress destination, source;  // source: unspecified when not known yet
  bool source_known = false;
  std::uint32_t mark = 0;
  IfIndex iif;  // lo for what is sent from here
  IfIndex oif;  // none: any
  std::uint8_t tos = 0;
  std::uint32_t uid = 0;
  IpProtocol protocol = IpProtocol::kHopByHop;
  Port source_port, destination_port;
  bool strict_interface = false;  // IPv6: RT6_LOOKUP_F_IFACE
};

struct RouteHit {
  NetError error = NetError::kNetUnreachable;
  const model::Route* route = nullptr;  // null: a rule's verdict or nothing matched
  const model::RoutingRule* rule = nullptr;
  const model::NextHop* hop = nullptr;
  Device* device = nullptr;
  [[nodiscard]] bool ok() const { return error == NetError::kNone; }
};

// The routes of one table, by prefix length, longest first.
class RouteTable {
 public:
  std::uint32_t id = 0;
  void add(const model::Route* route) { pending_.push_back(route); }
  void finish(bool local_before_main);
  [[nodiscard]] std::size_t size() const { return routes_.size(); }

  // Calls visit(first, last) for each prefix that contains `address`, longest first, until it
  // returns true.
  template <class Visit>
  bool each(const IpAddress& address, Visit&& visit) const {
    const Key whole = key_of(address);
    for (const Length& length : lengths_) {
      const auto [first, last] = find(length, masked(whole, length.bits));
      if (first != last && visit(routes_.data() + first, routes_.data() + last)) return true;
    }
    return false;
  }

 private:
  struct Key {
    std::uint64_t high = 0, low = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct Length {
    unsigned bits;
    std::size_t first, last;  // in prefixes_
  };
  struct Entry {
    Key key;
    std::size_t first, last;  // in routes_
  };
  static Key key_of(const IpAddress& address);
  // The first `bits` of it.
  static Key masked(Key key, unsigned bits) {
    if (bits < 64) return {bits == 0 ? 0 : key.high & ~std::uint64_t{0} << (64 - bits), 0};
    if (bits == 64) return {key.high, 0};
    if (bits < 128) key.low &= ~std::uint64_t{0} << (128 - bits);
    return key;
  }
  [[nodiscard]] std::pair<std::size_t, std::size_t> find(const Length& length,
                                                         const Key& key) const;
  std::vector<const model::Route*> pending_, routes_;
  std::vector<Entry> prefixes_;
  std::vector<Length> lengths_;
};

class Fib4 {
 public:
  void build(const Machine& machine);
  // fib_lookup(). `ignore_linkstate`: FIB_LOOKUP_IGNORE_LINKSTATE.
  [[nodiscard]] RouteHit lookup(const Flow& flow, bool ignore_linkstate, Choices* choices) const;
  // fib_table_lookup() of the local table: is it ours, a broadcast address...
  [[nodiscard]] RouteHit local_table(const IpAddress& address) const;
  [[nodiscard]] bool custom_rules() const { return !merged_; }
  [[nodiscard]] bool dissects() const { return dissects_; }  // a rule asks for ports

 private:
  [[nodiscard]] NetError table_lookup(const RouteTable& table, const Flow& flow,
                                      bool ignore_linkstate, Choices* choices, RouteHit& hit) const;
  [[nodiscard]] const RouteTable* table(std::uint32_t id) const;
  [[nodiscard]] RouteHit by_rules(const Flow& flow, bool ignore_linkstate, Choices* choices) const;
  const Machine* machine_ = nullptr;
  std::vector<RouteTable> tables_;  // sorted by id; table 0 holds local and main merged
  std::vector<const model::RoutingRule*> rules_;
  bool merged_ = false;  // no custom rule: local and main are one trie
  bool dissects_ = false;
};

class Fib6 {
 public:
  void build(const Machine& machine);
  [[nodiscard]] RouteHit lookup(const Flow& flow, Choices* choices) const;
  [[nodiscard]] bool dissects() const { return dissects_; }

 private:
  [[nodiscard]] RouteHit table_lookup(const RouteTable& table, const Flow& flow,
                                      Choices* choices) const;
  [[nodiscard]] const RouteTable* table(std::uint32_t id) const;
  const Machine* machine_ = nullptr;
  std::vector<RouteTable> tables_;
  std::vector<const model::RoutingRule*> rules_;
  bool custom_ = false, dissects_ = false;
};

}  // namespace bulkhead::trace
