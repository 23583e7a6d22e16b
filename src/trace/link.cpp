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

}  // namespace

void Run::enqueue(Device& dev, const Skb& skb) {
  scratch_.queue.push(dev, skb);
}

void Run::transmit(Device& dev, Skb& skb) {
  if (stopped_) return;
  const topology::Nesting here(nested_);
  if (here.too_deep()) return stop_unknown("links upon links without end: " + dev.name());
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
      forward_to(*dev.peer, dev, skb);
      return;
    }
    case DeviceKind::kMacvlan:
      if (dev.parent == nullptr) break;
      transmit_macvlan(dev, skb);
      return;
    case DeviceKind::kIpvlan:
      if (dev.parent == nullptr) break;
      transmit_ipvlan(dev, skb);
      return;
    case DeviceKind::kVlan:
      if (dev.parent == nullptr) break;
      transmit_vlan(dev, skb);
      return;
    case DeviceKind::kVxlan: transmit_vxlan(dev, skb); return;
    case DeviceKind::kOther: break;
  }
  outsider_hears(dev, skb);
}

bool Run::is_edge(const Device& dev) const {
  return std::ranges::any_of(question_.edges, [&dev](const Edge& edge) {
    return edge.ns == dev.machine->id && edge.link == dev.index();
  });
}

void Run::receive(Device& dev, Skb& skb) {
  if (!dev.up) {
    lost(skb, "interface is down: ", dev.name());
    return;
  }
  if (!dev.loopback) classify(dev, skb);
  receive_typed(dev, skb);
}

void Run::receive_typed(Device& dev, Skb& skb) {
  skb.dev = &dev;
  if (forgery_ && forger_takes(dev, skb, false)) return;
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
  receive_filtered(dev, skb);
}

// The rest of __netif_receive_skb_core(): VLAN devices come before the master.
void Run::receive_filtered(Device& dev, Skb& skb) {
  if (receive_vlan(dev, skb)) return;
  if (dev.unmodelled_master) {
    stop_unknown("the master of " + dev.name() + " is not modelled");
    return;
  }
  if (dev.bridge != nullptr) {
    bridge_receive(dev, skb);
    return;
  }
  if (receive_stacked(dev, skb)) return;
  deliver(dev, skb);
}

void Run::deliver(Device& dev, Skb& skb) {
  skb.dev = &dev;
  if (skb.p.tagged && skb.p.vlan != 0) skb.p.type = PacketType::kOtherHost;
  skb.p.tagged = false;
  if (skb.p.ether_type == EtherType::kArp) {
    arp_receive(dev, skb);
    return;
  }
  ip_receive(dev, skb);
}

}  // namespace bulkhead::trace
