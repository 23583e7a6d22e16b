#include "verify/sender.h"

#include <algorithm>

#include "base/text.h"
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

// Rules that see whole frames: to those that ask for the frame's type a tagged one is of another.
bool has_frame_rules(const topology::Device& device) {
  return std::ranges::any_of(device.machine->ns->ruleset.tables, [](const model::Table& t) {
    return t.family == model::NfFamily::kBridge || t.family == model::NfFamily::kNetdev;
  });
}

void forge(topology::Device& link, bool outside, std::optional<IpAddress> address,
           std::vector<Sender>& out) {
  const MacAddress own = outside ? topology::kOutsiderMac : link.mac;
  const topology::Wires wires = topology::wires(link, outside);
  const bool blind = std::ranges::any_of(
      wires.entrances, [](const topology::Device* port) { return blind_to_tags(*port->bridge); });
  const bool typed = std::ranges::any_of(
      wires.entrances, [](const topology::Device* port) { return has_frame_rules(*port); });
  const Forging plain{link.machine->id, link.index(), outside, own, {}, {}, false, address};
  for (const topology::Device* station : wires.stations) {
    Forging f = plain;
    f.to = station->mac;
    f.station = station->machine->id;
    out.push_back({f, std::nullopt, true, {}});
    const bool bridge = station->kind == topology::DeviceKind::kBridge;
    f.tagged = (blind && !bridge) || typed || has_frame_rules(*station);
    if (f.tagged) out.push_back({f, std::nullopt, true, {}});
  }
}

// Bound to an address of its own, from any port; and, if it may, frames on each of its wires.
void from_inside(const query::Seat& seat, const trace::LocalOrigin& origin,
                 const topology::Topology& topology, std::vector<Sender>& out) {
  out.push_back({origin, std::nullopt, true, {}});
  const topology::Machine* m = topology.machine(origin.ns);
  if (m == nullptr) return;
  for (const model::Address& a : m->ns->addresses) out.push_back({origin, a.local, true, {}});
  if (seat.container != nullptr && !may_forge(*seat.container)) return;
  for (const auto& device : m->devices) {
    if (device->up && !device->loopback) forge(*device, false, std::nullopt, out);
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
      out.push_back({outside, std::nullopt, true, {}});
      continue;
    }
    // A zone's origins differ by their source alone, and an attacker on its wire has every source.
    const topology::Machine* m = topology.machine(outside.ns);
    topology::Device* link = m != nullptr ? m->device(outside.link) : nullptr;
    if (link != nullptr) forge(*link, true, outside.source, out);
    break;
  }
  return out;
}

std::vector<Sender> injecting_senders(topology::Device& vxlan) {
  std::vector<Sender> out;
  if (!vxlan.up) return out;
  forge(vxlan, true, std::nullopt, out);
  const auto port = vxlan.link->detail.vxlan_port;
  for (Sender& sender : out) {
    sender.through = "frames in VXLAN packets may come out of " + escape_text(vxlan.name()) +
                     ", as whoever reaches its UDP port" +
                     (port ? " " + std::to_string(port->number) : "") + " can send them";
  }
  return out;
}

std::optional<IpAddress> own_address(const Forging& forging, const topology::Topology& topology,
                                     IpFamily family) {
  if (forging.address) return forging.address->family() == family ? forging.address : std::nullopt;
  const topology::Machine* m = topology.machine(forging.ns);
  const topology::Device* link = m != nullptr ? m->device(forging.link) : nullptr;
  if (link == nullptr || forging.outside) return std::nullopt;
  const auto& own = family == IpFamily::kV4 ? link->addresses4 : link->addresses6;
  for (const model::Address* a : own) {
    if (!a->local.is_link_local()) return a->local;
  }
  return std::nullopt;
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
    r.verdicts_alone = narrowed.verdicts_alone;
    r.one_by_one = narrowed.one_by_one;
    r.named = narrowed.named;
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
    r.verdicts_alone = narrowed.verdicts_alone;
    r.one_by_one = narrowed.one_by_one;
    r.named = narrowed.named;
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
  r.most_work = narrowed.most_work;
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

Everyday::Everyday(const topology::Topology& topology, const Fields& fields)
    : topology_(topology), fields_(fields) {
  std::vector<IpAddress> all;
  for (const auto& m : topology.machines()) {
    for (const auto& [address, device] : m->addresses) {
      if (!address.is_loopback()) all.push_back(address);
    }
  }
  anybody_ = sources(all);
}

// An address of two fields is wanted half by half.
std::vector<packet::IntervalSet> Everyday::sources(const std::vector<IpAddress>& addresses) const {
  const auto parts = fields_.parts(Quantity::kSource);
  std::vector<std::vector<packet::Interval>> wanted(parts.size());
  for (const IpAddress& address : addresses) {
    if (address.family() != fields_.family()) continue;
    Packet p = fields_.layout().packet();
    fields_.set_address(p, Quantity::kSource, address);
    for (std::size_t i = 0; i < parts.size(); ++i)
      wanted[i].push_back({p[parts[i].field], p[parts[i].field]});
  }
  std::vector<packet::IntervalSet> out;
  out.reserve(wanted.size());
  for (auto& values : wanted) out.push_back(IntervalSet::of(std::move(values)));
  return out;
}

// The least forged first: one's own address and MAC where they will do.
packet::Preferences Everyday::of(const Sender& sender) const {
  packet::Preferences out;
  const auto parts = fields_.parts(Quantity::kSource);
  const auto want = [&](const std::vector<packet::IntervalSet>& values) {
    for (std::size_t i = 0; i < parts.size(); ++i) out.prefer(parts[i].field, values[i]);
  };
  const auto* forging = std::get_if<Forging>(&sender.from);
  const topology::Machine* own =
      forging != nullptr && !forging->outside ? topology_.machine(forging->ns) : nullptr;
  if (forging != nullptr && forging->address) want(sources({*forging->address}));
  if (own != nullptr) {
    std::vector<IpAddress> addresses;
    for (const auto& [address, device] : own->addresses) {
      if (!address.is_loopback()) addresses.push_back(address);
    }
    want(sources(addresses));
  }
  want(anybody_);
  const packet::FieldId port = fields_.only(Quantity::kSourcePort);
  out.prefer(port, IntervalSet::range(49152, 65535));
  out.prefer(port, IntervalSet::range(1, 65535));
  if (forging != nullptr) {
    out.prefer(fields_.only(Quantity::kSourceMac),
               IntervalSet::single(reach::number_of(forging->own)));
  }
  return out;
}

}  // namespace bulkhead::verify
