#include "topology/vxlan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "topology/stacked.h"

namespace bulkhead::topology {
namespace {

constexpr std::uint8_t kSelf = 0x02, kRouter = 0x80;  // NTF_*
constexpr std::uint16_t kEnteredByHand = model::nud::kPermanent | model::nud::kNoArp;
constexpr std::size_t kMostFarEnds = 1024;
constexpr MacAddress kAllOthers;  // all zeros

// What was not read is as by default; of such a device nothing is followed (vxlan_unmodelled).
const model::VxlanInfo& settings_of(const Device& d) {
  static const model::VxlanInfo kDefault;
  const std::optional<model::VxlanInfo>& info = d.link->vxlan;
  return info ? *info : kDefault;
}

bool set_by_hand(const model::BridgeFdbEntry& e) {
  return (e.state & kEnteredByHand) != 0;
}

VxlanRemote remote_of(const Device& d, const model::BridgeFdbEntry& e) {
  const model::LinkDetail& own = d.link->detail;
  return {e.destination.value_or(IpAddress()), e.port.value_or(own.vxlan_port.value_or(Port{})),
          e.vni.value_or(own.vxlan_id.value_or(0)), e.via};
}

// Those of the entries for a MAC that say an address: of none the frame is dropped.
std::vector<VxlanRemote> entered(const Device& d, MacAddress mac, bool by_hand_alone) {
  std::vector<VxlanRemote> out;
  for (const model::BridgeFdbEntry* e : d.vxlan_entries) {
    if (e->mac != mac || (by_hand_alone && !set_by_hand(*e))) continue;
    if (e->destination && !e->destination->is_unspecified()) out.push_back(remote_of(d, *e));
  }
  return out;
}

bool has_group(const Device& d, MacAddress mac) {
  return std::ranges::any_of(d.vxlan_entries, [mac](const model::BridgeFdbEntry* e) {
    return e->mac == mac && e->next_hop_id.has_value();
  });
}

// By which of its addresses `end` sends frames to `at`'s machine: those for all, before those for
// some.
std::optional<VxlanRemote> sends_to(const Device& end, const Device& at) {
  std::optional<VxlanRemote> for_some;
  for (const model::BridgeFdbEntry* e : end.vxlan_entries) {
    if (!e->destination) continue;
    const bool joined =
        e->destination->is_multicast() && at.link->detail.vxlan_group == e->destination;
    if (!joined && !at.underlay->has_address(*e->destination)) continue;
    if (e->mac == kAllOthers) return remote_of(end, *e);
    for_some = remote_of(end, *e);
  }
  return for_some;
}

}  // namespace

std::string vxlan_unmodelled(const Device& d) {
  const std::string name = escape_text(d.name());
  const model::LinkDetail& detail = d.link->detail;
  if (!d.link->vxlan)
    return "the snapshot does not say how the VXLAN device " + name + " is set up";
  const model::VxlanInfo& info = *d.link->vxlan;
  if (info.external)
    return "to whom the VXLAN device " + name + " sends is told with each packet (external)";
  if (info.vni_filter || info.group_policy || info.generic)
    return "the VXLAN device " + name + " uses an extension that is not modelled (" +
           (info.vni_filter     ? "vnifilter"
            : info.group_policy ? "gbp"
                                : "gpe") +
           ")";
  if (info.route_short_circuit &&
      std::ranges::any_of(d.vxlan_entries, [](const auto* e) { return (e->flags & kRouter) != 0; }))
    return "the VXLAN device " + name + " takes short cuts past routers (rsc)";
  if (d.underlay == nullptr || d.underlay->loopback == nullptr)
    return "the namespace that sends the packets of the VXLAN device " + name + " is not known";
  if (!detail.vxlan_id || !detail.vxlan_port)
    return "the number or the port of the VXLAN device " + name + " is not known";
  if (d.far_ends.size() >= kMostFarEnds)
    return "the VXLAN device " + name + " has too many other ends";
  return {};
}

IpFamily vxlan_family(const Device& d) {
  const model::LinkDetail& detail = d.link->detail;
  if (detail.vxlan_local) return detail.vxlan_local->family();
  if (detail.vxlan_group) return detail.vxlan_group->family();
  for (const model::BridgeFdbEntry* e : d.vxlan_entries) {
    if (e->destination) return e->destination->family();
  }
  return IpFamily::kV4;
}

bool vxlan_pinned(const Device& d, MacAddress mac) {
  return std::ranges::any_of(d.vxlan_entries, [mac](const model::BridgeFdbEntry* e) {
    return e->mac == mac && set_by_hand(*e);
  });
}

VxlanWay vxlan_way(const Topology& topology, const Device& from, MacAddress to) {
  VxlanWay way;
  const auto group = [&](MacAddress mac) {
    if (has_group(from, mac))
      way.unknown = "the VXLAN device " + escape_text(from.name()) + " chooses among next hops";
    return !way.unknown.empty();
  };
  if (group(to)) return way;
  way.remotes = entered(from, to, true);
  if (vxlan_pinned(from, to)) return way;
  const Topology::Place place = settings_of(from).learning && !to.is_multicast()
                                    ? topology.find_mac(from, to)
                                    : Topology::Place{};
  if (place.known && place.port != nullptr) {
    way.heard_by = sends_to(*place.port, from);
    if (way.heard_by) way.learned_from = place.port;
  }
  if (!place.known) way.remotes = entered(from, to, false);
  if (way.remotes.empty() && !group(kAllOthers)) way.remotes = entered(from, kAllOthers, false);
  return way;
}

bool vxlan_learn(const Device& at, const VxlanCarried& told, VxlanWay& way) {
  if (!told.unknown.empty()) {
    way.unknown = "whether " + escape_text(at.name()) + " has learned from " +
                  escape_text(way.learned_from->name()) + ": " + told.unknown;
    return false;
  }
  const auto& port = at.link->detail.vxlan_port;
  const auto& number = at.link->detail.vxlan_id;
  for (const VxlanArrival& arrival : told.arrivals) {
    if (!port || !number || arrival.machine != at.underlay || arrival.port != *port) continue;
    way.remotes = {{arrival.source, *port, *number, {}}};
    break;
  }
  return true;
}

VxlanPacket vxlan_packet(const Device& from, const VxlanRemote& remote, const InnerHeader& inner) {
  const model::VxlanInfo& info = settings_of(from);
  VxlanPacket out;
  out.from = &from;
  out.remote = remote;
  out.mark = from.machine == from.underlay ? inner.mark : 0;
  out.tos = info.tos == 1 ? inner.tos & 0xfc : info.tos & 0xfc;
  const std::uint8_t usual = remote.to.is_multicast() ? 1 : 64;
  out.hop_limit = info.ttl_inherit ? inner.hop_limit : info.ttl != 0 ? info.ttl : usual;
  return out;
}

PortRange vxlan_source_ports(const Device& from) {
  const model::VxlanInfo& info = settings_of(from);
  if (info.first_source.number != 0 && info.first_source.number < info.last_source.number)
    return {info.first_source.number, static_cast<std::uint16_t>(info.last_source.number - 1)};
  const model::Sysctls& s = from.machine->ns->sysctls;
  const int low = s.ip_local_port_first.value_or(32768),
            high = s.ip_local_port_last.value_or(60999);
  if (low <= 0 || high > 65535 || low > high) return {32768, 60999};
  return {static_cast<std::uint16_t>(low), static_cast<std::uint16_t>(high)};
}

std::uint16_t vxlan_length(IpFamily outer) {
  // IP and UDP header, VXLAN header, Ethernet header, 60 bytes of inner packet
  return outer == IpFamily::kV4 ? 20 + 8 + 8 + 14 + 60 : 40 + 8 + 8 + 14 + 60;
}

VxlanTaker vxlan_taker(const VxlanPacket& packet, const VxlanArrival& arrival) {
  VxlanTaker out;
  const IpFamily family = packet.remote.to.family();
  for (Device* d : arrival.machine->vxlans) {
    const model::LinkDetail& detail = d->link->detail;
    const bool same_port = detail.vxlan_port.value_or(arrival.port) == arrival.port;
    if (!same_port || !d->up || d == packet.from) continue;
    const bool any_number = d->link->vxlan && d->link->vxlan->external;
    if (!any_number && (detail.vxlan_id != packet.remote.number || vxlan_family(*d) != family))
      continue;
    out.unknown = vxlan_unmodelled(*d);
    if (!out.unknown.empty()) return out;
    out.device = d;
  }
  if (out.device == nullptr) {
    out.nobody = "no VXLAN device of number " + std::to_string(packet.remote.number) + " there";
    return out;
  }
  const Device& d = *out.device;
  out.mark = d.machine == arrival.machine ? arrival.mark : 0;
  out.refused.push_back(d.mac);
  if (!settings_of(d).learning) return out;
  std::unordered_map<MacAddress, bool> first;             // by sender: refused
  for (const model::BridgeFdbEntry* e : d.vxlan_entries)  // vxlan_snoop
    first.try_emplace(e->mac, set_by_hand(*e) && (e->destination != arrival.source || e->via));
  for (const auto& [mac, refused] : first) {
    if (refused) out.refused.push_back(mac);
  }
  return out;
}

bool is_vxlan_socket(const Machine& machine, const model::Socket* socket) {
  return socket != nullptr && socket->protocol == IpProtocol::kUdp && socket->owners.empty() &&
         std::ranges::any_of(machine.vxlans, [&](const Device* d) {
           return d->up && d->link->detail.vxlan_port == socket->port;
         });
}

bool vxlan_joined(const Device& dev, IpAddress group) {
  return std::ranges::any_of(dev.machine->vxlans, [&](const Device* d) {
    return d->up && d->link->detail.vxlan_group == group && d->link->vxlan &&
           d->link->vxlan->link == dev.index();
  });
}

std::optional<MacAddress> vxlan_proxied(const Device& vxlan, IpAddress target) {
  if (vxlan.no_arp || target.is_multicast() || target.is_loopback()) return std::nullopt;
  constexpr std::uint16_t kConnected = kEnteredByHand | model::nud::kReachable;
  for (const model::Neighbour* n : vxlan.neighbours) {
    if (n->address == target && (n->flags & kProxy) == 0 && (n->state & kConnected) != 0)
      return n->mac;
  }
  return std::nullopt;
}

// ------------------------------------------------------------------------------- who is joined

void Topology::join_vxlans() {
  std::unordered_map<IpAddress, std::vector<Machine*>> owners;
  std::map<std::pair<const Machine*, std::uint32_t>, std::vector<Device*>> by_number;
  std::map<std::pair<IpAddress, std::uint32_t>, std::vector<Device*>> by_group;
  std::vector<Device*> all;
  for (auto& m : machines_) {
    for (const model::BridgeFdbEntry& e : m->ns->fdb) {
      Device* const d = (e.flags & kSelf) != 0 ? m->device(e.link) : nullptr;
      if (d != nullptr && d->kind == DeviceKind::kVxlan) d->vxlan_entries.push_back(&e);
    }
    for (auto& d : m->devices) {
      if (d->kind != DeviceKind::kVxlan) continue;
      all.push_back(d.get());
      const auto number = d->link->detail.vxlan_id;
      if (d->underlay == nullptr || !number) continue;
      d->underlay->vxlans.push_back(d.get());
      by_number[{d->underlay, *number}].push_back(d.get());
      if (const auto& group = d->link->detail.vxlan_group; group && group->is_multicast())
        by_group[{*group, *number}].push_back(d.get());
    }
  }
  if (all.empty()) return;
  for (auto& m : machines_) {
    for (const auto& [address, device] : m->addresses) owners[address].push_back(m.get());
  }
  const auto join = [](Device& a, Device& b) {
    if (&a == &b || vxlan_family(a) != vxlan_family(b)) return;
    for (auto [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
      if (one->far_ends.size() < kMostFarEnds &&
          std::ranges::find(one->far_ends, other) == one->far_ends.end())
        one->far_ends.push_back(other);
    }
  };
  for (Device* d : all) {
    d->leads_outside = !vxlan_unmodelled(*d).empty();
    for (const model::BridgeFdbEntry* e : d->vxlan_entries) {
      if (!e->destination || e->destination->is_unspecified()) continue;
      const VxlanRemote remote = remote_of(*d, *e);
      if (remote.to.is_multicast()) {
        d->leads_outside = true;  // whoever else has joined
        for (Device* other : by_group[{remote.to, remote.number}]) join(*d, *other);
        continue;
      }
      const auto at = owners.find(remote.to);
      if (at == owners.end()) {
        d->leads_outside = true;
        continue;
      }
      for (const Machine* m : at->second) {
        for (Device* other : by_number[{m, remote.number}]) join(*d, *other);
      }
    }
  }
}

}  // namespace bulkhead::topology
