// Who else is on a wire (drivers/net/veth.c, macvlan.c, net/bridge/br_forward.c).
#include <algorithm>
#include <unordered_set>
#include <utility>

#include "topology/stacked.h"

namespace bulkhead::topology {
namespace {

class Walk {
 public:
  void leaves(Device& d) {
    if (!d.up) return;
    switch (d.kind) {
      case DeviceKind::kVeth:
        if (d.peer != nullptr) arrives(*d.peer);
        return;
      case DeviceKind::kBridge:
        for (Device* port : d.ports) leaves(*port);
        return;
      case DeviceKind::kMacvlan: return leaves_child(d);
      case DeviceKind::kIpvlan: return leaves_ipvlan(d);
      case DeviceKind::kVlan: return leaves_vlan(d);
      case DeviceKind::kVxlan: return leaves_vxlan(d);
      case DeviceKind::kLoopback:
      case DeviceKind::kOther: return;
    }
  }

  void arrives(Device& d) {
    if (!d.up) return;
    if (d.bridge == nullptr) return stands(d);
    if (arrives_tagged(d)) return;
    Device& bridge = *d.bridge;
    if (!bridges_.insert(&bridge).second) return;
    out.entrances.push_back(&d);
    stands(bridge);
    for (Device* port : bridge.ports) {
      if (port != &d) leaves(*port);
    }
  }

  Wires out;

 private:
  void leaves_child(Device& d) {
    if (d.parent == nullptr) return;
    if (in_bridge_mode(d)) {
      for (Device* sibling : d.parent->children) {
        if (sibling != &d && sibling->kind == DeviceKind::kMacvlan && in_bridge_mode(*sibling))
          stands(*sibling);
      }
    }
    leaves(*d.parent);
  }

  // What is sent to the MAC that all ipvlans of a device share goes to the device (in L2 mode only
  // by its own MAC as source); in L3 mode its machine routes whatever comes.
  void leaves_ipvlan(Device& d) {
    if (d.parent == nullptr) return;
    if (d.parent->up) out.stations.push_back(d.parent);
    if (ipvlan_mode(d) == IpvlanMode::kL2) leaves(*d.parent);
  }

  void leaves_vlan(Device& d) {
    const auto number = vlan_number(d);
    if (d.parent == nullptr || tag_ != 0 || !number) return;
    tag_ = *number;
    leaves(*d.parent);
    tag_ = 0;
  }

  // Ends that are joined in a ring are entered once each.
  void leaves_vxlan(Device& d) {
    for (Device* end : d.far_ends) {
      if (!end->up || !tunnels_.insert(end).second) continue;
      out.tunnels.push_back(end);
      arrives(*end);
    }
  }

  // A frame with a tag goes to the VLAN device of that number first; true when there is one.
  bool arrives_tagged(const Device& d) {
    Device* const vlan = tag_ != 0 ? vlan_taker(d, tag_).device : nullptr;
    if (vlan == nullptr) return false;
    const std::uint16_t tag = std::exchange(tag_, 0);
    arrives(*vlan);
    tag_ = tag;
    return true;
  }

  void stands(Device& d) {
    if (!d.up || arrives_tagged(d) || tag_ != 0) return;
    if (!standing_.insert(&d).second) return;
    const Taker all = macvlan_taker(d, MacAddress::broadcast());  // in passthru mode: everything
    if (all.device == nullptr) out.stations.push_back(&d);
    for (Device* child : d.children) {
      if (child->kind == DeviceKind::kMacvlan) stands(*child);
    }
  }

  std::uint16_t tag_ = 0;  // of the VLAN whose frames are followed
  std::unordered_set<const Device*> standing_, bridges_, tunnels_;  // all may be in a ring
};

}  // namespace

bool in_bridge_mode(const Device& macvlan) {
  return macvlan_mode(macvlan) == MacvlanMode::kBridge;
}

Wires wires(Device& from, bool outside) {
  Walk walk;
  if (outside) {
    walk.arrives(from);
  } else {
    walk.leaves(from);
    std::erase(walk.out.stations, &from);
  }
  return std::move(walk.out);
}

std::vector<Device*> sending_devices(Device& link, bool outside) {
  if (outside) return {&link};
  std::vector<Device*> out;
  for (const auto& d : link.machine->devices) {
    if (d->up && !d->loopback) out.push_back(d.get());
  }
  return out;
}

bool can_be_drawn_away(const Device& bridge, MacAddress mac) {
  constexpr std::uint8_t kSticky = 0x40;  // NTF_STICKY
  if (mac == bridge.mac) return false;
  if (std::ranges::any_of(bridge.ports, [mac](const Device* p) { return p->mac == mac; }))
    return false;
  return std::ranges::none_of(bridge.machine->ns->fdb, [&](const model::BridgeFdbEntry& e) {
    return e.bridge == bridge.index() && e.mac == mac && (e.flags & kSticky) != 0;
  });
}

}  // namespace bulkhead::topology
