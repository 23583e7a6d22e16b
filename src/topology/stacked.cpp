#include "topology/stacked.h"

#include <algorithm>

namespace bulkhead::topology {
namespace {

bool is_source_mode(const Device& d) {
  return macvlan_mode(d) == MacvlanMode::kSource;
}

// The macvlans of a device that are in its table of MACs: those that are up (macvlan_open).
std::vector<Device*> listening(const Device& below) {
  std::vector<Device*> out;
  for (Device* d : below.children) {
    if (d->kind == DeviceKind::kMacvlan && d->up) out.push_back(d);
  }
  return out;
}

}  // namespace

MacvlanMode macvlan_mode(const Device& macvlan) {
  const auto bridge = static_cast<std::uint32_t>(MacvlanMode::kBridge);
  return static_cast<MacvlanMode>(macvlan.link->detail.macvlan_mode.value_or(bridge));
}

std::optional<IpvlanMode> ipvlan_mode(const Device& ipvlan) {
  const auto mode = ipvlan.link->detail.ipvlan_mode;
  if (!mode || *mode > static_cast<std::uint32_t>(IpvlanMode::kL3s)) return std::nullopt;
  return static_cast<IpvlanMode>(*mode);
}

IpvlanPeers ipvlan_peers(const Device& ipvlan) {
  return static_cast<IpvlanPeers>(ipvlan.link->detail.ipvlan_flags.value_or(0) & 3U);
}

const Device* first_ipvlan(const Device& below) {
  const auto at = std::ranges::find(below.children, DeviceKind::kIpvlan, &Device::kind);
  return at == below.children.end() ? nullptr : *at;
}

Taker macvlan_taker(const Device& below, MacAddress to) {
  for (Device* d : below.children) {
    if (d->kind != DeviceKind::kMacvlan) continue;
    if (macvlan_mode(*d) == MacvlanMode::kPassthru) return {d, !d->up};
    if (d->up && d->mac == to && !is_source_mode(*d)) return {d, false};
  }
  return {};
}

Hearers macvlan_hearers(const Device& below, MacAddress from) {
  std::vector<Device*> all = listening(below);
  const auto at = std::ranges::find(all, from, &Device::mac);
  Hearers out;
  if (at == all.end()) {
    out.devices = std::move(all);
    std::erase_if(out.devices, [](const Device* d) { return is_source_mode(*d); });
    return out;
  }
  Device* const sender = *at;
  const MacvlanMode mode = macvlan_mode(*sender);
  if (mode != MacvlanMode::kVepa && mode != MacvlanMode::kBridge) return {{sender}, false};
  for (Device* d : all) {
    const bool vepa = macvlan_mode(*d) == MacvlanMode::kVepa;
    // Those in bridge mode heard a frame of their own kind on its way out.
    if (d != sender && (vepa || (mode == MacvlanMode::kVepa && in_bridge_mode(*d))))
      out.devices.push_back(d);
  }
  return out;
}

Device* ipvlan_with(const Device& below, IpAddress address) {
  for (Device* d : below.children) {
    if (d->kind != DeviceKind::kIpvlan || !d->up) continue;
    const auto& own = address.is_v4() ? d->addresses4 : d->addresses6;
    if (std::ranges::any_of(own, [&](const model::Address* a) { return a->local == address; }))
      return d;
  }
  return nullptr;
}

Device* l3s_ipvlan(const Device& below, IpAddress address) {
  const Device* const first = first_ipvlan(below);
  if (first == nullptr || ipvlan_mode(*first) != IpvlanMode::kL3s) return nullptr;
  return ipvlan_with(below, address);
}

VlanTaker vlan_taker(const Device& below, std::uint16_t number) {
  VlanTaker out;
  for (Device* d : below.children) {
    if (d->kind != DeviceKind::kVlan || vlan_number(*d) != number) continue;
    out.ambiguous = out.device != nullptr;
    if (out.device == nullptr) out.device = d;
  }
  return out;
}

std::optional<std::uint16_t> vlan_number(const Device& vlan) {
  return vlan.link->detail.vlan_id;
}

}  // namespace bulkhead::topology
