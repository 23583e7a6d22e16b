// Linux bridges: forwarding by MAC, isolation, hairpin, and br_netfilter, which shows bridged
// packets to the IP hooks (net/bridge/br_input.c, br_forward.c, br_netfilter_hooks.c).
//
// Every machine that has spoken is known to its bridges, so a MAC that exists behind one port is
// looked up there; only MACs that nobody has are flooded.
#include <algorithm>

#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::uint8_t kLearning = 2, kForwarding = 3;  // BR_STATE_*

const model::BridgePort& settings(const Device& port) {
  static const model::BridgePort kStandard;
  return port.link->port ? *port.link->port : kStandard;
}

bool may_leave(const Device& to, const Flow& flow, const Device* from) {  // should_deliver
  if (&to == from && !settings(to).hairpin) return false;
  return settings(to).state == kForwarding && !(flow.from_isolated_port && settings(to).isolated);
}

bool floods_to(const Device& to, const MacAddress& mac) {
  if (mac == MacAddress::broadcast()) return settings(to).broadcast_flood;
  return mac.is_multicast() ? settings(to).multicast_flood : settings(to).unicast_flood;
}

// The flooded copy of a frame for a macvlan is for nobody, but rules may answer it.
bool floods_past_rules(const Hooks& hooks, const Device& bridge, const Flow& flow, Device* from) {
  const Machine& m = *bridge.machine;
  const bool floods = std::ranges::any_of(bridge.ports, [&](const Device* to) {
    return may_leave(*to, flow, from) && floods_to(*to, flow.p.destination_mac);
  });
  const bool shown = flow.bridge_info && (hooks.has_chains(m, HookPoint::kIpForward) ||
                                          hooks.has_chains(m, HookPoint::kIpPostrouting));
  return floods && (shown || hooks.has_chains(m, HookPoint::kBridgeForward) ||
                    hooks.has_chains(m, HookPoint::kBridgePostrouting));
}

}  // namespace

bool Walk::bridge_calls_ip(const Device& bridge, const Flow& flow) const {
  if (flow.p.tagged && !bridge.sees_tagged) return false;
  if (flow.p.is_arp) return false;
  return algebra_.family() == IpFamily::kV4 ? bridge.call_iptables : bridge.call_ip6tables;
}

void Walk::bridge_receive(Device& port, Flow flow) {
  Device& bridge = *port.bridge;
  const model::BridgePort& s = settings(port);
  if (s.state != kForwarding && s.state != kLearning) {
    return drop(std::move(flow), "bridge port is not forwarding: " + escape_text(port.name()));
  }
  if (bridge.link->bridge && bridge.link->bridge->vlan_filtering) {
    return unknown(std::move(flow),
                   "VLAN filtering on bridge " + escape_text(bridge.name()) + " is not modelled");
  }
  if (s.locked || s.proxy_arp || s.neigh_suppress) {
    return unknown(std::move(flow), "bridge port option (locked, proxy_arp, neigh_suppress) of " +
                                        escape_text(port.name()) + " is not modelled");
  }
  if (flow.p.destination_mac == bridge.mac) flow.p.type = PacketType::kHost;
  // br_netfilter's own hook stands at priority 0; it was registered with the first bridge, so rules
  // of the same priority run before it.
  hook(HookPoint::kBridgePrerouting, kFirst, 1, std::move(flow), &port, nullptr, [&](Flow f) {
    const Next rest = [&](Flow g) {
      hook(HookPoint::kBridgePrerouting, 1, kLast, std::move(g), &port, nullptr,
           [&](Flow h) { bridge_finish(port, std::move(h)); });
    };
    if (!bridge_calls_ip(bridge, f)) return rest(std::move(f));
    bridge_prerouting(port, std::move(f), rest);
  });
}

// br_nf_pre_routing(), br_nf_pre_routing_finish()
void Walk::bridge_prerouting(Device& port, Flow flow, const Next& next) {
  Device& bridge = *port.bridge;
  flow.bridge_info = flow.in_prerouting = true;
  flow.physical_in = &port;
  const bool other_host = flow.p.type == PacketType::kOtherHost;
  if (other_host) flow.p.type = PacketType::kHost;
  const AddressOperand before = flow.p.t.destination;
  flow.dev = &bridge;
  ip_prerouting(std::move(flow), bridge, [&](Flow f) {
    if (other_host) f.p.type = PacketType::kOtherHost;
    f.in_prerouting = false;
    f.dev = &port;
    const Next changed = [&](const Flow& g) { bridge_rerouted(port, g); };
    const Next unchanged = [&](Flow g) {
      g.dst = {};
      g.dst.bridge_stand_in = true;
      g.dst.device = &bridge;
      next(std::move(g));
    };
    const auto same_destination = algebra_.equal(before, f.p.t.destination);
    split(std::move(f), same_destination, unchanged, changed);
  });
}

// DNAT has changed the destination: to this machine or beyond it by way of the bridge's own MAC, or
// to another host on the same bridge.
void Walk::bridge_rerouted(Device& port, const Flow& flow) {
  Device& bridge = *port.bridge;
  routes::Ask ask = ask_of(flow);
  ask.uid = 0;
  by_ways(flow, routes(*bridge.machine).input(algebra_, bridge, ask, false, flow.set),
          [&](Flow f, const routes::Way& way) {
            if (!way.dropped.empty()) return drop(std::move(f), way.dropped);
            f.dst = way.dst;
            if (algebra_.family() == IpFamily::kV6 && way.dst.error != NetError::kNone) {
              return drop(std::move(f), "no route to the translated destination");
            }
            if (way.dst.device == &bridge) return bridged_dnat(port, std::move(f));
            f.p.destination_mac = bridge.mac;
            f.p.type = PacketType::kHost;
            hook(HookPoint::kBridgePrerouting, 1, kLast, std::move(f), &port, nullptr,
                 [&](Flow g) { bridge_finish(port, std::move(g)); });
          });
}

// br_nf_pre_routing_finish_bridge(): the new destination's MAC is asked for in the bridge's name;
// the frame keeps its source MAC.
void Walk::bridged_dnat(Device& port, Flow flow) {
  Device& bridge = *port.bridge;
  hook(HookPoint::kBridgePrerouting, 1, kLast, std::move(flow), &port, nullptr, [&](Flow f) {
    const AddressOperand hop =
        f.dst.gateway ? AddressOperand::of(*f.dst.gateway) : f.p.t.destination;
    by_claim(
        bridge, std::move(f), hop,
        [&](Flow g, MacAddress mac) {
          g.p.destination_mac = mac;
          g.dev = &port;
          bridge_finish(port, std::move(g));
        },
        [&](Flow g) { bridged_dnat_to(port, std::move(g), hop); });
  });
}

void Walk::bridged_dnat_to(Device& port, Flow f, const AddressOperand& hop) {
  Device& bridge = *port.bridge;
  if (!hop.constant)
    return unknown(std::move(f), "translated to addresses that vary, on the same bridge");
  for (const Resolution& r : resolve(bridge, *hop.constant, f, f.p.t.source)) {
    Flow g = f;
    g.in_doubt = g.in_doubt || r.in_doubt;
    g.if_it_asked = g.if_it_asked || r.if_it_asked;
    g.learned.insert(g.learned.end(), r.learned.begin(), r.learned.end());
    switch (r.how) {
      case Resolution::How::kFound:
        g.p.destination_mac = r.mac;
        g.dev = &port;
        bridge_finish(port, std::move(g));
        break;
      case Resolution::How::kOutside: leave(std::move(g), bridge, hop.constant); break;
      case Resolution::How::kUnknown: unknown(std::move(g), r.why); break;
      case Resolution::How::kFailed: {
        lose(g, "no neighbour for the translated destination: " + hop.constant->to_string());
        const bool v4 = algebra_.family() == IpFamily::kV4;
        icmp_error(std::move(g), v4 ? 3 : 1, v4 ? 1 : 3);
        break;
      }
    }
  }
}

void Walk::bridge_finish(Device& port, Flow flow) {  // br_handle_frame_finish
  Device& bridge = *port.bridge;
  if (settings(port).state == kLearning) {
    return drop(std::move(flow), "bridge port is still learning: " + escape_text(port.name()));
  }
  flow.from_isolated_port = settings(port).isolated;
  if (forgery_) note_passage(flow);
  const MacAddress to = flow.p.destination_mac;
  if (to.is_multicast()) {
    if (flow.ours && !carries(flow))
      return unknown(std::move(flow), "a packet in a multicast frame");
    bridge_flood(bridge, flow, &port);
    return bridge_up(bridge, std::move(flow), port);
  }
  const bool own = to == bridge.mac ||
                   std::ranges::any_of(bridge.ports, [&](const Device* p) { return p->mac == to; });
  if (own) return bridge_up(bridge, std::move(flow), port);
  // A macvlan makes the bridge below it promiscuous (dev_uc_add), so that what is for its MAC is
  // passed up as well as flooded.
  if (const Device* above = topology::macvlan_taker(bridge, to).device) {
    if (topology::macvlan_mode(*above) == topology::MacvlanMode::kPassthru)
      return unknown(std::move(flow),
                     "a macvlan in passthru mode on bridge " + escape_text(bridge.name()));
    if (floods_past_rules(hooks_, bridge, flow, &port))
      return unknown(std::move(flow), "rules may answer the flooded copy of a frame for " +
                                          escape_text(above->name()));
    return bridge_up(bridge, std::move(flow), port);
  }
  bridge_send(bridge, std::move(flow), &port);
}

// To the port behind which the MAC is.
void Walk::bridge_send(Device& bridge, Flow flow, Device* from) {
  drawn(
      bridge, std::move(flow),
      [&](Flow f, Device& to) { bridge_send_to(bridge, &to, std::move(f), from); },
      [&](Flow f) {
        Device* const to = topology_.find_mac(bridge, f.p.destination_mac).port;
        bridge_send_to(bridge, to, std::move(f), from);
      });
}

void Walk::bridge_send_to(Device& bridge, Device* to, Flow flow, Device* from) {
  if (to == nullptr) return bridge_flood(bridge, flow, from);
  if (may_leave(*to, flow, from)) return bridge_forward(*to, std::move(flow), from);
  const std::string_view why =
      from == nullptr ? "bridge port is not forwarding: "
      : to == from    ? "the bridge does not send back to the port of arrival (no hairpin): "
                      : "bridge port isolation: ";
  drop(std::move(flow), std::string(why) + escape_text(to->name()));
}

void Walk::bridge_flood(Device& bridge, const Flow& flow, Device* from) {
  std::vector<Device*> to;
  for (Device* port : bridge.ports) {
    if (may_leave(*port, flow, from) && floods_to(*port, flow.p.destination_mac) &&
        !is_deaf(*port, flow))
      to.push_back(port);
  }
  if (to.empty()) return drop(flow, "the bridge has no port for it: " + escape_text(bridge.name()));
  if (to.size() > 1 && flow.ours && !(carries(flow) && flow.p.destination_mac.is_multicast())) {
    return unknown(flow, "the bridge sends it to several ports, as it does not know its MAC: " +
                             escape_text(bridge.name()));
  }
  for (Device* port : to) bridge_forward(*port, flow, from);
}

// __br_forward(); `from` null: made by this machine.
void Walk::bridge_forward(Device& to, Flow flow, Device* from) {
  Device& bridge = *to.bridge;
  flow.dev = &to;
  const Next leave_port = [&](Flow f) {
    hook(HookPoint::kBridgePostrouting, kFirst, kLast, std::move(f), nullptr, &to, [&](Flow g) {
      if (!g.bridge_info || g.physical_out == nullptr || g.p.is_arp)
        return transmit(to, std::move(g));
      if (g.p.type == PacketType::kOtherHost) g.p.type = PacketType::kHost;  // br_nf_post_routing
      postrouting(std::move(g), nullptr, &bridge, [&](Flow h) { transmit(to, std::move(h)); });
    });
  };
  if (from == nullptr) {
    return hook(HookPoint::kBridgeOutput, kFirst, kLast, std::move(flow), nullptr, &to, leave_port);
  }
  const Next rest = [&](Flow f) {
    hook(HookPoint::kBridgeForward, 1, kLast, std::move(f), from, &to, leave_port);
  };
  hook(HookPoint::kBridgeForward, kFirst, 1, std::move(flow), from, &to, [&](Flow f) {
    if (f.bridge_info && !f.p.is_arp) {  // br_nf_forward_ip
      const bool other_host = f.p.type == PacketType::kOtherHost;
      if (other_host) f.p.type = PacketType::kHost;
      f.physical_out = &to;
      return hook(HookPoint::kIpForward, kFirst, kLast, std::move(f), &bridge, &bridge,
                  [&](Flow g) {
                    if (other_host) g.p.type = PacketType::kOtherHost;
                    rest(std::move(g));
                  });
    }
    if (f.p.is_arp && bridge.call_arptables) {  // br_nf_forward_arp
      return hook(HookPoint::kArpForward, kFirst, kLast, std::move(f), from, &to, rest);
    }
    rest(std::move(f));
  });
}

void Walk::bridge_transmit(Device& bridge, Flow flow) {  // br_dev_xmit
  flow.from_isolated_port = false;
  flow.dev = &bridge;
  if (flow.p.destination_mac.is_multicast()) {
    if (flow.ours && !carries(flow))
      return unknown(std::move(flow), "a packet in a multicast frame");
    return bridge_flood(bridge, flow, nullptr);
  }
  bridge_send(bridge, std::move(flow), nullptr);
}

void Walk::bridge_up(Device& bridge, Flow flow, Device& port) {  // br_pass_frame_up
  if (!bridge.up) return drop(std::move(flow), "interface is down: " + escape_text(bridge.name()));
  flow.dev = &bridge;
  hook(HookPoint::kBridgeInput, kFirst, kLast, std::move(flow), &port, nullptr, [&](Flow f) {
    if (f.dst.bridge_stand_in) f.dst = {};
    // The bridge device is a device like others: its own ingress hooks see the frame now.
    device_hooks(bridge, std::move(f), [&](Flow g) {
      receive_vlan(bridge, std::move(g), [&](Flow h) {
        receive_stacked(bridge, std::move(h), [&](Flow i) { deliver(bridge, std::move(i)); });
      });
    });
  });
}

}  // namespace bulkhead::reach::walks
