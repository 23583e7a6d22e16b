#include "verify/attacker.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "reach/reach.h"

namespace bulkhead::verify {
namespace {

using packet::Packet;
using reach::Quantity;

bool names(const std::vector<std::string>& capabilities, std::string_view name) {
  return std::ranges::any_of(capabilities, [name](std::string_view c) {
    if (c.size() == name.size() + 4) c.remove_prefix(4);  // CAP_
    return std::ranges::equal(
        c, name, [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
  });
}

MacAddress mac_of(std::uint64_t number) {
  std::array<std::uint8_t, 6> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i)
    octets[i] = static_cast<std::uint8_t>(number >> (40 - 8 * i));
  return MacAddress(octets);
}

// What a packet of everyday life looks like: addresses that somebody has, ephemeral ports.
packet::Preferences everyday(const topology::Topology& topology, const reach::Fields& fields) {
  packet::Preferences out;
  std::vector<packet::Interval> high, low;
  for (const auto& m : topology.machines()) {
    for (const auto& [address, device] : m->addresses) {
      if (address.family() != fields.family() || address.is_loopback()) continue;
      Packet p = fields.layout().packet();
      fields.set_address(p, Quantity::kSource, address);
      const auto parts = fields.parts(Quantity::kSource);
      high.push_back({p[parts.front().field], p[parts.front().field]});
      low.push_back({p[parts.back().field], p[parts.back().field]});
    }
  }
  const auto parts = fields.parts(Quantity::kSource);
  out.prefer(parts.front().field, packet::IntervalSet::of(std::move(high)));
  if (parts.size() > 1) out.prefer(parts.back().field, packet::IntervalSet::of(std::move(low)));
  const packet::FieldId port = fields.only(Quantity::kSourcePort);
  out.prefer(port, packet::IntervalSet::range(49152, 65535));
  out.prefer(port, packet::IntervalSet::range(1, 65535));
  return out;
}

std::uint64_t number_of(MacAddress mac) {
  std::uint64_t n = 0;
  for (const std::uint8_t o : mac.octets()) n = n << 8 | o;
  return n;
}

struct Wire {  // on which an attacker sits
  const topology::Device* link = nullptr;
  bool outside = false;
};

}  // namespace

bool may_forge(const model::Container& c) {
  if (c.privileged) return true;
  const auto has = [&](std::string_view name, bool granted) {
    if (names(c.capabilities_added, name)) return true;
    if (names(c.capabilities_dropped, name)) return false;
    if (names(c.capabilities_added, "ALL")) return true;
    return granted && !names(c.capabilities_dropped, "ALL");
  };
  return has("NET_RAW", true) || has("NET_ADMIN", false);
}

// One question; better answers replace worse ones.
class Attackers::Search {
 public:
  Search(Attackers& attackers, const query::Seat& seat, const query::Target& target,
         query::Reply ordinary)
      : attackers_(attackers),
        seat_(seat),
        target_(target),
        to_(target.to.unmapped()),
        best_(std::move(ordinary)) {}

  query::Reply run() {
    for (const auto& origin : seat_.origins) {
      if (found()) break;
      if (const auto* local = std::get_if<trace::LocalOrigin>(&origin))
        from_inside(*local);
      else
        from_outside(std::get<trace::OutsideOrigin>(origin));
    }
    return std::move(best_);
  }

 private:
  [[nodiscard]] bool found() const { return best_.answer.verdict == trace::Verdict::kOpen; }
  [[nodiscard]] reach::Reach& reach() const { return attackers_.reach(to_.family()); }

  void from_inside(const trace::LocalOrigin& origin) {
    const topology::Machine* m = attackers_.topology_.machine(origin.ns);
    if (m == nullptr) return;
    bound(origin, std::nullopt);
    for (const auto& [address, device] : m->addresses) {
      if (!found() && address.family() == to_.family()) bound(origin, address);
    }
    if (seat_.container != nullptr && !may_forge(*seat_.container)) return;
    for (const auto& device : m->devices) {
      if (device->up && !device->loopback) forged({device.get(), false});
    }
  }

  // A zone's origins differ by their source only, and an attacker on its wire has every source.
  void from_outside(const trace::OutsideOrigin& origin) {
    const bool far = seat_.zone != nullptr && seat_.zone->beyond_gateway;
    if (far) return from_afar(origin);
    if (asked_outside_) return;
    asked_outside_ = true;
    const topology::Machine* m = attackers_.topology_.machine(origin.ns);
    const topology::Device* link = m != nullptr ? m->device(origin.link) : nullptr;
    if (link != nullptr) forged({link, true});
  }

  // connect() from any port, bound to an address of its own.
  void bound(const trace::LocalOrigin& origin, std::optional<IpAddress> source) {
    if (target_.source && source != target_.source) return;
    reach::LocalRequest r;
    r.ns = origin.ns;
    r.protocol = target_.protocol;
    r.source = source;
    r.source_port = target_.source_port;
    r.any_source_port = !target_.source_port;
    r.asked = {to_, target_.port};
    consider(reach().from(r), attackers_.everyday(to_.family()), [&](const Packet& p) {
      trace::Question q = question(p);
      q.from = origin;
      q.source = source;
      return q;
    });
  }

  void from_afar(const trace::OutsideOrigin& origin) {
    if (origin.source.family() != to_.family()) return;
    if (target_.source && origin.source != target_.source) return;
    reach::OutsideRequest r;
    r.ns = origin.ns;
    r.link = origin.link;
    r.source = origin.source;
    r.protocol = target_.protocol;
    r.mac = origin.mac;
    r.any_source_port = !target_.source_port;
    if (target_.source_port) r.source_port = *target_.source_port;
    r.asked = {to_, target_.port};
    consider(reach().from(r), attackers_.everyday(to_.family()), [&](const Packet& p) {
      trace::Question q = question(p);
      q.from = origin;
      return q;
    });
  }

  void forged(const Wire& wire) {
    for (const topology::Device* station : topology::stations(*wire.link, wire.outside)) {
      if (found()) return;
      reach::ForgedRequest r;
      r.ns = wire.link->machine->id;
      r.link = wire.link->index();
      r.outside = wire.outside;
      r.protocol = target_.protocol;
      r.to = station->mac;
      r.source = target_.source;
      r.source_port = target_.source_port;
      r.asked = {to_, target_.port};
      packet::Preferences like = attackers_.everyday(to_.family());
      like.prefer(reach().fields().only(Quantity::kSourceMac),
                  packet::IntervalSet::single(number_of(own_mac(wire))));
      consider(reach().from(r), like, [&](const Packet& p) {
        const reach::Fields& fields = reach().fields();
        trace::Question q = question(p);
        q.from = trace::ForgedOrigin{r.ns,
                                     r.link,
                                     r.outside,
                                     fields.address(p, Quantity::kSource),
                                     mac_of(fields.get(p, Quantity::kSourceMac)),
                                     r.to};
        return q;
      });
    }
  }

  trace::Question question(const Packet& p) const {
    trace::Question q;
    q.to = to_;
    q.port = target_.port;
    q.protocol = target_.protocol;
    q.source_port =
        Port{static_cast<std::uint16_t>(reach().fields().get(p, Quantity::kSourcePort))};
    q.explain = target_.explain;
    q.edges = target_.edges;
    return q;
  }

  static MacAddress own_mac(const Wire& wire) {
    return wire.outside ? trace::OutsideOrigin().mac : wire.link->mac;
  }

  // A better answer needs a witness that the interpreter agrees with.
  void consider(const Result<reach::Answer>& answer, const packet::Preferences& like,
                const auto& question_of) {
    if (found()) return;
    if (!answer) return unknown(answer.error().message);
    if (const auto witness = answer->open().witness(like)) {
      const trace::Question q = question_of(*witness);
      trace::Answer traced = attackers_.asker_.world().ask(q);
      if (traced.verdict != trace::Verdict::kOpen) {
        return unknown("the two ways to compute it disagree (a bug of ours): " + traced.reason);
      }
      best_.witness = traced.source;
      if (const auto* forged = std::get_if<trace::ForgedOrigin>(&q.from))
        best_.frame = {forged->mac, forged->to};
      best_.answer = std::move(traced);
      return;
    }
    for (const reach::Outcome& o : answer->outcomes()) {
      if (o.verdict == reach::Verdict::kUnknown) return unknown(o.reason);
    }
    if (!answer->unknown().empty()) unknown("the packet may go several ways");
  }

  void unknown(std::string why) {
    if (best_.answer.verdict != trace::Verdict::kClosed) return;
    best_.answer = {};
    best_.answer.reason = "forged packets: " + std::move(why);
    best_.witness.reset();
  }

  Attackers& attackers_;
  const query::Seat& seat_;
  const query::Target& target_;
  IpAddress to_;
  query::Reply best_;
  bool asked_outside_ = false;
};

Attackers::Attackers(const query::Asker& asker)
    : asker_(asker), topology_(topology::Topology::build(asker.world().snapshot())) {}
Attackers::~Attackers() = default;

reach::Reach& Attackers::reach(IpFamily family) {
  auto& slot = reach_[family == IpFamily::kV4 ? 0 : 1];
  if (!slot) {
    slot = std::make_unique<reach::Reach>(reach::Reach::build(asker_.world().snapshot(), family));
  }
  return *slot;
}

const packet::Preferences& Attackers::everyday(IpFamily family) {
  auto& slot = everyday_[family == IpFamily::kV4 ? 0 : 1];
  if (!slot) slot = verify::everyday(topology_, reach(family).fields());
  return *slot;
}

query::Reply Attackers::ask(const query::Seat& seat, const query::Target& target,
                            query::Reply ordinary) {
  if (ordinary.answer.verdict == trace::Verdict::kOpen) return ordinary;
  return Search(*this, seat, target, std::move(ordinary)).run();
}

}  // namespace bulkhead::verify
