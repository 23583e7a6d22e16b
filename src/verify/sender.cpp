#include "verify/sender.h"

#include <algorithm>

#include "topology/outsider.h"
#include "verify/attacker.h"

namespace bulkhead::verify {
namespace {

using packet::IntervalSet;
using packet::Packet;
using reach::Fields;
using reach::Quantity;

// A bridge whose rules do not look into tagged frames, while those to whom it passes them do not
// care (br_netfilter_hooks.c IS_VLAN_IP(), net/core/dev.c: tag 0 is a mere priority).
bool blind_to_tags(const topology::Device& bridge) {
  return (bridge.call_iptables || bridge.call_ip6tables) && !bridge.sees_tagged;
}

void forge(topology::Device& link, bool outside, std::vector<Sender>& out) {
  const MacAddress own = outside ? topology::kOutsiderMac : link.mac;
  const topology::Wires wires = topology::wires(link, outside);
  const bool tags = std::ranges::any_of(
      wires.entrances, [](const topology::Device* port) { return blind_to_tags(*port->bridge); });
  const Forging plain{link.machine->id, link.index(), outside, own, {}, false};
  for (const topology::Device* station : wires.stations) {
    Forging f = plain;
    f.to = station->mac;
    out.push_back({f, std::nullopt, true});
    f.tagged = tags && station->kind != topology::DeviceKind::kBridge;
    if (f.tagged) out.push_back({f, std::nullopt, true});
  }
}

// Bound to an address of its own, from any port; and, if it may, frames on each of its wires.
void from_inside(const query::Seat& seat, const trace::LocalOrigin& origin,
                 const topology::Topology& topology, std::vector<Sender>& out) {
  out.push_back({origin, std::nullopt, true});
  const topology::Machine* m = topology.machine(origin.ns);
  if (m == nullptr) return;
  for (const model::Address& a : m->ns->addresses) out.push_back({origin, a.local, true});
  if (seat.container != nullptr && !may_forge(*seat.container)) return;
  for (const auto& device : m->devices) {
    if (device->up && !device->loopback) forge(*device, false, out);
  }
}

}  // namespace

std::optional<IpFamily> Sender::family() const {
  if (bound) return bound->family();
  const auto* outside = std::get_if<trace::OutsideOrigin>(&from);
  return outside != nullptr ? std::optional(outside->source.family()) : std::nullopt;
}

std::vector<Sender> ordinary_senders(const query::Seat& seat) {
  std::vector<Sender> out;
  for (const auto& origin : seat.origins) {
    Sender& sender = out.emplace_back();
    std::visit([&](const auto& from) { sender.from = from; }, origin);
  }
  return out;
}

std::vector<Sender> attacking_senders(const query::Seat& seat, const topology::Topology& topology) {
  std::vector<Sender> out;
  const bool far = seat.zone != nullptr && seat.zone->beyond_gateway;
  for (const auto& origin : seat.origins) {
    if (const auto* local = std::get_if<trace::LocalOrigin>(&origin)) {
      from_inside(seat, *local, topology, out);
      continue;
    }
    const auto& outside = std::get<trace::OutsideOrigin>(origin);
    if (far) {
      out.push_back({outside, std::nullopt, true});
      continue;
    }
    // A zone's origins differ by their source alone, and an attacker on its wire has every source.
    const topology::Machine* m = topology.machine(outside.ns);
    topology::Device* link = m != nullptr ? m->device(outside.link) : nullptr;
    if (link != nullptr) forge(*link, true, out);
    break;
  }
  return out;
}

Result<reach::Answer> ask(reach::Reach& reach, const Sender& sender, IpProtocol protocol,
                          const Narrowed& narrowed) {
  const bool any_port = sender.any_source_port && !narrowed.source_port;
  if (const auto* local = std::get_if<trace::LocalOrigin>(&sender.from)) {
    reach::LocalRequest r;
    r.ns = local->ns;
    r.protocol = protocol;
    r.source = sender.bound;
    r.source_port = narrowed.source_port;
    r.any_source_port = any_port;
    r.uid = local->uid;
    r.gid = local->gid;
    r.asked = narrowed.asked;
    return reach.from(r);
  }
  if (const auto* outside = std::get_if<trace::OutsideOrigin>(&sender.from)) {
    reach::OutsideRequest r;
    r.ns = outside->ns;
    r.link = outside->link;
    r.source = outside->source;
    r.protocol = protocol;
    r.mac = outside->mac;
    r.any_source_port = any_port;
    if (narrowed.source_port) r.source_port = *narrowed.source_port;
    r.asked = narrowed.asked;
    return reach.from(r);
  }
  const auto& forging = std::get<Forging>(sender.from);
  reach::ForgedRequest r;
  r.ns = forging.ns;
  r.link = forging.link;
  r.outside = forging.outside;
  r.protocol = protocol;
  r.to = forging.to;
  r.tagged = forging.tagged;
  r.source = narrowed.source;
  r.source_port = narrowed.source_port;
  r.asked = narrowed.asked;
  return reach.from(r);
}

trace::Question question(const Fields& fields, const Sender& sender, const Packet& packet) {
  trace::Question q;
  q.to = fields.address(packet, Quantity::kDestination);
  q.port = Port{static_cast<std::uint16_t>(fields.get(packet, Quantity::kDestinationPort))};
  q.protocol = static_cast<IpProtocol>(fields.get(packet, Quantity::kProtocol));
  if (sender.any_source_port)
    q.source_port = Port{static_cast<std::uint16_t>(fields.get(packet, Quantity::kSourcePort))};
  if (const auto* local = std::get_if<trace::LocalOrigin>(&sender.from)) {
    q.from = *local;
    q.source = sender.bound;
  } else if (const auto* outside = std::get_if<trace::OutsideOrigin>(&sender.from)) {
    q.from = *outside;
  } else {
    const auto& f = std::get<Forging>(sender.from);
    q.from = trace::ForgedOrigin{f.ns,
                                 f.link,
                                 f.outside,
                                 fields.address(packet, Quantity::kSource),
                                 fields.mac(packet, Quantity::kSourceMac),
                                 f.to,
                                 f.tagged};
  }
  return q;
}

Everyday::Everyday(const topology::Topology& topology, const Fields& fields) : fields_(fields) {
  const auto parts = fields.parts(Quantity::kSource);
  std::vector<packet::Interval> high, low;
  for (const auto& m : topology.machines()) {
    for (const auto& [address, device] : m->addresses) {
      if (address.family() != fields.family() || address.is_loopback()) continue;
      Packet p = fields.layout().packet();
      fields.set_address(p, Quantity::kSource, address);
      high.push_back({p[parts.front().field], p[parts.front().field]});
      low.push_back({p[parts.back().field], p[parts.back().field]});
    }
  }
  all_.prefer(parts.front().field, IntervalSet::of(std::move(high)));
  if (parts.size() > 1) all_.prefer(parts.back().field, IntervalSet::of(std::move(low)));
  const packet::FieldId port = fields.only(Quantity::kSourcePort);
  all_.prefer(port, IntervalSet::range(49152, 65535));
  all_.prefer(port, IntervalSet::range(1, 65535));
}

packet::Preferences Everyday::of(const Sender& sender) const {
  packet::Preferences out = all_;
  if (const auto* forging = std::get_if<Forging>(&sender.from)) {
    out.prefer(fields_.only(Quantity::kSourceMac),
               IntervalSet::single(reach::number_of(forging->own)));
  }
  return out;
}

}  // namespace bulkhead::verify
