// Devices: sending into one, and what comes out at its other end (net/core/dev.c,
// drivers/net/veth.c, macvlan.c).
#include <algorithm>

#include "base/text.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

PacketType type_of(const Device& dev, MacAddress to) {  // eth_type_trans
  if (to == MacAddress::broadcast()) return PacketType::kBroadcast;
  if (to.is_multicast()) return PacketType::kMulticast;
  return to == dev.mac ? PacketType::kHost : PacketType::kOtherHost;
}

}  // namespace

// What stands on the device itself.
void Walk::device_hooks(Device& dev, Flow flow, const Next& next) {
  const Next then = [&](Flow f) {
    if (!hooks_.has_chains_on(dev, HookPoint::kInetIngress) || f.p.is_arp)
      return next(std::move(f));
    hook(HookPoint::kInetIngress, kFirst, kLast, std::move(f), &dev, nullptr, next);
  };
  if (!hooks_.has_chains_on(dev, HookPoint::kNetdevIngress)) return then(std::move(flow));
  hook(HookPoint::kNetdevIngress, kFirst, kLast, std::move(flow), &dev, nullptr, then);
}

void Walk::transmit(Device& dev, Flow flow) {
  const topology::Nesting here(nested_);
  if (here.too_deep())
    return unknown(std::move(flow), "links upon links without end: " + escape_text(dev.name()));
  if (!dev.up) return drop(std::move(flow), "interface is down: " + escape_text(dev.name()));
  const Next then = [&](Flow f) {
    if (dev.link->tc_filters) {
      Flow lost = f;
      f.in_doubt = lost.in_doubt = true;
      drop(std::move(lost), "dropped by a tc filter on " + escape_text(dev.name()));
    }
    if (meant_for_outsider(dev, f)) return outsider_hears(dev, std::move(f));
    put_on_wire(dev, std::move(f));
  };
  if (!hooks_.has_chains_on(dev, HookPoint::kNetdevEgress)) return then(std::move(flow));
  hook(HookPoint::kNetdevEgress, kFirst, kLast, std::move(flow), nullptr, &dev, then);
}

void Walk::put_on_wire(Device& dev, Flow f) {
  if (forgery_ && forger_takes(dev, f, true)) return;
  switch (dev.kind) {
    case DeviceKind::kLoopback:
      f.p.type = PacketType::kHost;
      f.p.has_socket = false;
      f.from_isolated_port = false;
      return enqueue(dev, std::move(f));
    case DeviceKind::kBridge: return bridge_transmit(dev, std::move(f));
    case DeviceKind::kVeth:
      if (dev.peer == nullptr) return outsider_hears(dev, std::move(f));
      if (!dev.peer->up)
        return drop(std::move(f), "the other end of the link is down: " + escape_text(dev.name()));
      return forward_to(*dev.peer, dev, std::move(f));
    case DeviceKind::kMacvlan:
      if (dev.parent == nullptr) return outsider_hears(dev, std::move(f));
      return transmit_macvlan(dev, std::move(f));
    case DeviceKind::kIpvlan:
      if (dev.parent == nullptr) return outsider_hears(dev, std::move(f));
      return transmit_ipvlan(dev, std::move(f));
    case DeviceKind::kVlan:
      if (dev.parent == nullptr) return outsider_hears(dev, std::move(f));
      return transmit_vlan(dev, std::move(f));
    case DeviceKind::kVxlan: return transmit_vxlan(dev, std::move(f));
    case DeviceKind::kOther: return outsider_hears(dev, std::move(f));
  }
}

void Walk::receive(Device& dev, Flow flow) {
  if (!dev.up) return drop(std::move(flow), "interface is down: " + escape_text(dev.name()));
  if (!dev.loopback) flow.p.type = type_of(dev, flow.p.destination_mac);
  receive_typed(dev, std::move(flow));
}

void Walk::receive_typed(Device& dev, Flow flow) {
  flow.dev = &dev;
  if (forgery_ && forger_takes(dev, flow, false)) return;
  for (const bool there : {dev.link->xdp, dev.link->tc_filters}) {
    if (!there) continue;
    Flow lost = flow;
    flow.in_doubt = lost.in_doubt = true;
    drop(std::move(lost), "dropped by a tc filter or an XDP program on " + escape_text(dev.name()));
  }
  device_hooks(dev, std::move(flow), [&](Flow f) { receive_unfiltered(dev, std::move(f)); });
}

// The rest of __netif_receive_skb_core(): VLAN devices come before the master.
void Walk::receive_unfiltered(Device& dev, Flow flow) {
  receive_vlan(dev, std::move(flow), [&](Flow f) {
    if (dev.unmodelled_master)
      return unknown(std::move(f), "the master of " + escape_text(dev.name()) + " is not modelled");
    if (dev.bridge != nullptr) return bridge_receive(dev, std::move(f));
    receive_stacked(dev, std::move(f), [&](Flow g) { deliver(dev, std::move(g)); });
  });
}

void Walk::deliver(Device& dev, Flow flow) {
  flow.dev = &dev;
  if (flow.p.tagged && flow.p.vlan != 0) flow.p.type = PacketType::kOtherHost;
  flow.p.tagged = false;
  if (flow.p.is_arp) return arp_receive(dev, std::move(flow));
  ip_receive(dev, std::move(flow));
}

}  // namespace bulkhead::reach::walks
