// Policy rules and routing tables of one namespace and address family, for sets of packets at once.
//
// IPv4: net/ipv4/fib_trie.c, fib_rules.c, fib_semantics.c; IPv6: net/ipv6/ip6_fib.c, fib6_rules.c,
// route.c (rt6_select). A table is one diagram from an address to the longest prefix that contains
// it, made once for each field that is asked about; what else decides (tos, interface, link state)
// is the same for all packets of a question, so a prefix whose routes cannot be used hands on to
// the next shorter one that contains it. A lookup costs one intersection for each rule that may
// match and one for each distinct route that answers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "reach/route/algebra.h"
#include "topology/topology.h"

namespace bulkhead::reach::routes {

using topology::Device;
using topology::Machine;
using topology::NetError;

// Of several next hops that a hash chooses from, those that a flow has been sent by before: it
// stays with them.
using ChosenHops = std::vector<const model::NextHop*>;

struct Ask {
  AddressOperand destination, source;
  bool source_known = false;
  std::uint32_t mark = 0;
  IfIndex iif;  // lo for what is sent from here
  IfIndex oif;  // none: any
  std::uint8_t tos = 0;
  std::uint32_t uid = 0;
  IpProtocol protocol = IpProtocol::kHopByHop;
  NumberOperand source_port, destination_port;
  bool ignore_linkstate = false;       // FIB_LOOKUP_IGNORE_LINKSTATE
  bool strict_interface = false;       // IPv6: RT6_LOOKUP_F_IFACE
  const ChosenHops* chosen = nullptr;  // null: the first hop that can be used
};

struct Hit {
  NetError error = NetError::kNetUnreachable;
  const model::Route* route = nullptr;  // null: a rule's verdict, or nothing matched
  const model::NextHop* hop = nullptr;
  Device* device = nullptr;
  bool by_hash = false;      // other hops of the route are as likely: each has a case of its own
  std::string_view unknown;  // not empty: what the lookup comes to is not modelled
  [[nodiscard]] bool ok() const { return error == NetError::kNone && unknown.empty(); }
};

struct Case {
  packet::PacketSet set;
  Hit hit;
};

class Table {
 public:
  std::uint32_t id = 0;
  void add(const model::Route& route) { pending_.push_back(&route); }
  void finish(bool local_before_main);

  struct Entry {  // one prefix
    Prefix prefix;
    std::vector<const model::Route*> routes;  // in the order in which they are tried
    std::optional<std::size_t> wider;         // the longest other entry that contains it
  };
  struct Part {
    packet::PacketSet set;
    const Entry* entry;  // null: no prefix contains the address
  };
  // By the longest prefix that contains the address.
  [[nodiscard]] std::vector<Part> find(Algebra& algebra, const AddressOperand& address,
                                       const packet::PacketSet& set) const;
  [[nodiscard]] const Entry* wider(const Entry& entry) const {
    return entry.wider ? &entries_[*entry.wider] : nullptr;
  }
  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

 private:
  [[nodiscard]] const Entry* longest(IpAddress address) const;
  std::vector<const model::Route*> pending_;
  std::vector<Entry> entries_;  // longest prefix first
  std::map<Prefix, std::size_t> places_;
  std::vector<unsigned> lengths_;  // that occur, longest first
  mutable std::map<Quantity, packet::VerdictMap> maps_;
};

class Fib {
 public:
  // `machine` must outlive it and have a loopback device.
  Fib(const Machine& machine, IpFamily family);

  // Disjoint cases that together hold `set` (but for hops chosen by a hash, whose cases are the
  // same packets).
  [[nodiscard]] std::vector<Case> lookup(Algebra& algebra, const Ask& ask,
                                         const packet::PacketSet& set) const;
  // IPv4: in the local table alone: is it ours, a broadcast address...
  [[nodiscard]] std::vector<Case> local_table(Algebra& algebra, const AddressOperand& address,
                                              const packet::PacketSet& set) const;
  [[nodiscard]] bool custom_rules() const { return custom_; }
  [[nodiscard]] bool asks_for_ports() const { return asks_for_ports_; }
  [[nodiscard]] const std::vector<Table>& tables() const { return tables_; }

 private:
  [[nodiscard]] const Table* table(std::uint32_t id) const;
  void by_rules(Algebra& algebra, const Ask& ask, packet::PacketSet set, std::size_t from,
                std::vector<Case>& out) const;
  [[nodiscard]] std::vector<Case> in_table(Algebra& algebra, std::uint32_t id, const Ask& ask,
                                           const packet::PacketSet& set) const;
  void choose(const Table& table, const Table::Entry* entry, const Ask& ask,
              const packet::PacketSet& set, std::vector<Case>& out) const;
  [[nodiscard]] bool choose4(const Table::Entry& entry, const Ask& ask,
                             std::vector<Hit>& out) const;
  [[nodiscard]] bool choose6(const Table::Entry& entry, const Ask& ask,
                             std::vector<Hit>& out) const;
  [[nodiscard]] packet::PacketSet matches(Algebra& algebra, const model::RoutingRule& rule,
                                          const Ask& ask) const;

  const Machine* machine_;
  IpFamily family_;
  std::vector<Table> tables_;  // 0: local and main as one
  std::vector<const model::RoutingRule*> rules_;
  bool custom_ = false, asks_for_ports_ = false;
};

}  // namespace bulkhead::reach::routes
