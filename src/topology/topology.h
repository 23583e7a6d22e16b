// The network of a snapshot as machines, devices and the wires between them: which link leads
// where, with which effective settings, who has which address and MAC. Mere facts: no packet, no
// rule, no route lookup. trace/ and reach/ both stand on it.
//
// Sources: include/linux/inetdevice.h (how an interface's settings combine with `all`),
// net/bridge/br_fdb.c, drivers/net/veth.c, macvlan.c.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"

namespace bulkhead::topology {

struct Machine;

enum class DeviceKind : std::uint8_t {
  kLoopback,
  kBridge,
  kVeth,
  kMacvlan,
  kIpvlan,
  kVlan,
  kVxlan,
  kOther,
};

// A link with its effective settings and the links that it is joined to.
struct Device {
  const model::Link* link = nullptr;
  Machine* machine = nullptr;
  std::size_t position = 0;  // in Machine::devices
  DeviceKind kind = DeviceKind::kOther;
  bool up = false;             // IFF_UP
  bool leads_outside = false;  // what is sent here leaves the model
  bool loopback = false, no_arp = false, point_to_point = false;
  std::uint32_t segment = 0;    // no frame gets to a device of another one without being routed
  Device* peer = nullptr;       // the other end of a veth pair, wherever it lives
  Device* bridge = nullptr;     // of which this is a port
  Device* parent = nullptr;     // of a macvlan, ipvlan or vlan
  Machine* underlay = nullptr;  // of a vxlan: who sends its packets; null: not known
  std::vector<Device*>
      far_ends;  // of a vxlan: those of its number that it may exchange frames with
  std::vector<const model::BridgeFdbEntry*> vxlan_entries;  // of a vxlan (topology/vxlan.h)
  bool unmodelled_master = false;                           // bond, vrf, team...
  std::vector<Device*> ports;                               // of a bridge
  std::vector<Device*> children;                            // macvlans, ipvlans and vlans on top
  std::vector<const model::Address*> addresses4, addresses6;
  std::vector<const model::Neighbour*> neighbours;
  MacAddress mac;
  // Effective values: interface and `all` combined as include/linux/inetdevice.h does.
  bool forward4 = false, accept_local = false, route_localnet = false, source_valid_mark = false,
       proxy_arp = false, arp_filter = false, ignore_linkdown4 = false;
  int rp_filter = 0, arp_ignore = 0, arp_announce = 0;
  bool ipv6 = false, forward6 = false, force_forwarding = false, proxy_ndp = false,
       ignore_linkdown6 = false;
  bool call_iptables = false, call_ip6tables = false, call_arptables = false;  // of a bridge
  bool sees_tagged = false;  // of a bridge: br_netfilter looks into VLAN frames too

  [[nodiscard]] IfIndex index() const { return link->index; }
  [[nodiscard]] const std::string& name() const { return link->name; }
};

// One network namespace.
struct Machine {
  model::NsId id;
  const model::NetNs* ns = nullptr;
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<Device*> by_index;  // sorted by ifindex
  Device* loopback = nullptr;     // null: the namespace could not be read
  std::vector<Device*> vxlans;    // whose packets it sends and takes, wherever they live
  bool custom_local_routes = false;
  bool forward6_all = false, proxy_ndp_all = false;
  bool nonlocal_bind4 = false, nonlocal_bind6 = false, mark_reflect = false, mark_accept = false;
  // A gap in what was read: every answer that depends on it is unknown, for the reason given.
  bool rules_unknown = false, sockets_unknown = false, routes_unknown = false;
  std::string unknown_why;
  Port ephemeral{49152};                             // one from the middle of the range
  std::unordered_map<IpAddress, Device*> addresses;  // the first device that has it

  [[nodiscard]] Device* device(IfIndex index) const;
  [[nodiscard]] bool has_address(IpAddress a) const { return addresses.contains(a); }
  // Listening sockets of a protocol and port, in the snapshot's order; null when there is none.
  [[nodiscard]] const std::vector<const model::Socket*>* sockets_at(IpProtocol protocol,
                                                                    Port port) const {
    const auto at = sockets.find(socket_key(protocol, port));
    return at == sockets.end() ? nullptr : &at->second;
  }

  static std::uint32_t socket_key(IpProtocol protocol, Port port) {
    return std::uint32_t{static_cast<std::uint8_t>(protocol)} << 16 | port.number;
  }
  std::unordered_map<std::uint32_t, std::vector<const model::Socket*>> sockets;  // by socket_key
};

// Whether an address lies in the network of an interface's address (inet_ifa_match).
[[nodiscard]] bool on_network(const model::Address& of, IpAddress address);

// A macvlan whose siblings hear it: private (1) and vepa (2) ones do not.
[[nodiscard]] bool in_bridge_mode(const Device& macvlan);

// What a frame comes upon that leaves by `from` or, when `outside`, that reaches `from` from the
// wire beyond it.
struct Wires {
  std::vector<Device*> stations;   // that take frames for their own MAC, in the order of the walk;
                                   // what stands on a bridge itself is there as the bridge
  std::vector<Device*> entrances;  // ports by which it enters bridges, nearest first: there these
                                   // learn who sent it
  std::vector<Device*> tunnels;    // vxlans out of which it comes: there these learn it
};
[[nodiscard]] Wires wires(Device& from, bool outside);  // O(devices behind)

// By which devices somebody sends who sits on the wire of `link`: when `outside` by that one, else
// by all of its machine that are up, but for the loopback.
[[nodiscard]] std::vector<Device*> sending_devices(Device& link, bool outside);

// Whether a bridge can be taught that a MAC is behind another port: it is not the bridge's own, and
// no sticky entry holds it (br_fdb_update(): a static entry moves all the same).
[[nodiscard]] bool can_be_drawn_away(const Device& bridge, MacAddress mac);

// Immutable after build. Points into the snapshot, which must outlive it and not change.
class Topology {
 public:
  // O(size of the snapshot) and, for MACs behind bridges, the ports of bridges behind bridges.
  [[nodiscard]] static Topology build(const model::Snapshot& snapshot);

  [[nodiscard]] const model::Snapshot& snapshot() const { return *snapshot_; }
  // By NsId.
  [[nodiscard]] const std::vector<std::unique_ptr<Machine>>& machines() const { return machines_; }
  // Null when there is no such namespace.
  [[nodiscard]] Machine* machine(model::NsId id) const {
    return id.value < machines_.size() ? machines_[id.value].get() : nullptr;
  }

  struct Place {
    bool known = false;      // the MAC is somewhere behind this bridge
    Device* port = nullptr;  // null although known: behind two ports, so its frames are flooded
  };
  // Where frames for a MAC go inside one bridge. Every machine that exists counts as having
  // spoken; entries that were set by hand decide. Of a vxlan: `port` is the far end behind which it
  // is, and no entry counts.
  [[nodiscard]] Place find_mac(const Device& bridge, MacAddress mac) const {
    const auto at = macs_.find({&bridge, mac});
    return at == macs_.end() ? Place{} : Place{true, at->second};
  }

 private:
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
  void join_links();
  void break_rings();
  void join_vxlans();             // vxlan.cpp
  void learn_macs();              // macs.cpp
  void number_segments();         // segments.cpp
  void place_macs(Machine& m);    // macs.cpp
  void place_static(Machine& m);  // macs.cpp

  const model::Snapshot* snapshot_ = nullptr;
  std::vector<std::unique_ptr<Machine>> machines_;
  std::unordered_map<BridgeMac, Device*, BridgeMacHash> macs_;
};

// IFA_F_*, RTN_*, RT_SCOPE_* that decide (include/uapi/linux/if_addr.h, rtnetlink.h).
inline constexpr std::uint32_t kAddressSecondary = 0x01, kAddressDadFailed = 0x08,
                               kAddressDeprecated = 0x20, kAddressTentative = 0x40,
                               kAddressOptimistic = 0x04;
namespace rtn {
inline constexpr std::uint8_t kUnspec = 0, kUnicast = 1, kLocal = 2, kBroadcast = 3, kAnycast = 4,
                              kMulticast = 5, kBlackhole = 6, kUnreachable = 7, kProhibit = 8,
                              kThrow = 9;
}
namespace rt_table {  // RT_TABLE_* (rtnetlink.h)
inline constexpr std::uint32_t kDefault = 253, kMain = 254, kLocal = 255;
}
// Why a lookup or a local send fails, by the errno that the kernel uses.
enum class NetError : std::uint8_t {
  kNone,
  kNetUnreachable,
  kHostUnreachable,
  kDenied,
  kInvalid,
  kNoDevice,
  kAddressNotAvailable,
  kAgain,  // nothing matched: the next rule is asked
};
[[nodiscard]] std::string_view to_string(NetError error);  // "ENETUNREACH"

inline constexpr std::uint8_t kScopeUniverse = 0, kScopeLink = 253, kScopeHost = 254;

}  // namespace bulkhead::topology
