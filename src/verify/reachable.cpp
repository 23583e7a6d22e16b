#include "verify/reachable.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "reach/reach.h"

namespace bulkhead::verify {
namespace {

using packet::Interval;
using packet::IntervalSet;
using packet::Packet;
using packet::Product;
using reach::Fields;
using reach::Quantity;

constexpr std::size_t kMostProducts = 512;  // of one outcome

using Origin = std::variant<trace::LocalOrigin, trace::OutsideOrigin>;

std::size_t index_of(IpFamily family) {
  return family == IpFamily::kV4 ? 0 : 1;
}

// The family of what an origin sends; a process sends both.
std::optional<IpFamily> family_of(const Origin& origin) {
  const auto* outside = std::get_if<trace::OutsideOrigin>(&origin);
  return outside != nullptr ? std::optional(outside->source.family()) : std::nullopt;
}

std::vector<AddressRange> ranges(const Fields& fields, const Product& product) {
  const auto parts = fields.parts(Quantity::kDestination);
  const auto values = [&](const Fields::Part& part) {
    const IntervalSet* found = product.find(part.field);
    return found != nullptr ? *found : IntervalSet::full(part.bits);
  };
  const auto address = [&](std::uint64_t high, std::uint64_t low) {
    Packet p = fields.layout().packet();
    p[parts.front().field] = high;
    if (parts.size() > 1) p[parts.back().field] = low;
    return fields.address(p, Quantity::kDestination);
  };
  std::vector<AddressRange> out;
  const IntervalSet highs = values(parts.front());
  for (const Interval& high : highs.intervals()) {
    if (parts.size() == 1) {
      out.push_back({address(high.first, 0), address(high.last, 0)});
      continue;
    }
    const IntervalSet lows = values(parts.back());
    for (const Interval& low : lows.intervals())
      out.push_back({address(high.first, low.first), address(high.last, low.last)});
  }
  return out;
}

IntervalSet ports_of(const Fields& fields, const Product& product) {
  const IntervalSet* found = product.find(fields.only(Quantity::kDestinationPort));
  return found != nullptr ? *found : IntervalSet::full(16);
}

// Where a seat's answers of all source classes come together.
class Collector {
 public:
  Collector(const query::Asker& asker, const query::Seat& seat, const Limits& limits)
      : asker_(asker), seat_(seat), limits_(limits) {}

  Status run() {
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      if (limits_.to && limits_.to->address().family() != family) continue;
      reach::Reach reach = reach::Reach::build(asker_.world().snapshot(), family);
      for (const Origin& origin : seat_.origins) {
        if (family_of(origin).value_or(family) != family) continue;
        ++senders_[index_of(family)];
        for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
          if (limits_.protocol.value_or(protocol) != protocol) continue;
          if (Status s = ask(reach, origin, protocol); !s) return s;
        }
      }
    }
    return {};
  }

  Reachable finish() {
    for (auto& [key, entry] : entries_) {
      const std::size_t all = senders_[index_of(entry.reached.to.first.family())];
      entry.reached.some = seat_.many && entry.senders < all;
      replay(std::move(entry.reached));
    }
    return std::move(out_);
  }

 private:
  struct Entry {
    Reached reached;
    std::size_t senders = 0;
    std::size_t last_sender = 0;
  };
  using Key =
      std::tuple<std::uint32_t, AddressRange, IpProtocol,
                 std::vector<std::pair<std::uint64_t, std::uint64_t>>, const model::Socket*>;

  Status ask(reach::Reach& reach, const Origin& origin, IpProtocol protocol) {
    ++asked_;
    auto answer = request(reach, origin, protocol);
    if (!answer) return std::unexpected(answer.error());
    for (const reach::Outcome& outcome : answer->outcomes()) {
      if (outcome.exit) {
        leaves(reach.fields(), outcome, protocol);
      } else if (outcome.verdict == reach::Verdict::kOpen) {
        if (Status s = open(reach.fields(), outcome, answer->open(), protocol); !s) return s;
      } else if (outcome.verdict == reach::Verdict::kUnknown) {
        unknown(reach.fields(), outcome, protocol);
      }
    }
    return {};
  }

  static Result<reach::Answer> request(reach::Reach& reach, const Origin& origin,
                                       IpProtocol protocol) {
    if (const auto* local = std::get_if<trace::LocalOrigin>(&origin)) {
      reach::LocalRequest r;
      r.ns = local->ns;
      r.protocol = protocol;
      r.uid = local->uid;
      r.gid = local->gid;
      return reach.from(r);
    }
    const auto& outside = std::get<trace::OutsideOrigin>(origin);
    reach::OutsideRequest r;
    r.ns = outside.ns;
    r.link = outside.link;
    r.source = outside.source;
    r.protocol = protocol;
    r.mac = outside.mac;
    return reach.from(r);
  }

  Status open(const Fields& fields, const reach::Outcome& outcome, const packet::PacketSet& surely,
              IpProtocol protocol) {
    auto set = outcome.set.intersect(surely);
    if (!set) return std::unexpected(set.error());
    const packet::Products products = set->products(kMostProducts);
    out_.complete = out_.complete && products.complete;
    for (const Product& product : products.products) {
      Packet sample = fields.layout().packet();
      for (const auto& part : product.parts())
        sample[part.field] = part.values.intervals().front().first;
      for (const AddressRange& to : ranges(fields, product))
        add(fields, outcome, protocol, to, ports_of(fields, product), sample);
    }
    return {};
  }

  void add(const Fields& fields, const reach::Outcome& outcome, IpProtocol protocol,
           const AddressRange& to, IntervalSet ports, const Packet& sample) {
    if (!asked_about(to)) return;
    if (limits_.port) ports = ports.intersect(IntervalSet::single(limits_.port->number));
    if (ports.empty()) return;
    if (entries_.size() == kMostEntries) {
      out_.complete = false;
      return;
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> flat;
    for (const Interval& i : ports.intervals()) flat.emplace_back(i.first, i.last);
    Entry& entry =
        entries_[Key{outcome.socket_ns.value, to, protocol, std::move(flat), outcome.socket}];
    if (entry.senders == 0) {
      const auto port = static_cast<std::uint16_t>(ports.intervals().front().first);
      entry.reached = {protocol,
                       to,
                       std::move(ports),
                       outcome.socket,
                       outcome.socket_ns,
                       {fields.address(sample, Quantity::kSource), to.first, Port{port}},
                       false};
    }
    if (entry.last_sender != asked_) ++entry.senders;
    entry.last_sender = asked_;
  }

  bool asked_about(const AddressRange& to) const {
    if (limits_.to && !(limits_.to->contains(to.first) && limits_.to->contains(to.last))) {
      // A range that is wider than what is asked about still holds it.
      const bool holds = to.first <= limits_.to->address() && limits_.to->address() <= to.last;
      if (!holds) return false;
    }
    return asker_.is_asked(seat_, to.first);
  }

  void leaves(const Fields& fields, const reach::Outcome& outcome, IpProtocol protocol) {
    const bool known = std::ranges::any_of(out_.leaves, [&](const WayOut& w) {
      return w.ns == outcome.exit->ns && w.link == outcome.exit->link && w.protocol == protocol &&
             w.family == fields.family();
    });
    const auto witness = known ? std::nullopt : find_witness(fields, outcome);
    if (!witness) return;
    const IntervalSet ports = outcome.set.values(fields.only(Quantity::kDestinationPort));
    out_.leaves.push_back({outcome.exit->ns, outcome.exit->link, protocol, fields.family(),
                           ports.is_full(16), *witness});
  }

  void unknown(const Fields& fields, const reach::Outcome& outcome, IpProtocol protocol) {
    const bool known = std::ranges::any_of(out_.unknown, [&](const Unknown& u) {
      return u.reason == outcome.reason && u.protocol == protocol;
    });
    const auto witness = known ? std::nullopt : find_witness(fields, outcome);
    if (!witness) return;
    if (out_.unknown.size() == kMostEntries) {
      out_.complete = false;
      return;
    }
    out_.unknown.push_back({outcome.reason, protocol, *witness});
  }

  // A member among those asked about; nullopt when there is none.
  std::optional<Witness> find_witness(const Fields& fields, const reach::Outcome& outcome) const {
    const packet::Products products = outcome.set.products(kMostProducts);
    for (const Product& product : products.products) {
      IntervalSet ports = ports_of(fields, product);
      if (limits_.port) ports = ports.intersect(IntervalSet::single(limits_.port->number));
      if (ports.empty()) continue;
      for (const AddressRange& to : ranges(fields, product)) {
        if (!asked_about(to)) continue;
        return Witness{std::nullopt, to.first,
                       Port{static_cast<std::uint16_t>(ports.intervals().front().first)}};
      }
    }
    return std::nullopt;
  }

  // The interpreter must say the same of the witness.
  void replay(Reached reached) {
    query::Target target;
    target.to = reached.witness.to;
    target.port = reached.witness.port;
    target.protocol = reached.protocol;
    const query::Reply reply = asker_.ask(seat_, target);
    if (reply.answer.verdict == trace::Verdict::kOpen) {
      ++out_.confirmed;
      out_.open.push_back(std::move(reached));
    } else {
      out_.contradictions.push_back(
          {std::move(reached), reply.answer.verdict, reply.answer.reason});
    }
  }

  const query::Asker& asker_;
  const query::Seat& seat_;
  const Limits& limits_;
  std::map<Key, Entry> entries_;
  std::array<std::size_t, 2> senders_{};  // by family
  std::size_t asked_ = 0;
  Reachable out_;
};

}  // namespace

Result<Reachable> reachable(const query::Asker& asker, const query::Seat& seat,
                            const Limits& limits) {
  if (seat.origins.empty()) return fail(ErrorCode::kUnavailable, seat.unknown);
  Collector collector(asker, seat, limits);
  if (Status s = collector.run(); !s) return std::unexpected(s.error());
  return collector.finish();
}

}  // namespace bulkhead::verify
