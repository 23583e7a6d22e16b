// Devices: sending into one, and what comes out at its other end.
#include <algorithm>

#include "trace/run.h"

namespace bulkhead::trace {
namespace {

void classify(const Device& dev, Skb& skb) {  // eth_type_trans
  const MacAddress& to = skb.p.destination_mac;
  if (to == MacAddress::broadcast())
    skb.p.type = PacketType::kBroadcast;
  else if (to.is_multicast())
    skb.p.type = PacketType::kMulticast;
  else
    skb.p.type = to == dev.mac ? PacketType::kHost : PacketType::kOtherHost;
}

// __dev_forward_skb(): what does not pass from one namespace to another.
void scrub(Skb& skb, bool other_namespace) {
  skb.ct = {};
  skb.dst = {};
  skb.bridge_info = skb.in_prerouting = skb.prerouting_done = skb.was_other_host = false;
  skb.physical_in = skb.physical_out = nullptr;
  skb.from_isolated_port = false;
  skb.received6 = nullptr;
  skb.bound_to = {};
  skb.p.has_socket = false;
  skb.p.socket_cgroup = {};
  if (other_namespace) skb.p.mark = 0;
}

}  // namespace

void Run::enqueue(Device& dev, const Skb& skb) {
  scratch_.queue.push(dev, skb);
}

void Run::transmit(Device& dev, Skb& skb) {
  if (stopped_) return;
  if (!dev.up) {
    lost(skb, "interface is down: ", dev.name());
    return;
  }
  if (world_.chains_on(dev).egress &&
      !hook(FilterPoint::kNetdevEgress, kFirst, kLast, skb, nullptr, &dev))
    return;
  if (dev.link->tc_filters && !choices_.pick("a tc filter on " + dev.name())) {
    lost(skb, "dropped by a tc filter on ", dev.name());
    return;
  }
  if (skb.ours && skb.leg == Leg::kRequest && is_edge(dev)) {
    leave_model(skb, dev, std::nullopt);
    return;
  }
  if (meant_for_outsider(dev, skb)) {
    outsider_hears(dev, skb);
    return;
  }
  put_on_wire(dev, skb);
}

void Run::put_on_wire(Device& dev, Skb& skb) {
  if (forgery_ && forger_takes(dev, skb, true)) return;
  switch (dev.kind) {
    case DeviceKind::kLoopback:
      skb.p.type = PacketType::kHost;
      skb.p.has_socket = false;
      skb.from_isolated_port = false;
      enqueue(dev, skb);
      return;
    case DeviceKind::kBridge: bridge_transmit(dev, skb); return;
    case DeviceKind::kVeth: {
      if (dev.peer == nullptr) break;
      if (!dev.peer->up) {
        lost(skb, "the other end of the link is down: ", dev.name());
        return;
      }
      const bool other = dev.peer->machine != dev.machine;
      scrub(skb, other);
      enqueue(*dev.peer, skb);
      return;
    }
    case DeviceKind::kMacvlan:
      if (dev.parent == nullptr) break;
      transmit_macvlan(dev, skb);
      return;
    case DeviceKind::kIpvlan:
    case DeviceKind::kVlan:
    case DeviceKind::kOther: break;
  }
  if (dev.kind == DeviceKind::kIpvlan || dev.kind == DeviceKind::kVlan) {
    stop_unknown(std::string(dev.link->kind) + " is not modelled: " + dev.name());
    return;
  }
  outsider_hears(dev, skb);
}

bool Run::is_edge(const Device& dev) const {
  return std::ranges::any_of(question_.edges, [&dev](const Edge& edge) {
    return edge.ns == dev.machine->id && edge.link == dev.index();
  });
}

// macvlan_queue_xmit(): siblings in bridge mode hear each other; the parent's own machine never
// does.
void Run::transmit_macvlan(Device& dev, Skb& skb) {
  Device& parent = *dev.parent;
  scrub(skb, parent.machine != dev.machine);
  if (topology::in_bridge_mode(dev)) {
    for (Device* sibling : parent.children) {
      if (sibling == &dev || sibling->kind != DeviceKind::kMacvlan) continue;
      if (!topology::in_bridge_mode(*sibling)) continue;
      if (!sibling->up) continue;
      if (skb.p.destination_mac.is_multicast()) {
        enqueue(*sibling, skb);
      } else if (skb.p.destination_mac == sibling->mac) {
        enqueue(*sibling, skb);
        return;
      }
    }
  }
  transmit(parent, skb);
}

// macvlan_handle_frame(): true when a child took it.
bool Run::receive_on_parent(Device& dev, Skb& skb) {
  for (Device* child : dev.children) {
    if (child->kind != DeviceKind::kMacvlan || !child->up) continue;
    if (skb.p.destination_mac.is_multicast() || skb.p.destination_mac == child->mac) {
      Skb copy = skb;
      scrub(copy, child->machine != dev.machine);
      enqueue(*child, copy);
      if (!skb.p.destination_mac.is_multicast()) return true;
    }
  }
  return false;
}

void Run::receive(Device& dev, Skb& skb) {
  if (!dev.up) {
    lost(skb, "interface is down: ", dev.name());
    return;
  }
  skb.dev = &dev;
  if (forgery_ && forger_takes(dev, skb, false)) return;
  if (!dev.loopback) classify(dev, skb);
  if (dev.link->xdp && !choices_.pick("an XDP program on " + dev.name())) {
    lost(skb, "dropped by an XDP program on ", dev.name());
    return;
  }
  if (dev.link->tc_filters && !choices_.pick("a tc filter on " + dev.name())) {
    lost(skb, "dropped by a tc filter on ", dev.name());
    return;
  }
  const Stack::DeviceChains& chains = world_.chains_on(dev);
  if (chains.ingress && !hook(FilterPoint::kNetdevIngress, kFirst, kLast, skb, &dev, nullptr))
    return;
  if (chains.inet_ingress && skb.p.is_ip() &&
      !hook(FilterPoint::kInetIngress, kFirst, kLast, skb, &dev, nullptr)) {
    return;
  }
  if (dev.unmodelled_master) {
    stop_unknown("the master of " + dev.name() + " is not modelled");
    return;
  }
  if (dev.bridge != nullptr) {
    bridge_receive(dev, skb);
    return;
  }
  if (!dev.children.empty() && receive_on_parent(dev, skb)) return;
  deliver(dev, skb);
}

void Run::deliver(Device& dev, Skb& skb) {
  skb.dev = &dev;
  skb.p.tagged = false;
  if (skb.p.ether_type == EtherType::kArp) {
    arp_receive(dev, skb);
    return;
  }
  ip_receive(dev, skb);
}

}  // namespace bulkhead::trace
