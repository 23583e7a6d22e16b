// Where each MAC address is, seen from each bridge: found by walking the wires.
#include "topology/topology.h"

namespace bulkhead::topology {
namespace {

constexpr std::size_t kMostDepth = 16;  // of links behind links
constexpr std::size_t kMostMacs = 1'000'000;

// Which MACs are heard through `d`, seen from its machine: those of the far end and of everything
// switched behind it.
void macs_through(const Device& d, std::vector<MacAddress>& out, std::size_t depth);

// A device and what stands on it.
void push_stacked(const Device& d, std::vector<MacAddress>& out, std::size_t depth) {
  if (depth > kMostDepth) return;
  out.push_back(d.mac);
  for (const Device* child : d.children) push_stacked(*child, out, depth + 1);
}

void macs_of_machine_side(const Device& d, std::vector<MacAddress>& out, std::size_t depth) {
  if (depth > kMostDepth) return;
  push_stacked(d, out, depth);
  if (d.bridge == nullptr) return;
  push_stacked(*d.bridge, out, depth);
  for (const Device* port : d.bridge->ports) {
    if (port == &d) continue;
    out.push_back(port->mac);
    macs_through(*port, out, depth + 1);
  }
}

void macs_through(const Device& d, std::vector<MacAddress>& out, std::size_t depth) {
  if (depth > kMostDepth) return;
  if (d.peer != nullptr) macs_of_machine_side(*d.peer, out, depth + 1);
  if (d.kind == DeviceKind::kVlan && d.parent != nullptr) macs_through(*d.parent, out, depth + 1);
  for (const Device* end : d.far_ends) {
    if (out.size() < kMostMacs) macs_of_machine_side(*end, out, depth + 1);
  }
}

}  // namespace

void Topology::learn_macs() {
  for (auto& m : machines_) {
    place_macs(*m);
    place_static(*m);
  }
}

void Topology::place_macs(Machine& m) {
  std::vector<MacAddress> macs;
  // A MAC behind two ports cannot be placed: such frames are flooded (null).
  const auto place = [&](const Device& on, Device* port) {
    for (const MacAddress& mac : macs) {
      const auto [at, fresh] = macs_.try_emplace({&on, mac}, port);
      if (!fresh && at->second != port) at->second = nullptr;
    }
    macs.clear();
  };
  for (auto& bridge : m.devices) {
    for (Device* end : bridge->far_ends) {
      macs_of_machine_side(*end, macs, 0);
      place(*bridge, end);
    }
    if (bridge->kind != DeviceKind::kBridge) continue;
    for (Device* port : bridge->ports) {
      macs_through(*port, macs, 0);
      place(*bridge, port);
    }
  }
}

void Topology::place_static(Machine& m) {
  constexpr std::uint8_t kFlagSelf = 0x02;
  for (const model::BridgeFdbEntry& e : m.ns->fdb) {
    if (!e.bridge || (e.flags & kFlagSelf) != 0) continue;
    Device *bridge = m.device(e.bridge), *port = m.device(e.link);
    if (bridge == nullptr || port == nullptr || port->bridge != bridge) continue;
    // Static entries decide; permanent ones are the bridge's own MACs, known already.
    if ((e.state & model::nud::kNoArp) != 0 && (e.state & model::nud::kPermanent) == 0) {
      macs_[{bridge, e.mac}] = port;
    } else if ((e.state & model::nud::kPermanent) == 0) {
      macs_.try_emplace({bridge, e.mac}, port);
    }
  }
}

}  // namespace bulkhead::topology
