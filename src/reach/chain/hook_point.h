// Where a packet is filtered: the protocol family's hooks (include/uapi/linux/netfilter.h,
// netfilter_arp.h). Ingress and egress belong to a device.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::reach {

enum class HookPoint : std::uint8_t {
  kIpPrerouting,
  kIpInput,
  kIpForward,
  kIpOutput,
  kIpPostrouting,  // v4 and v6, by the family of the fields
  kBridgePrerouting,
  kBridgeInput,
  kBridgeForward,
  kBridgeOutput,
  kBridgePostrouting,
  kNetdevIngress,
  kNetdevEgress,
  kInetIngress,  // inet family, hook ingress
  kArpInput,
  kArpOutput,
  kArpForward,  // bridges with nf_call_arptables
};
inline constexpr std::size_t kHookPoints = static_cast<std::size_t>(HookPoint::kArpForward) + 1;

// What the frames at a hook carry. ARP is there only for IPv4's fields, in which an ARP frame has
// its sender's address as kSource, the one that is asked or told about as kDestination, the
// operation as kIcmpType, and its sender's MAC address as kSourceMac.
//
// A tag is at its place in the link header for rules, although it travels beside the frame
// (nft_payload_copy_vlan()); its number is 0 or, of kTagged, not known.
enum class FrameKind : std::uint8_t { kIp, kArp, kPriorityTagged, kTagged, kTaggedArp };

}  // namespace bulkhead::reach
