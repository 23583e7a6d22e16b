// The indexes that a walk needs, made once from a snapshot. Internal to trace/.
//
// Everything here is immutable after build, but for the memory of resolved neighbours (its own
// lock).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/snapshot.h"
#include "trace/fib.h"
#include "trace/filter.h"
#include "trace/trace.h"

namespace bulkhead::trace {

struct Machine;
struct Scratch;

inline constexpr std::size_t kFilterPoints = 16;  // FilterPoint's values

enum class DeviceKind : std::uint8_t {
  kLoopback,
  kBridge,
  kVeth,
  kMacvlan,
  kIpvlan,
  kVlan,
  kOther,
};

// A link with its effective settings and the links that it is joined to.
struct Device {
  const model::Link* link = nullptr;
  Machine* machine = nullptr;
  DeviceKind kind = DeviceKind::kOther;
  bool up = false;             // IFF_UP
  bool leads_outside = false;  // what is sent here leaves the model
  bool loopback = false, no_arp = false, point_to_point = false;
  Device* peer = nullptr;          // the other end of a veth pair, wherever it lives
  Device* bridge = nullptr;        // of which this is a port
  Device* parent = nullptr;        // of a macvlan or vlan
  bool unmodelled_master = false;  // bond, vrf, team...
  std::vector<Device*> ports;      // of a bridge
  std::vector<Device*> children;   // macvlans and vlans on top
  std::vector<const model::Address*> addresses4, addresses6;
  std::vector<const model::Neighbour*> neighbours;
  MacAddress mac;
  // Effective values: interface and `all` combined as include/linux/inetdevice.h does.
  bool forward4 = false, accept_local = false, route_localnet = false, source_valid_mark = false,
       proxy_arp = false, arp_filter = false, ignore_linkdown4 = false;
  int rp_filter = 0, arp_ignore = 0, arp_announce = 0;
  bool ipv6 = false, forward6 = false, force_forwarding = false, proxy_ndp = false,
       ignore_linkdown6 = false;
  bool ingress_chains = false, egress_chains = false, inet_ingress_chains = false;
  bool call_iptables = false, call_ip6tables = false, call_arptables = false;  // of a bridge

  [[nodiscard]] IfIndex index() const { return link->index; }
  [[nodiscard]] const std::string& name() const { return link->name; }
};

// One network namespace.
struct Machine final : Surroundings {
  model::NsId id;
  const model::NetNs* ns = nullptr;
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<Device*> by_index;  // sorted by ifindex
  Device* loopback = nullptr;
  std::optional<Filter> filter;
  Fib4 fib4;
  Fib6 fib6;
  bool tracks4 = false, tracks6 = false, nat4 = false, nat6 = false;
  bool custom_local_routes = false;
  bool forward6_all = false, proxy_ndp_all = false;
  bool nonlocal_bind4 = false, nonlocal_bind6 = false, mark_reflect = false, mark_accept = false;
  bool rules_unknown = false, sockets_unknown = false, routes_unknown = false;
  std::string unknown_why;
  Port ephemeral{49152};
  // Listening sockets by protocol and port.
  std::unordered_map<std::uint32_t, std::vector<const model::Socket*>> sockets;
  std::unordered_map<IpAddress, Device*> addresses;  // the first device that has it
  std::array<bool, kFilterPoints> chains{};          // by FilterPoint: there are any
  std::array<bool, kFilterPoints> open_order{};      // by FilterPoint: Filter::has_open_order

  [[nodiscard]] Device* device(IfIndex index) const;
  [[nodiscard]] bool tracks(IpFamily f) const { return f == IpFamily::kV4 ? tracks4 : tracks6; }
  [[nodiscard]] bool nat(IpFamily f) const { return f == IpFamily::kV4 ? nat4 : nat6; }
  [[nodiscard]] bool has_address(IpAddress a) const { return addresses.contains(a); }

  // Surroundings
  [[nodiscard]] FibAnswer fib_route(IpAddress lookup, IpAddress other, std::uint32_t mark,
                                    IfIndex iif, IfIndex oif_constraint) const override;
  [[nodiscard]] std::uint8_t address_type(IpAddress address, IfIndex on) const override;
};

// What asking for a neighbour came to.
enum class Resolution : std::uint8_t { kFound, kFailed, kOutside };

struct LearnedNeighbour {  // a machine that heard a request knows the asker from then on
  const Device* device = nullptr;
  IpAddress address;
  MacAddress mac;
};

struct Resolved {
  Resolution how = Resolution::kFailed;
  MacAddress mac;
  const Device* exit = nullptr;  // kOutside: where the question left the model
  std::string why;               // kFailed
  std::vector<RuleRef> rules;
  std::vector<LearnedNeighbour> learned;
  // kFailed, but the neighbour exists and would make itself known by a question of its own.
  std::optional<MacAddress> if_it_asks;
};

struct NeighbourKey {
  const Device* device = nullptr;
  IpAddress target, source;
  friend bool operator==(const NeighbourKey&, const NeighbourKey&) = default;
};
struct NeighbourKeyHash {
  std::size_t operator()(const NeighbourKey& k) const noexcept {
    const auto mix = [](std::size_t h, std::size_t v) { return (h ^ v) * 0x9e3779b97f4a7c15ULL; };
    return mix(mix(reinterpret_cast<std::size_t>(k.device), std::hash<IpAddress>{}(k.target)),
               std::hash<IpAddress>{}(k.source));
  }
};

struct WorldState {
  WorldState();
  ~WorldState();
  const model::Snapshot* snapshot = nullptr;
  std::vector<std::unique_ptr<Machine>> machines;
  // Where frames for a MAC go inside one bridge: (bridge, MAC) -> port; found by walking the wires.
  struct BridgeMac {
    const Device* bridge;
    MacAddress mac;
    friend bool operator==(const BridgeMac&, const BridgeMac&) = default;
  };
  struct BridgeMacHash {
    std::size_t operator()(const BridgeMac& k) const noexcept {
      return std::hash<MacAddress>{}(k.mac) ^ (reinterpret_cast<std::size_t>(k.bridge) * 31);
    }
  };
  std::unordered_map<BridgeMac, Device*, BridgeMacHash> fdb;
  mutable std::mutex scratch_lock;
  mutable std::vector<std::unique_ptr<Scratch>> scratches;  // one for each walk under way
  mutable std::shared_mutex lock;
  // Entries are never taken out again, so that pointers to them stay good.
  mutable std::unordered_map<NeighbourKey, std::unique_ptr<const Resolved>, NeighbourKeyHash>
      memory;

  // Some rule could make of the handshake's ACK something else than of its SYN and yet answer it.
  bool acks_matter = false;

  [[nodiscard]] Machine* machine(model::NsId id) const {
    return id.value < machines.size() ? machines[id.value].get() : nullptr;
  }
};

struct World::State final : WorldState {};

// IFA_F_* and RTN_* that decide (include/uapi/linux/if_addr.h, rtnetlink.h).
inline constexpr std::uint32_t kAddressSecondary = 0x01, kAddressDadFailed = 0x08,
                               kAddressDeprecated = 0x20, kAddressTentative = 0x40,
                               kAddressOptimistic = 0x04;
namespace rtn {
inline constexpr std::uint8_t kUnspec = 0, kUnicast = 1, kLocal = 2, kBroadcast = 3, kAnycast = 4,
                              kMulticast = 5, kBlackhole = 6, kUnreachable = 7, kProhibit = 8,
                              kThrow = 9;
}
inline constexpr std::uint8_t kScopeUniverse = 0, kScopeLink = 253, kScopeHost = 254;

}  // namespace bulkhead::trace
