// Devices that stand on others: VLANs, macvlans and ipvlans (net/8021q/vlan_core.c, vlan_dev.c,
// drivers/net/macvlan.c, drivers/net/ipvlan/ipvlan_core.c, ipvlan_l3s.c).
#include "topology/stacked.h"

#include <algorithm>

#include "trace/run.h"

namespace bulkhead::trace {
namespace {

using topology::IpvlanMode;
using topology::IpvlanPeers;

// skb_scrub_packet(): what does not pass from one device to another.
void scrub(Skb& skb, bool other_namespace) {
  skb.ct = {};
  skb.dst = {};
  skb.bridge_info = skb.in_prerouting = skb.prerouting_done = skb.was_other_host = false;
  skb.physical_in = skb.physical_out = nullptr;
  skb.from_isolated_port = false;
  skb.received6 = nullptr;
  skb.bound_to = {};
  if (!other_namespace) return;
  skb.p.mark = 0;
  skb.p.has_socket = false;  // rules look at sockets of their own namespace alone
  skb.p.socket_cgroup = {};
}

// The same for what goes on as it is, which keeps its mark wherever it gets.
void scrub_but_mark(Skb& skb, bool other_namespace) {
  const std::uint32_t mark = skb.p.mark;
  scrub(skb, other_namespace);
  skb.p.mark = mark;
}

// ipvlan_addr_lookup(): for whom a frame is.
IpAddress meant_for(const Packet& p) {
  const bool question = p.arp && (!p.is_ip() || p.icmp_type == 135);
  return question || !p.is_ip() ? p.arp.value_or(Arp()).target_ip : p.destination;
}

// ipvlan_external_frame(): not one of our own that came back.
bool is_external(const Device& below, const Packet& p) {
  if (p.source_mac != below.mac) return true;
  const IpAddress from = p.is_ip() ? p.source : p.arp.value_or(Arp()).sender_ip;
  return topology::ipvlan_with(below, from) == nullptr;
}

bool has_rules(const Stack& stack) {
  return stack.tracks4 || stack.tracks6 ||
         std::ranges::find(stack.chains, true) != stack.chains.end();
}

// A macvlan in source mode takes what comes from MACs of a list that a snapshot does not hold.
bool has_source_macvlan(const Device& below) {
  return std::ranges::any_of(below.children, [](const Device* d) {
    return d->kind == topology::DeviceKind::kMacvlan && d->up &&
           topology::macvlan_mode(*d) == topology::MacvlanMode::kSource;
  });
}

}  // namespace

void Run::forward_to(Device& to, const Device& from, Skb skb) {
  scrub(skb, to.machine != from.machine);
  skb.p.has_socket = false;
  skb.p.socket_cgroup = {};
  enqueue(to, skb);
}

// What the frame carries beside its bytes stays with it. So a connection that br_netfilter has
// tracked for the bridge below would be taken for one of the namespace above.
void Run::rise(Device& to, const Device& from, Skb& skb) {
  if (skb.bridge_info && to.machine != from.machine && has_rules(world_.stack(*to.machine)))
    return stop_unknown("rules of " + to.name() + ", which stands on a bridge with br_netfilter");
  scrub_but_mark(skb, to.machine != from.machine);
  if (!to.up) return lost(skb, "interface is down: ", to.name());
  const topology::Nesting here(nested_);
  if (here.too_deep()) return stop_unknown("links upon links without end: " + to.name());
  receive_typed(to, skb);
}

bool Run::receive_stacked(Device& dev, Skb& skb) {
  if (dev.children.empty()) return false;
  return receive_macvlan(dev, skb) || receive_ipvlan(dev, skb);
}

// ---------------------------------------------------------------------------------------- VLANs

bool Run::receive_vlan(Device& dev, Skb& skb) {  // vlan_do_receive
  if (!skb.p.tagged || skb.p.vlan == 0 || dev.children.empty()) return false;
  const topology::VlanTaker taker = topology::vlan_taker(dev, skb.p.vlan);
  if (taker.device == nullptr) return false;
  if (taker.ambiguous) {
    stop_unknown("two VLANs of one number on " + dev.name());
    return true;
  }
  if (skb.p.type == PacketType::kOtherHost && skb.p.destination_mac == taker.device->mac)
    skb.p.type = PacketType::kHost;
  skb.p.tagged = false;
  rise(*taker.device, dev, skb);
  return true;
}

void Run::transmit_vlan(Device& dev, Skb& skb) {  // vlan_dev_hard_start_xmit
  const auto number = topology::vlan_number(dev);
  if (!number || *number == 0)
    return stop_unknown("the number of the VLAN " + dev.name() + " is not known or 0");
  if (skb.p.tagged) return stop_unknown("two VLAN tags in one frame, by " + dev.name());
  skb.p.tagged = true;
  skb.p.vlan = *number;
  if (dev.parent->machine != dev.machine) skb.p.has_socket = false;
  transmit(*dev.parent, skb);
}

// ------------------------------------------------------------------------------------- macvlans

// macvlan_queue_xmit(): siblings in bridge mode hear each other, by way of what arrives at the
// device below; its own machine never hears them.
void Run::transmit_macvlan(Device& dev, Skb& skb) {
  Device& below = *dev.parent;
  if (topology::in_bridge_mode(dev)) {
    const bool group = skb.p.destination_mac.is_multicast();
    for (Device* sibling : below.children) {
      if (sibling->kind != DeviceKind::kMacvlan || !sibling->up ||
          !topology::in_bridge_mode(*sibling))
        continue;
      if (group && sibling != &dev) forward_to(*sibling, dev, skb);
      if (!group && skb.p.destination_mac == sibling->mac) return forward_to(below, dev, skb);
    }
  }
  scrub_but_mark(skb, below.machine != dev.machine);
  transmit(below, skb);
}

bool Run::receive_macvlan(Device& dev, Skb& skb) {  // macvlan_handle_frame
  if (std::ranges::find(dev.children, DeviceKind::kMacvlan, &Device::kind) == dev.children.end())
    return false;
  if (has_source_macvlan(dev)) {
    not_known(skb, "a macvlan in source mode on " + dev.name() + " is not modelled");
    return true;
  }
  if (skb.p.destination_mac.is_multicast()) {
    const topology::Hearers hearers = topology::macvlan_hearers(dev, skb.p.source_mac);
    for (Device* child : hearers.devices) {
      Skb copy = skb;
      scrub_but_mark(copy, child->machine != dev.machine);
      enqueue(*child, copy);
    }
    return !hearers.below;
  }
  const topology::Taker taker = topology::macvlan_taker(dev, skb.p.destination_mac);
  if (taker.device == nullptr) return false;
  skb.p.type = PacketType::kHost;
  rise(*taker.device, dev, skb);
  return true;
}

// -------------------------------------------------------------------------------------- ipvlans

void Run::transmit_ipvlan(Device& dev, Skb& skb) {
  unclear_destination(skb);
  const auto mode = topology::ipvlan_mode(dev);
  if (!mode) return stop_unknown("the mode of the ipvlan " + dev.name() + " is not known");
  if (*mode == IpvlanMode::kL2) return transmit_ipvlan2(dev, skb);
  transmit_ipvlan3(dev, skb);
}

// ipvlan_xmit_mode_l2(): the ipvlans and the device below share one MAC, so what is sent to it is
// for one of them, by its address; the rest is for the device below.
void Run::transmit_ipvlan2(Device& dev, Skb& skb) {
  Device& below = *dev.parent;
  const IpvlanPeers peers = topology::ipvlan_peers(dev);
  if (peers != IpvlanPeers::kVepa && skb.p.destination_mac == skb.p.source_mac) {
    Device* const to = topology::ipvlan_with(below, meant_for(skb.p));
    if (to != nullptr && peers == IpvlanPeers::kPrivate)
      return lost(skb, "ipvlan in private mode: ", dev.name());
    return forward_to(to != nullptr ? *to : below, dev, skb);
  }
  if (skb.p.destination_mac.is_multicast()) {
    for (Device* sibling : below.children) {
      if (sibling->kind == DeviceKind::kIpvlan && sibling != &dev && sibling->up)
        forward_to(*sibling, dev, skb);
    }
    const bool socket = skb.p.has_socket;
    scrub(skb, true);
    skb.p.has_socket = socket && below.machine == dev.machine;
  }
  if (below.machine != dev.machine) skb.p.has_socket = false;
  transmit(below, skb);
}

// ipvlan_xmit_mode_l3(), ipvlan_process_outbound(): the machine of the device below routes it, as
// if it were its own, out by that device.
void Run::transmit_ipvlan3(Device& dev, Skb& skb) {
  Device& below = *dev.parent;
  const IpvlanPeers peers = topology::ipvlan_peers(dev);
  if (peers != IpvlanPeers::kVepa) {
    if (Device* to = topology::ipvlan_with(below, meant_for(skb.p))) {
      if (peers == IpvlanPeers::kPrivate) return lost(skb, "ipvlan in private mode: ", dev.name());
      return forward_to(*to, dev, skb);
    }
  }
  if (skb.p.destination_mac.is_multicast() || !skb.p.is_ip())
    return lost(skb, "an ipvlan in l3 mode sends to single machines alone: ", dev.name());
  const Machine& m = *below.machine;
  if (m.routes_unknown) return stop_unknown(m.unknown_why);
  scrub(skb, below.machine != dev.machine);
  Flow flow = flow_of(skb);
  flow.oif = below.index();
  const Output o = skb.p.source.is_v4() ? route_output4(world_.stack(m), flow, true, &choices_)
                                        : route_output6(world_.stack(m), flow, true, &choices_);
  if (o.error != NetError::kNone || o.dst.group)
    return lost(skb, "no route in the namespace below: ", below.name());
  skb.dst = o.dst;
  static_cast<void>(ip_local_hooks(skb));  // a drop there is no error of send()
}

bool Run::receive_ipvlan(Device& dev, Skb& skb) {  // ipvlan_handle_frame
  const Device* const first = topology::first_ipvlan(dev);
  if (first == nullptr) return false;
  unclear_destination(skb);
  const auto mode = topology::ipvlan_mode(*first);
  if (!mode) {
    stop_unknown("the mode of the ipvlan " + first->name() + " is not known");
    return true;
  }
  if (*mode == IpvlanMode::kL3s) return false;  // route_l3s
  if (*mode == IpvlanMode::kL2 && skb.p.destination_mac.is_multicast()) {
    if (!is_external(dev, skb.p)) return false;
    for (Device* child : dev.children) {
      if (child->kind != DeviceKind::kIpvlan || !child->up) continue;
      Skb copy = skb;
      scrub(copy, true);
      enqueue(*child, copy);
    }
    return false;
  }
  Device* const to = topology::ipvlan_with(dev, meant_for(skb.p));
  if (to == nullptr) return false;
  rise(*to, dev, skb);
  return true;
}

// ipvlan_l3_rcv(): after the host's PREROUTING the routes of the namespace above are asked. Where
// they refuse, the host's are asked as usual.
bool Run::route_l3s(Skb& skb) {
  Device* const to = topology::l3s_ipvlan(*skb.dev, skb.p.destination);
  if (to == nullptr) return false;
  std::string_view why;
  const Stack& stack = world_.stack(*to->machine);
  Dst dst;
  const bool routed = skb.p.destination.is_v4()
                          ? route_input4(stack, *to, skb.p, false, skb.p.destination, skb.p.source,
                                         &choices_, dst, why)
                          : route_input6(stack, *to, skb.p, &choices_, dst, why);
  if (!routed) return false;
  if (dst.kind != Dst::Kind::kLocal) {
    stop_unknown("an ipvlan in l3s mode that does not take a packet for its own address: " +
                 to->name());
    return false;
  }
  skb.dst = dst;
  return true;
}

}  // namespace bulkhead::trace
