// Route decisions of the IP layers: what becomes of a packet that came in, and which way one goes
// out. Internal to trace/.
//
// net/ipv4/route.c (ip_route_input_slow, ip_route_output_key_hash_rcu), fib_frontend.c
// (fib_validate_source), devinet.c (inet_select_addr); net/ipv6/route.c, addrconf.c
// (ipv6_dev_get_saddr).
#pragma once

#include <optional>
#include <string_view>

#include "trace/fib.h"
#include "trace/packet.h"

namespace bulkhead::trace {

struct Stack;

// A route as it hangs on a packet (struct dst_entry).
struct Dst {
  enum class Kind : std::uint8_t {
    kNone,
    kLocal,    // to a socket of this machine
    kForward,  // came in, goes out again
    kOutput,   // made here
    kError,    // answered with an ICMP error (ip_error, ip6_pkt_discard, ip6_pkt_prohibit)
    kDiscard,  // blackhole: silent
  };
  Kind kind = Kind::kNone;
  Device* device = nullptr;  // dst->dev
  std::optional<IpAddress> gateway;
  NetError error = NetError::kNone;  // kError
  bool local = false;                // RTCF_LOCAL
  bool group = false;                // broadcast or multicast
  bool input = false;                // it was made by an input lookup
  bool bridge_stand_in = false;      // br_netfilter's fake route
  IfIndex arrives_at;                // rt_iif, rt6i_idev: where a local packet seems to come in
  const model::Route* route = nullptr;
};

// How a lookup for output went: `source` is the address chosen when the flow had none.
struct Output {
  NetError error = NetError::kNone;
  Dst dst;
  IpAddress source;
};

// `any_source`: FLOWI_FLAG_ANYSRC, the source need not be ours.
[[nodiscard]] Output route_output4(const Stack& stack, const Flow& flow, bool any_source,
                                   Choices* choices);
// ip6_route_output() alone: no source is chosen.
[[nodiscard]] Output route_output6(const Stack& stack, const Flow& flow, bool bound_device,
                                   Choices* choices);
// ip6_dst_lookup(): with source selection.
[[nodiscard]] Output route_lookup6(const Stack& stack, const Flow& flow, bool bound_device,
                                   Choices* choices);

// False: the packet is dropped as `why` says (martians, reverse path).
[[nodiscard]] bool route_input4(const Stack& stack, const Device& in, const Packet& packet,
                                bool is_arp, IpAddress destination, IpAddress source,
                                Choices* choices, Dst& out, std::string_view& why);
[[nodiscard]] bool route_input6(const Stack& stack, const Device& in, const Packet& packet,
                                Choices* choices, Dst& out, std::string_view& why);

// inet_select_addr(): the address that `device` speaks with to `toward`.
[[nodiscard]] std::optional<IpAddress> select_address4(const Machine& machine, const Device* device,
                                                       std::optional<IpAddress> toward,
                                                       std::uint8_t scope);
// ipv6_dev_get_saddr()
[[nodiscard]] std::optional<IpAddress> select_address6(const Machine& machine, const Device* device,
                                                       IpAddress toward);
// inet_dev_addr_type(): RTN_*; `device` null: any.
[[nodiscard]] std::uint8_t address_type4(const Stack& stack, IpAddress address,
                                         const Device* device);
[[nodiscard]] bool device_has_address6(const Device& device, IpAddress address);
[[nodiscard]] bool needs_strict_interface(IpAddress address);  // rt6_need_strict

}  // namespace bulkhead::trace
