// Who else is on a wire (drivers/net/veth.c, macvlan.c, net/bridge/br_forward.c).
#include <algorithm>
#include <unordered_set>

#include "topology/topology.h"

namespace bulkhead::topology {
namespace {

constexpr std::uint32_t kBridgeMode = 4;  // MACVLAN_MODE_BRIDGE

bool in_bridge_mode(const Device& d) {
  return d.kind == DeviceKind::kMacvlan &&
         d.link->detail.macvlan_mode.value_or(kBridgeMode) == kBridgeMode;
}

class Wires {
 public:
  void leaves(const Device& d) {
    if (!d.up) return;
    switch (d.kind) {
      case DeviceKind::kVeth:
        if (d.peer != nullptr) arrives(*d.peer);
        return;
      case DeviceKind::kBridge:
        for (const Device* port : d.ports) leaves(*port);
        return;
      case DeviceKind::kMacvlan: return leaves_child(d);
      case DeviceKind::kLoopback:
      case DeviceKind::kIpvlan:
      case DeviceKind::kVlan:
      case DeviceKind::kOther: return;
    }
  }

  void arrives(const Device& d) {
    if (!d.up) return;
    if (d.bridge == nullptr) return stands(d);
    const Device& bridge = *d.bridge;
    if (!bridges_.insert(&bridge).second) return;
    entered.push_back(&d);
    stands(bridge);
    for (const Device* port : bridge.ports) {
      if (port != &d) leaves(*port);
    }
  }

  std::vector<const Device*> found, entered;

 private:
  void leaves_child(const Device& d) {
    if (d.parent == nullptr) return;
    if (in_bridge_mode(d)) {
      for (const Device* sibling : d.parent->children) {
        if (sibling != &d && in_bridge_mode(*sibling)) stands(*sibling);
      }
    }
    leaves(*d.parent);
  }

  void stands(const Device& d) {
    if (!d.up || !standing_.insert(&d).second) return;
    found.push_back(&d);
    for (const Device* child : d.children) {
      if (child->kind == DeviceKind::kMacvlan) stands(*child);
    }
  }

  std::unordered_set<const Device*> standing_, bridges_;  // bridges may be joined in a ring
};

}  // namespace

namespace {

Wires walked(const Device& from, bool outside) {
  Wires wires;
  if (outside)
    wires.arrives(from);
  else
    wires.leaves(from);
  return wires;
}

}  // namespace

std::vector<const Device*> stations(const Device& from, bool outside) {
  Wires wires = walked(from, outside);
  if (!outside) std::erase(wires.found, &from);
  return std::move(wires.found);
}

std::vector<const Device*> entrances(const Device& from, bool outside) {
  return walked(from, outside).entered;
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
