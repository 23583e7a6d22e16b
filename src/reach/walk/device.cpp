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

// __dev_forward_skb(): what does not pass from one namespace to another.
void scrub(Flow& f, bool other_namespace) {
  f.forget_stack();
  f.dst = {};
  f.bound_to = {};
  f.p.has_socket = false;
  if (other_namespace) f.p.mark = 0;
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
      scrub(f, dev.peer->machine != dev.machine);
      return enqueue(*dev.peer, std::move(f));
    case DeviceKind::kMacvlan:
      if (dev.parent == nullptr) return outsider_hears(dev, std::move(f));
      return transmit_macvlan(dev, std::move(f));
    case DeviceKind::kIpvlan:
    case DeviceKind::kVlan:
      return unknown(std::move(f), dev.link->kind + " is not modelled: " + escape_text(dev.name()));
    case DeviceKind::kOther: return outsider_hears(dev, std::move(f));
  }
}

// macvlan_queue_xmit(): siblings in bridge mode hear each other; the parent's own machine never
// does.
void Walk::transmit_macvlan(Device& dev, Flow flow) {
  Device& parent = *dev.parent;
  scrub(flow, parent.machine != dev.machine);
  if (topology::in_bridge_mode(dev)) {
    for (Device* sibling : parent.children) {
      if (sibling == &dev || sibling->kind != DeviceKind::kMacvlan || !sibling->up ||
          !topology::in_bridge_mode(*sibling))
        continue;
      if (flow.p.destination_mac.is_multicast()) {
        if (flow.ours) return unknown(std::move(flow), "a multicast frame on a macvlan");
        enqueue(*sibling, flow);
      } else if (flow.p.destination_mac == sibling->mac) {
        return enqueue(*sibling, std::move(flow));
      }
    }
  }
  transmit(parent, std::move(flow));
}

// macvlan_handle_frame(): true when a child took it.
bool Walk::receive_on_parent(Device& dev, Flow& flow) {
  for (Device* child : dev.children) {
    if (child->kind != DeviceKind::kMacvlan || !child->up) continue;
    const bool group = flow.p.destination_mac.is_multicast();
    if (!group && flow.p.destination_mac != child->mac) continue;
    if (group && flow.ours) continue;  // such a packet is not for a machine; its other copy goes on
    Flow copy = flow;
    scrub(copy, child->machine != dev.machine);
    enqueue(*child, std::move(copy));
    if (!group) return true;
  }
  return false;
}

void Walk::receive(Device& dev, Flow flow) {
  if (!dev.up) return drop(std::move(flow), "interface is down: " + escape_text(dev.name()));
  flow.dev = &dev;
  if (forgery_ && forger_takes(dev, flow, false)) return;
  if (!dev.loopback) flow.p.type = type_of(dev, flow.p.destination_mac);
  for (const bool there : {dev.link->xdp, dev.link->tc_filters}) {
    if (!there) continue;
    Flow lost = flow;
    flow.in_doubt = lost.in_doubt = true;
    drop(std::move(lost), "dropped by a tc filter or an XDP program on " + escape_text(dev.name()));
  }
  device_hooks(dev, std::move(flow), [&](Flow f) { receive_unfiltered(dev, std::move(f)); });
}

void Walk::receive_unfiltered(Device& dev, Flow flow) {
  if (dev.unmodelled_master)
    return unknown(std::move(flow),
                   "the master of " + escape_text(dev.name()) + " is not modelled");
  if (dev.bridge != nullptr) return bridge_receive(dev, std::move(flow));
  if (!dev.children.empty() && receive_on_parent(dev, flow)) return;
  deliver(dev, std::move(flow));
}

void Walk::deliver(Device& dev, Flow flow) {
  flow.dev = &dev;
  flow.p.tagged = false;
  if (flow.p.is_arp) return arp_receive(dev, std::move(flow));
  ip_receive(dev, std::move(flow));
}

}  // namespace bulkhead::reach::walks
