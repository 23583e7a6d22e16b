// Devices that stand on another one: which of them takes a frame that arrives at the one below, and
// which hear what another of them sends. Mere facts of links; the walks decide what becomes of it.
//
// Sources: drivers/net/macvlan.c (macvlan_handle_frame, macvlan_process_broadcast),
// drivers/net/ipvlan/ipvlan_core.c (ipvlan_addr_lookup), net/8021q/vlan_core.c (vlan_do_receive).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/address.h"
#include "topology/topology.h"

namespace bulkhead::topology {

inline constexpr std::uint8_t kProxy = 8;  // NTF_PROXY: a neighbour that is answered for

// MACVLAN_MODE_*
enum class MacvlanMode : std::uint32_t {
  kPrivate = 1,
  kVepa = 2,
  kBridge = 4,
  kPassthru = 8,
  kSource = 16,
};
// What a snapshot does not say is the kernel's default of the tools, bridge.
[[nodiscard]] MacvlanMode macvlan_mode(const Device& macvlan);

// IPVLAN_MODE_*; nothing where the snapshot does not say.
enum class IpvlanMode : std::uint32_t { kL2 = 0, kL3 = 1, kL3s = 2 };
[[nodiscard]] std::optional<IpvlanMode> ipvlan_mode(const Device& ipvlan);
// IPVLAN_F_*: how the ipvlans of one device speak with each other.
enum class IpvlanPeers : std::uint32_t { kBridge = 0, kPrivate = 1, kVepa = 2 };
[[nodiscard]] IpvlanPeers ipvlan_peers(const Device& ipvlan);
// The ipvlans of one device all have one mode (ipvlan_set_port_mode): that of the first; null when
// none stands there.
[[nodiscard]] const Device* first_ipvlan(const Device& below);

// Who takes a unicast frame that arrives at `below`: a macvlan, nobody (the frame is its own), or
// one that is down and loses it.
struct Taker {
  Device* device = nullptr;
  bool lost = false;
};
[[nodiscard]] Taker macvlan_taker(const Device& below, MacAddress to);  // O(children)

// Who hears a frame to a group that arrives at `below`, sent by `from`: one of its own macvlans'
// frames that came back is not heard by all.
struct Hearers {
  std::vector<Device*> devices;
  bool below = true;  // and the device itself
};
[[nodiscard]] Hearers macvlan_hearers(const Device& below, MacAddress from);  // O(children)

// The ipvlan on `below` that has the address and is up; null: none.
[[nodiscard]] Device* ipvlan_with(const Device& below, IpAddress address);

// The same where they are in l3s mode: what arrives there is routed by the namespace of that one.
[[nodiscard]] Device* l3s_ipvlan(const Device& below, IpAddress address);

// The VLAN device of that number on `below` that is up or down. Two of one number differ in
// something that a snapshot does not hold (their protocol): `ambiguous`.
struct VlanTaker {
  Device* device = nullptr;
  bool ambiguous = false;
};
[[nodiscard]] VlanTaker vlan_taker(const Device& below, std::uint16_t number);
[[nodiscard]] std::optional<std::uint16_t> vlan_number(const Device& vlan);

// Counts how far devices that stand on each other call each other, while it lives.
class Nesting {
 public:
  explicit Nesting(unsigned& depth) : depth_(depth) { ++depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;
  ~Nesting() { --depth_; }
  // The kernel gives up beyond 8 (XMIT_RECURSION_LIMIT); what gets there is an error of whoever set
  // it up, or of a snapshot.
  [[nodiscard]] bool too_deep() const { return depth_ > kMost; }

 private:
  static constexpr unsigned kMost = 40;
  unsigned& depth_;
};

}  // namespace bulkhead::topology
