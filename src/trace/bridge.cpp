// Linux bridges: forwarding by MAC, isolation, hairpin, and br_netfilter, which shows bridged
// packets to the IP hooks (net/bridge/br_input.c, br_forward.c, br_netfilter_hooks.c).
//
// Every machine that has spoken is known to its bridges, so a MAC that exists behind one port is
// looked up there; only MACs that nobody has are flooded.
#include <algorithm>

#include "topology/stacked.h"
#include "trace/run.h"

namespace bulkhead::trace {
namespace {

constexpr std::uint8_t kLearning = 2, kForwarding = 3;

bool may_leave(const Device& to, const Skb& skb, const Device* from) {  // should_deliver
  const model::BridgePort& port = to.link->port.value_or(model::BridgePort{});
  if (&to == from && !port.hairpin) return false;
  return port.state == kForwarding && !(skb.from_isolated_port && port.isolated);
}

bool floods_to(const Device& to, const MacAddress& mac) {
  const model::BridgePort& port = to.link->port.value_or(model::BridgePort{});
  if (mac == MacAddress::broadcast()) return port.broadcast_flood;
  return mac.is_multicast() ? port.multicast_flood : port.unicast_flood;
}

// The flooded copy of a frame for a macvlan is for nobody, but rules may answer it.
bool floods_past_rules(const Stack& stack, const Device& bridge, const Skb& skb, Device* from) {
  const bool floods = std::ranges::any_of(bridge.ports, [&](const Device* to) {
    return may_leave(*to, skb, from) && floods_to(*to, skb.p.destination_mac);
  });
  if (!floods) return false;
  const auto any = [&](FilterPoint point) { return stack.chains[static_cast<std::size_t>(point)]; };
  return any(FilterPoint::kBridgeForward) || any(FilterPoint::kBridgePostrouting) ||
         (skb.bridge_info && (any(FilterPoint::kIpForward) || any(FilterPoint::kIpPostrouting)));
}

}  // namespace

bool Run::bridge_calls_ip(const Device& bridge, const Packet& p) const {
  if (p.tagged && !bridge.sees_tagged) return false;
  if (p.ether_type == EtherType::kIpv4) return bridge.call_iptables;
  return p.ether_type == EtherType::kIpv6 && bridge.call_ip6tables;
}

void Run::bridge_receive(Device& port, Skb& skb) {
  Device& bridge = *port.bridge;
  const model::BridgePort& settings = port.link->port.value_or(model::BridgePort{});
  if (settings.state != kForwarding && settings.state != kLearning) {
    lost(skb, "bridge port is not forwarding: ", port.name());
    return;
  }
  if (bridge.link->bridge && bridge.link->bridge->vlan_filtering) {
    stop_unknown("VLAN filtering on bridge " + bridge.name() + " is not modelled");
    return;
  }
  if (settings.locked || settings.proxy_arp || settings.neigh_suppress) {
    stop_unknown("bridge port option (locked, proxy_arp, neigh_suppress) of " + port.name() +
                 " is not modelled");
    return;
  }
  if (skb.p.destination_mac == bridge.mac) skb.p.type = PacketType::kHost;
  // br_netfilter's own hook stands at priority 0; it was registered with the first bridge, so rules
  // of the same priority run before it.
  if (!hook(FilterPoint::kBridgePrerouting, kFirst, 1, skb, &port, nullptr)) return;
  bool done = false;
  if (bridge_calls_ip(bridge, skb.p) && !bridge_ip_prerouting(port, skb, done)) return;
  if (done) {
    bridged_dnat(port, skb);
    return;
  }
  if (!hook(FilterPoint::kBridgePrerouting, 1, kLast, skb, &port, nullptr)) return;
  bridge_finish(port, skb);
}

// br_nf_pre_routing() and br_nf_pre_routing_finish(). `diverted`: DNAT pointed it to another host
// on this bridge, and it goes on as a bridged packet with that host's MAC.
bool Run::bridge_ip_prerouting(Device& port, Skb& skb, bool& diverted) {
  Device& bridge = *port.bridge;
  skb.bridge_info = skb.in_prerouting = true;
  skb.physical_in = &port;
  const bool other_host = skb.p.type == PacketType::kOtherHost;
  if (other_host) skb.p.type = PacketType::kHost;
  const IpAddress before = skb.p.destination;
  skb.dev = &bridge;
  if (!ip_prerouting(skb, &bridge)) return false;
  if (other_host) skb.p.type = PacketType::kOtherHost;
  skb.in_prerouting = false;
  skb.dev = &port;
  if (skb.p.destination == before) {
    skb.dst = {};
    skb.dst.bridge_stand_in = true;
    skb.dst.device = &bridge;
    return true;
  }
  std::string_view why;
  const bool routed =
      skb.p.destination.is_v4()
          ? route_input4(world_.stack(*bridge.machine), bridge, skb.p, false, skb.p.destination,
                         skb.p.source, &choices_, skb.dst, why)
          : route_input6(world_.stack(*bridge.machine), bridge, skb.p, &choices_, skb.dst, why);
  if (!routed) {
    singular_source(skb);
    lost(skb, why);
    return false;
  }
  if (skb.p.destination.is_v6() && skb.dst.error != NetError::kNone) {
    lost(skb, "no route to the translated destination");
    return false;
  }
  if (skb.dst.device == &bridge) {
    diverted = true;
    return true;
  }
  skb.p.destination_mac = bridge.mac;
  skb.p.type = PacketType::kHost;
  return true;
}

// br_nf_pre_routing_finish_bridge(): the new destination's MAC is asked for in the bridge's name;
// the frame keeps its source MAC.
void Run::bridged_dnat(Device& port, Skb& skb) {
  if (!hook(FilterPoint::kBridgePrerouting, 1, kLast, skb, &port, nullptr)) return;
  Device& bridge = *port.bridge;
  unclear_destination(skb);
  const IpAddress next_hop = skb.dst.gateway.value_or(skb.p.destination);
  const Way r = resolve(bridge, next_hop, skb);
  if (stopped_) return;
  if (r.how != Resolution::kFound) {
    lost(skb, "no neighbour for the translated destination: ", next_hop.to_string());
    if (r.how == Resolution::kOutside)
      leave_model(skb, bridge, next_hop);
    else
      icmp_error(skb, skb.p.source.is_v4() ? 3 : 1, skb.p.source.is_v4() ? 1 : 3);
    return;
  }
  skb.p.destination_mac = r.mac;
  skb.dev = &port;
  bridge_finish(port, skb);
}

void Run::bridge_finish(Device& port, Skb& skb) {
  Device& bridge = *port.bridge;
  const model::BridgePort& settings = port.link->port.value_or(model::BridgePort{});
  if (settings.state == kLearning) {
    lost(skb, "bridge port is still learning: ", port.name());
    return;
  }
  skb.from_isolated_port = settings.isolated;
  if (forgery_) note_passage(port, skb);
  const MacAddress to = skb.p.destination_mac;
  if (to.is_multicast()) {
    bridge_flood(bridge, skb, &port);
    bridge_up(bridge, skb, port);
    return;
  }
  if (to == bridge.mac || world_.stack(*bridge.machine).is_port_mac(bridge, to)) {
    bridge_up(bridge, skb, port);
    return;
  }
  // A macvlan makes the bridge below it promiscuous (dev_uc_add), so that what is for its MAC is
  // passed up as well as flooded.
  if (const Device* above = topology::macvlan_taker(bridge, to).device) {
    if (topology::macvlan_mode(*above) == topology::MacvlanMode::kPassthru)
      return stop_unknown("a macvlan in passthru mode on bridge " + bridge.name());
    if (floods_past_rules(world_.stack(*bridge.machine), bridge, skb, &port)) {
      Skb copy = skb;
      bridge_flood(bridge, copy, &port);
    }
    if (!stopped_) bridge_up(bridge, skb, port);
    return;
  }
  bridge_send(bridge, skb, &port);
}

// To the port behind which the MAC is; `from` null: made by this machine.
void Run::bridge_send(Device& bridge, Skb& skb, Device* from) {
  Device* to = world_.topology.find_mac(bridge, skb.p.destination_mac).port;
  if (forgery_ && draws(bridge, skb, to) == Draws::kUnknown)
    return stop_unknown("whether a frame with another's MAC address gets into " + bridge.name());
  if (to == nullptr) return bridge_flood(bridge, skb, from);
  if (may_leave(*to, skb, from)) return bridge_forward(*to, skb, from);
  const std::string_view why =
      from == nullptr ? "bridge port is not forwarding: "
      : to == from    ? "the bridge does not send back to the port of arrival (no hairpin): "
                      : "bridge port isolation: ";
  lost(skb, why, to->name());
}

void Run::bridge_flood(Device& bridge, const Skb& skb, Device* from) {
  bool any = false;
  for (Device* to : bridge.ports) {
    if (!may_leave(*to, skb, from) || !floods_to(*to, skb.p.destination_mac)) continue;
    any = true;
    Skb copy = skb;
    bridge_forward(*to, copy, from);
  }
  if (!any) lost(skb, "the bridge has no port for it: ", bridge.name());
}

// __br_forward(); `from` null: made by this machine.
void Run::bridge_forward(Device& to, Skb& skb, Device* from) {
  Device& bridge = *to.bridge;
  skb.dev = &to;
  if (from == nullptr) {
    if (!hook(FilterPoint::kBridgeOutput, kFirst, kLast, skb, nullptr, &to)) return;
  } else {
    if (!hook(FilterPoint::kBridgeForward, kFirst, 1, skb, from, &to)) return;
    if (skb.bridge_info && skb.p.is_ip()) {  // br_nf_forward_ip
      const bool other_host = skb.p.type == PacketType::kOtherHost;
      if (other_host) skb.p.type = PacketType::kHost;
      skb.physical_out = &to;
      if (!hook(FilterPoint::kIpForward, kFirst, kLast, skb, &bridge, &bridge)) return;
      if (other_host) skb.p.type = PacketType::kOtherHost;
    } else if (skb.p.ether_type == EtherType::kArp && bridge.call_arptables) {
      if (!hook(FilterPoint::kArpForward, kFirst, kLast, skb, from, &to)) return;
    }
    if (!hook(FilterPoint::kBridgeForward, 1, kLast, skb, from, &to)) return;
  }
  if (!hook(FilterPoint::kBridgePostrouting, kFirst, kLast, skb, nullptr, &to)) return;
  if (skb.bridge_info && skb.physical_out != nullptr && skb.p.is_ip()) {  // br_nf_post_routing
    if (skb.p.type == PacketType::kOtherHost) skb.p.type = PacketType::kHost;
    if (!ip_postrouting(skb, nullptr, &bridge)) return;
  }
  if (explain_) step(skb, *bridge.machine, "bridge", &to, "switched by " + bridge.name());
  transmit(to, skb);
}

void Run::bridge_transmit(Device& bridge, Skb& skb) {  // br_dev_xmit
  skb.from_isolated_port = false;
  skb.dev = &bridge;
  if (skb.p.destination_mac.is_multicast()) return bridge_flood(bridge, skb, nullptr);
  bridge_send(bridge, skb, nullptr);
}

void Run::bridge_up(Device& bridge, Skb& skb, Device& port) {  // br_pass_frame_up
  if (!bridge.up) {
    lost(skb, "interface is down: ", bridge.name());
    return;
  }
  skb.dev = &bridge;
  if (!hook(FilterPoint::kBridgeInput, kFirst, kLast, skb, &port, nullptr)) return;
  if (skb.dst.bridge_stand_in) skb.dst = {};
  // The bridge device is a device like others: its own ingress hooks see the frame now.
  const Stack::DeviceChains& chains = world_.chains_on(bridge);
  if (chains.ingress && !hook(FilterPoint::kNetdevIngress, kFirst, kLast, skb, &bridge, nullptr)) {
    return;
  }
  if (chains.inet_ingress && skb.p.is_ip() &&
      !hook(FilterPoint::kInetIngress, kFirst, kLast, skb, &bridge, nullptr)) {
    return;
  }
  if (receive_vlan(bridge, skb) || receive_stacked(bridge, skb)) return;
  deliver(bridge, skb);
}

}  // namespace bulkhead::trace
