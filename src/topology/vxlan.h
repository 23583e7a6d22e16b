// VXLAN devices: to whom a frame is sent, in which packet, and which device takes what arrives.
// Mere facts of links and entries; what becomes of the packet on its way the walks find out.
//
// Sources: drivers/net/vxlan/vxlan_core.c (vxlan_xmit, vxlan_xmit_one, vxlan_snoop, vxlan_rcv,
// encap_bypass_if_local). Every machine that exists counts as having spoken, as for bridges;
// entries that were set by hand decide.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "topology/topology.h"

namespace bulkhead::topology {

// Where a copy of a frame is sent (struct vxlan_rdst).
struct VxlanRemote {
  IpAddress to;
  Port port;
  std::uint32_t number = 0;  // VNI
  IfIndex via;               // of the sending namespace; none: as routed
  friend bool operator==(const VxlanRemote&, const VxlanRemote&) = default;
};

struct VxlanWay {
  std::vector<VxlanRemote> remotes;  // empty: nobody
  std::string unknown;               // escaped; not empty: to whom is not known
  // The device has learned who has the MAC address if frames that `learned_from` sends to
  // `heard_by` get here: then there is one copy, to where these come from.
  Device* learned_from = nullptr;
  std::optional<VxlanRemote> heard_by;
};
// Such frames were sent, and this became of them. False: it is not known, and `way.unknown` is set.
struct VxlanCarried;
bool vxlan_learn(const Device& at, const VxlanCarried& told, VxlanWay& way);

// Why nothing is known of what the device sends and takes, escaped; empty: it is modelled.
[[nodiscard]] std::string vxlan_unmodelled(const Device& vxlan);

// Of a modelled device. O(entries of its namespace)
[[nodiscard]] VxlanWay vxlan_way(const Topology& topology, const Device& from, MacAddress to);

// An entry for the MAC that was set by hand, which no frame changes.
[[nodiscard]] bool vxlan_pinned(const Device& vxlan, MacAddress mac);

// IPv4 unless it was set up with addresses of IPv6.
[[nodiscard]] IpFamily vxlan_family(const Device& vxlan);

// The packet that carries a frame.
struct VxlanPacket {
  const Device* from = nullptr;
  VxlanRemote remote;
  std::uint32_t mark = 0;  // travels along, within one namespace
  std::uint8_t tos = 0, hop_limit = 64;
  friend bool operator==(const VxlanPacket&, const VxlanPacket&) = default;
};
struct InnerHeader {
  std::uint32_t mark = 0;
  std::uint8_t tos = 0, hop_limit = 64;
};
[[nodiscard]] VxlanPacket vxlan_packet(const Device& from, const VxlanRemote& remote,
                                       const InnerHeader& inner);
// First and last source port: which of them is a hash of the frame (udp_flow_src_port).
struct PortRange {
  std::uint16_t first = 0, last = 0;
};
[[nodiscard]] PortRange vxlan_source_ports(const Device& from);
// Layer-3 bytes of the packet around an empty TCP segment with options.
[[nodiscard]] std::uint16_t vxlan_length(IpFamily outer);

// What became of a VXLAN packet, all its copies taken together.
struct VxlanArrival {
  Machine* machine = nullptr;  // whose socket of that port heard it
  IpAddress source;            // as it arrived
  Port port;
  std::uint32_t mark = 0;
  bool bypassed = false;  // no packet was made: the other end is in the same namespace
  friend bool operator==(const VxlanArrival&, const VxlanArrival&) = default;
};
struct VxlanCarried {
  std::vector<VxlanArrival> arrivals;
  bool outside = false;  // it has left what is known
  std::string unknown;   // escaped; not empty: the rest means nothing
  std::string lost;      // escaped; why it did not arrive
  [[nodiscard]] bool same_as(const VxlanCarried& other) const {
    return arrivals == other.arrivals && outside == other.outside && unknown == other.unknown;
  }
};

// How what arrived goes on.
struct VxlanTaker {
  Device* device = nullptr;
  std::string unknown, nobody;      // escaped; one of them where there is no device
  std::uint32_t mark = 0;           // of the frame as it comes out
  std::vector<MacAddress> refused;  // frames of these senders are dropped
};
[[nodiscard]] VxlanTaker vxlan_taker(const VxlanPacket& packet, const VxlanArrival& arrival);

// Whether the machine's own socket for VXLAN hears a packet that `socket` (null: none) hears.
[[nodiscard]] bool is_vxlan_socket(const Machine& machine, const model::Socket* socket);

// Whether a packet to the group that arrives at `dev` is heard there (ip_check_mc_rcu).
[[nodiscard]] bool vxlan_joined(const Device& dev, IpAddress group);

// What proxied questions are answered with (arp_reduce, neigh_reduce): nobody else hears them.
[[nodiscard]] std::optional<MacAddress> vxlan_proxied(const Device& vxlan, IpAddress target);

}  // namespace bulkhead::topology
