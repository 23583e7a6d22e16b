// Devices that stand on others: VLANs, macvlans and ipvlans (net/8021q/vlan_core.c, vlan_dev.c,
// drivers/net/macvlan.c, drivers/net/ipvlan/ipvlan_core.c, ipvlan_l3s.c).
#include "topology/stacked.h"

#include <algorithm>

#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

using topology::IpvlanMode;
using topology::IpvlanPeers;

// skb_scrub_packet(): what does not pass from one device to another.
void scrub(Flow& f, bool other_namespace) {
  f.forget_stack();
  f.dst = {};
  f.bound_to = {};
  if (!other_namespace) return;
  f.p.mark = 0;
  f.p.has_socket = false;  // rules look at sockets of their own namespace alone
}

// ipvlan_addr_lookup(): for whom a frame is.
AddressOperand meant_for(const Header& p) {
  const bool question = p.neighbour && (p.is_arp || p.icmp_type == 135);
  return question ? AddressOperand::of(p.neighbour->target) : p.t.destination;
}

// ipvlan_external_frame(): not one of our own that came back. Such frames are questions for
// neighbours alone.
bool is_external(const Device& below, const Header& p) {
  if (p.source_mac != below.mac || !p.neighbour) return true;
  return topology::ipvlan_with(below, p.neighbour->sender) == nullptr;
}

bool has(const Device& below, DeviceKind kind) {
  return std::ranges::find(below.children, kind, &Device::kind) != below.children.end();
}

// A macvlan in source mode takes what comes from MACs of a list that a snapshot does not hold.
bool has_source_macvlan(const Device& below) {
  return std::ranges::any_of(below.children, [](const Device* d) {
    return d->kind == topology::DeviceKind::kMacvlan && d->up &&
           topology::macvlan_mode(*d) == topology::MacvlanMode::kSource;
  });
}

}  // namespace

// The frame goes to what arrives at `to`, past its wire (dev_forward_skb).
void Walk::forward_to(Device& to, const Device& from, Flow flow) {
  scrub(flow, to.machine != from.machine);
  flow.p.has_socket = false;
  enqueue(to, std::move(flow));
}

// RX_HANDLER_ANOTHER. What the frame carries beside its bytes stays with it, so a connection that
// br_netfilter has tracked for the bridge below would be taken for one of the namespace above.
void Walk::rise(Device& to, const Device& from, Flow flow) {
  if (flow.bridge_info && to.machine != from.machine && hooks_.has_any(*to.machine))
    return unknown(std::move(flow), "rules of " + escape_text(to.name()) +
                                        ", which stands on a bridge with br_netfilter");
  const std::uint32_t mark = flow.p.mark;
  scrub(flow, to.machine != from.machine);
  flow.p.mark = mark;
  if (!to.up) return drop(std::move(flow), "interface is down: " + escape_text(to.name()));
  const topology::Nesting here(nested_);
  if (here.too_deep())
    return unknown(std::move(flow), "links upon links without end: " + escape_text(to.name()));
  receive_typed(to, std::move(flow));
}

void Walk::receive_stacked(Device& dev, Flow flow, const Next& rest) {
  if (dev.children.empty()) return rest(std::move(flow));
  receive_macvlan(dev, std::move(flow), [&](Flow f) { receive_ipvlan(dev, std::move(f), rest); });
}

// ---------------------------------------------------------------------------------------- VLANs

void Walk::receive_vlan(Device& dev, Flow flow, const Next& rest) {  // vlan_do_receive
  if (!flow.p.tagged || flow.p.vlan == 0 || dev.children.empty()) return rest(std::move(flow));
  const topology::VlanTaker taker = topology::vlan_taker(dev, flow.p.vlan);
  if (taker.device == nullptr) return rest(std::move(flow));
  if (taker.ambiguous)
    return unknown(std::move(flow), "two VLANs of one number on " + escape_text(dev.name()));
  if (flow.p.type == PacketType::kOtherHost && flow.p.destination_mac == taker.device->mac)
    flow.p.type = PacketType::kHost;
  flow.p.tagged = false;
  rise(*taker.device, dev, std::move(flow));
}

void Walk::transmit_vlan(Device& dev, Flow flow) {  // vlan_dev_hard_start_xmit
  const auto number = topology::vlan_number(dev);
  if (!number || *number == 0)
    return unknown(std::move(flow),
                   "the number of the VLAN " + escape_text(dev.name()) + " is not known or 0");
  if (flow.p.tagged)
    return unknown(std::move(flow), "two VLAN tags in one frame, by " + escape_text(dev.name()));
  flow.p.tagged = true;
  flow.p.vlan = *number;
  if (dev.parent->machine != dev.machine) flow.p.has_socket = false;
  transmit(*dev.parent, std::move(flow));
}

// ------------------------------------------------------------------------------------- macvlans

// macvlan_queue_xmit(): siblings in bridge mode hear each other, by way of what arrives at the
// device below; its own machine never hears them.
void Walk::transmit_macvlan(Device& dev, Flow flow) {
  Device& below = *dev.parent;
  if (topology::in_bridge_mode(dev)) {
    const bool group = flow.p.destination_mac.is_multicast();
    for (Device* sibling : below.children) {
      if (sibling->kind != DeviceKind::kMacvlan || !sibling->up ||
          !topology::in_bridge_mode(*sibling))
        continue;
      if (group && sibling != &dev) {
        if (flow.ours) return unknown(std::move(flow), "a multicast frame on a macvlan");
        forward_to(*sibling, dev, flow);
      }
      if (!group && flow.p.destination_mac == sibling->mac)
        return forward_to(below, dev, std::move(flow));
    }
  }
  const std::uint32_t mark = flow.p.mark;
  scrub(flow, below.machine != dev.machine);
  flow.p.mark = mark;
  transmit(below, std::move(flow));
}

void Walk::receive_macvlan(Device& dev, Flow flow, const Next& rest) {  // macvlan_handle_frame
  if (!has(dev, DeviceKind::kMacvlan)) return rest(std::move(flow));
  if (has_source_macvlan(dev))
    return unknown(std::move(flow),
                   "a macvlan in source mode on " + escape_text(dev.name()) + " is not modelled");
  if (flow.p.destination_mac.is_multicast()) {
    // Such a packet of the connection is not for a machine; its other copy goes on.
    if (flow.ours) return rest(std::move(flow));
    const topology::Hearers hearers = topology::macvlan_hearers(dev, flow.p.source_mac);
    for (Device* child : hearers.devices) {
      Flow copy = flow;
      const std::uint32_t mark = copy.p.mark;
      scrub(copy, child->machine != dev.machine);
      copy.p.mark = mark;
      enqueue(*child, std::move(copy));
    }
    if (hearers.below) rest(std::move(flow));
    return;
  }
  const topology::Taker taker = topology::macvlan_taker(dev, flow.p.destination_mac);
  if (taker.device == nullptr) return rest(std::move(flow));
  flow.p.type = PacketType::kHost;
  rise(*taker.device, dev, std::move(flow));
}

// -------------------------------------------------------------------------------------- ipvlans

// The flow by the ipvlan on `below` that has its address; the rest to `none`.
void Walk::by_ipvlans(const Device& below, Flow flow, const std::function<void(Flow, Device&)>& one,
                      const Next& none) {
  const AddressOperand to = meant_for(flow.p);
  packet::PacketSet rest = flow.set;
  const auto take = [&](Device& child, const std::vector<const model::Address*>& own) {
    for (const model::Address* a : own) {
      if (topology::ipvlan_with(below, a->local) != &child) continue;
      Flow f = flow;
      f.set = split_off(algebra_, rest, algebra_.where(to, a->local));
      if (!f.set.empty()) one(std::move(f), child);
    }
  };
  const bool v4 = algebra_.family() == IpFamily::kV4;
  for (Device* child : below.children) {
    if (child->kind == DeviceKind::kIpvlan)
      take(*child, v4 ? child->addresses4 : child->addresses6);
  }
  flow.set = std::move(rest);
  if (!flow.set.empty()) none(std::move(flow));
}

void Walk::transmit_ipvlan(Device& dev, Flow flow) {
  const auto mode = topology::ipvlan_mode(dev);
  if (!mode)
    return unknown(std::move(flow),
                   "the mode of the ipvlan " + escape_text(dev.name()) + " is not known");
  if (*mode == IpvlanMode::kL2) return transmit_ipvlan2(dev, std::move(flow));
  transmit_ipvlan3(dev, std::move(flow));
}

// ipvlan_xmit_mode_l2(): the ipvlans and the device below share one MAC, so what is sent to it is
// for one of them, by its address; the rest is for the device below.
void Walk::transmit_ipvlan2(Device& dev, Flow flow) {
  Device& below = *dev.parent;
  const IpvlanPeers peers = topology::ipvlan_peers(dev);
  const Next leaves = [&](Flow f) {
    if (f.p.destination_mac.is_multicast()) {
      for (Device* sibling : below.children) {
        const bool hears = sibling->kind == DeviceKind::kIpvlan && sibling != &dev && sibling->up;
        if (hears && f.ours) return unknown(std::move(f), "a multicast frame on an ipvlan");
        if (hears) forward_to(*sibling, dev, f);
      }
      scrub(f, true);
    }
    if (below.machine != dev.machine) f.p.has_socket = false;
    transmit(below, std::move(f));
  };
  if (peers == IpvlanPeers::kVepa) return leaves(std::move(flow));
  const MacAddress to = flow.p.destination_mac;
  const packet::PacketSet own_mac = flow.p.any_source_mac
                                        ? algebra_.where(NumberOperand::in(Quantity::kSourceMac),
                                                         packet::IntervalSet::single(number_of(to)))
                                    : flow.p.source_mac == to ? algebra_.all()
                                                              : algebra_.none();
  const Next same = [&](Flow f) {
    by_ipvlans(
        below, std::move(f),
        [&](Flow g, Device& child) {
          if (peers == IpvlanPeers::kPrivate)
            return drop(std::move(g), "ipvlan in private mode: " + escape_text(dev.name()));
          forward_to(child, dev, std::move(g));
        },
        [&](Flow g) { forward_to(below, dev, std::move(g)); });
  };
  split(std::move(flow), own_mac, same, leaves);
}

// ipvlan_xmit_mode_l3(), ipvlan_process_outbound(): the machine of the device below routes it, as
// if it were its own, out by that device.
void Walk::transmit_ipvlan3(Device& dev, Flow flow) {
  Device& below = *dev.parent;
  const IpvlanPeers peers = topology::ipvlan_peers(dev);
  const Next outbound = [&](Flow f) {
    if (f.p.destination_mac.is_multicast() || f.p.is_arp)
      return drop(std::move(f), "an ipvlan in l3 mode sends to single machines alone: " +
                                    escape_text(dev.name()));
    scrub(f, below.machine != dev.machine);
    route_below(below, std::move(f));
  };
  if (peers == IpvlanPeers::kVepa) return outbound(std::move(flow));
  by_ipvlans(
      below, std::move(flow),
      [&](Flow f, Device& child) {
        if (peers == IpvlanPeers::kPrivate)
          return drop(std::move(f), "ipvlan in private mode: " + escape_text(dev.name()));
        forward_to(child, dev, std::move(f));
      },
      outbound);
}

void Walk::route_below(Device& below, Flow flow) {
  const Machine& m = *below.machine;
  if (m.routes_unknown) return unknown(std::move(flow), m.unknown_why);
  routes::Ask ask = ask_of(flow);
  ask.oif = below.index();
  by_ways(flow, routes(m).output(algebra_, ask, true, true, flow.set),
          [&](Flow f, const routes::Way& way) {
            if (way.error != NetError::kNone || way.dst.group)
              return drop(std::move(f),
                          "no route in the namespace below: " + escape_text(below.name()));
            f.dst = way.dst;
            pass_output(std::move(f));  // a drop there is no error of send()
          });
}

void Walk::receive_ipvlan(Device& dev, Flow flow, const Next& rest) {  // ipvlan_handle_frame
  const Device* const first = topology::first_ipvlan(dev);
  if (first == nullptr) return rest(std::move(flow));
  const auto mode = topology::ipvlan_mode(*first);
  if (!mode)
    return unknown(std::move(flow),
                   "the mode of the ipvlan " + escape_text(first->name()) + " is not known");
  if (*mode == IpvlanMode::kL3s) return rest(std::move(flow));  // route_l3s
  if (*mode == IpvlanMode::kL2 && flow.p.destination_mac.is_multicast()) {
    for (Device* child : dev.children) {
      if (child->kind != DeviceKind::kIpvlan || !child->up || flow.ours ||
          !is_external(dev, flow.p))
        continue;
      Flow copy = flow;
      scrub(copy, true);
      enqueue(*child, std::move(copy));
    }
    return rest(std::move(flow));
  }
  by_ipvlans(
      dev, std::move(flow), [&](Flow f, Device& child) { rise(child, dev, std::move(f)); }, rest);
}

// ipvlan_l3_rcv(): after the host's PREROUTING the routes of the namespace above are asked. Where
// they refuse, the host's are asked as usual.
void Walk::route_l3s(Flow flow, const Next& usual) {
  Device& dev = *flow.dev;
  const Device* const first = topology::first_ipvlan(dev);
  if (first == nullptr || topology::ipvlan_mode(*first) != IpvlanMode::kL3s)
    return usual(std::move(flow));
  by_ipvlans(
      dev, std::move(flow),
      [&](const Flow& f, Device& child) {
        routes::Ask ask = ask_of(f);
        ask.uid = 0;
        if (algebra_.family() == IpFamily::kV6) ask.tos = f.p.tos;
        if (child.machine->routes_unknown) return unknown(f, child.machine->unknown_why);
        by_ways(f, routes(*child.machine).input(algebra_, child, ask, false, f.set),
                [&](Flow g, const routes::Way& way) {
                  if (!way.dropped.empty()) return usual(std::move(g));
                  if (way.dst.kind != Dst::Kind::kLocal)
                    return unknown(std::move(g),
                                   "an ipvlan in l3s mode that does not take a packet "
                                   "for its own address: " +
                                       escape_text(child.name()));
                  g.dst = way.dst;
                  routed_in(std::move(g));
                });
      },
      usual);
}

}  // namespace bulkhead::reach::walks
