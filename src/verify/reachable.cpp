#include "verify/reachable.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "reach/reach.h"
#include "topology/alike.h"
#include "verify/attacker.h"
#include "verify/destinations.h"
#include "verify/points.h"
#include "verify/sender.h"

namespace bulkhead::verify {
namespace {

using packet::Interval;
using packet::IntervalSet;
using packet::Packet;
using packet::Product;
using reach::Fields;
using reach::Quantity;

constexpr std::size_t kMostProducts = 512;  // of one outcome
constexpr std::string_view kSeveralWays =
    "packets may go several ways, of which some get in and others do not";

std::size_t index_of(IpFamily family) {
  return family == IpFamily::kV4 ? 0 : 1;
}

// Where a seat's answers of all source classes come together.
class Collector {
 public:
  Collector(const query::Asker& asker, const query::Seat& seat, const Limits& limits,
            Points& points)
      : asker_(asker), seat_(seat), limits_(limits), points_(points) {
    // Nobody there can send what is not asked.
    out_.points.assign(points.all().size(), trace::Verdict::kClosed);
  }

  Status run(reach::Reach& reach) {
    const IpFamily family = reach.fields().family();
    for (const Sender& sender : ordinary_senders(seat_)) {
      if (sender.family().value_or(family) != family) continue;
      ++senders_[index_of(family)];
      for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
        if (limits_.protocol.value_or(protocol) != protocol) continue;
        if (Status s = ask(reach, sender, protocol); !s) return s;
      }
    }
    return {};
  }

  // What no ordinary connection gets. After run().
  Status attack(reach::Reach& reach, const topology::Topology& topology,
                std::span<topology::Device* const> tunnels) {
    const IpFamily family = reach.fields().family();
    std::vector<Sender> senders = attacking_senders(seat_, topology);
    for (topology::Device* vxlan : tunnels) {
      for (Sender& sender : injecting_senders(*vxlan)) senders.push_back(std::move(sender));
    }
    std::erase_if(senders, [&](const Sender& s) { return s.family().value_or(family) != family; });
    const Everyday everyday(topology, reach.fields());
    for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp}) {
      if (limits_.protocol.value_or(protocol) != protocol) continue;
      if (Status s = attack(reach, topology, senders, protocol, everyday); !s) return s;
    }
    return {};
  }

  Reachable finish() {
    for (auto& [key, entry] : entries_) {
      const std::size_t all = senders_[index_of(entry.reached.to.first.family())];
      entry.reached.some = seat_.many && entry.senders < all;
      if (entry.traced)
        confirmed(std::move(entry.reached));
      else
        replay(std::move(entry.reached));
    }
    for (auto& [reached, question] : forged_) replay(std::move(reached), question);
    return std::move(out_);
  }

 private:
  struct Entry {
    Reached reached;
    std::size_t senders = 0;
    std::size_t last_sender = 0;
    bool traced = false;  // its witness was
  };
  using Key =
      std::tuple<std::uint32_t, AddressRange, IpProtocol,
                 std::vector<std::pair<std::uint64_t, std::uint64_t>>, const model::Socket*>;

  Status ask(reach::Reach& reach, const Sender& sender, IpProtocol protocol) {
    ++asked_;
    auto narrowed = narrow(reach);
    if (!narrowed) return std::unexpected(narrowed.error());
    const reach::OneByOne one_by_one = [&](const Packet& packet) {
      return walked(reach.fields(), sender, packet, protocol);
    };
    narrowed->one_by_one = &one_by_one;
    std::optional<packet::PacketSet> named;
    if (!points_.all().empty()) {
      auto set = points_.set(reach, protocol);
      if (!set) return std::unexpected(set.error());
      named = *std::move(set);
      narrowed->named = &*named;
    }
    auto answer = verify::ask(reach, sender, protocol, *narrowed);
    if (!answer) return std::unexpected(answer.error());
    for (const reach::Outcome& outcome : answer->outcomes()) {
      if (const auto& exit = outcome.exit) {
        leaves(reach.fields(), *exit, outcome.set, protocol);
      } else if (outcome.verdict == reach::Verdict::kOpen) {
        if (Status s = open(reach.fields(), outcome, answer->open(), protocol); !s) return s;
        if (Status s = perhaps(reach.fields(), outcome, answer->unknown(), protocol); !s) return s;
      } else if (outcome.verdict == reach::Verdict::kUnknown) {
        unknown(reach.fields(), outcome.set, outcome.reason, nullptr, protocol);
      }
    }
    if (Status s = remember(reach.fields(), answer->open(), protocol); !s) return s;
    if (Status s = doubt(reach.fields(), answer->unknown(), protocol); !s) return s;
    return named ? judge(reach.fields(), *answer, *named, protocol) : Status{};
  }

  // One packet, as it is traced.
  reach::Walked walked(const Fields& fields, const Sender& sender, const Packet& packet,
                       IpProtocol protocol) const {
    trace::Question q = question(fields, sender, packet);
    q.protocol = protocol;
    reach::Walked out{
        trace::Verdict::kClosed, trace::How::kUnreachable, "not asked about", nullptr, {}};
    if (!asker_.is_asked(seat_, q.to)) return out;
    trace::Answer answer = asker_.world().ask(q);
    out = {answer.verdict, answer.how, std::move(answer.reason), answer.socket,
           answer.socket_ns.value_or(model::NsId{})};
    return out;
  }

  // Of what nobody asks about nothing is computed. Points are asked about wherever they are.
  Result<Narrowed> narrow(reach::Reach& reach) const {
    Narrowed out;
    out.verdicts_alone = limits_.verdicts_alone;
    if (!points_.all().empty()) return out;
    if (!limits_.to) return out;
    if (limits_.to->length() == limits_.to->address().bits()) {
      out.asked.to = limits_.to->address();
      return out;
    }
    auto within =
        to_destination(reach, {limits_.to->first(), limits_.to->last()}, IntervalSet::full(16));
    if (!within) return std::unexpected(within.error());
    out.asked.within = *std::move(within);
    return out;
  }

  // Too many to list is all of it: a doubt that is left out would be a claim.
  Status doubt(const Fields& fields, const packet::PacketSet& unsure, IpProtocol protocol) {
    if (!limits_.doubts || unsure.empty()) return {};
    auto destinations = destinations_of(fields, unsure);
    if (!destinations) return std::unexpected(destinations.error());
    const packet::Products products = destinations->products(kMostProducts);
    const Prefix all = Prefix::all(fields.family());
    if (!products.complete) {
      out_.doubts.push_back({protocol, {all.first(), all.last()}, IntervalSet::full(16)});
      return {};
    }
    for (const Product& product : products.products) {
      for (const AddressRange& to : ranges(fields, product))
        out_.doubts.push_back({protocol, to, ports_of(fields, product)});
    }
    return {};
  }

  // Where some packet has been found to get in, whoever sends it.
  Status remember(const Fields& fields, const packet::PacketSet& open, IpProtocol protocol) {
    if (!limits_.as_attacker) return {};
    auto destinations = destinations_of(fields, open);
    if (!destinations) return std::unexpected(destinations.error());
    const auto [known, fresh] = known_.try_emplace({fields.family(), protocol}, *destinations);
    if (fresh) return {};
    auto both = known->second.unite(*destinations);
    if (!both) return std::unexpected(both.error());
    known->second = *std::move(both);
    return {};
  }

  // Who gets in with an address of one's own needs no other, and its answers go to one place; those
  // to every source that there is go everywhere. So that is asked first, and of what it leaves all.
  Status attack(reach::Reach& reach, const topology::Topology& topology,
                std::span<const Sender> senders, IpProtocol protocol, const Everyday& everyday) {
    const IpFamily family = reach.fields().family();
    Forgeries found(topology.snapshot());
    for (const Sender& sender : senders) {
      const auto* forging = std::get_if<Forging>(&sender.from);
      const auto own = forging != nullptr ? own_address(*forging, topology, family) : std::nullopt;
      if (!own) continue;
      if (Status s = forge(reach, sender, protocol, everyday, own, found); !s) return s;
    }
    found.unknown.clear();  // what is in doubt is asked about once more
    for (const Sender& sender : senders) {
      if (Status s = forge(reach, sender, protocol, everyday, std::nullopt, found); !s) return s;
    }
    const Fields& fields = reach.fields();
    for (const auto& [reason, sets] : found.unknown) {
      auto left = reach.space().any_of(sets);
      if (left) left = unknown_yet(fields, *left, protocol);
      if (!left) return std::unexpected(left.error());
      if (Status s = doubt(fields, *left, protocol); !s) return s;
      unknown(fields, *left, reason, nullptr, protocol);
    }
    return {};
  }

  // Of one protocol and family: what some sender may get, by why it is not known.
  struct Forgeries {
    explicit Forgeries(const model::Snapshot& snapshot)
        : alike(topology::alike_namespaces(snapshot)) {}
    std::vector<topology::Alike> alike;
    // By kind of station: the destinations that are in doubt when any source is sent there.
    std::map<std::tuple<std::uint32_t, std::uint32_t, bool>, packet::PacketSet> in_doubt;
    // By reason, in the order of discovery.
    std::vector<std::pair<std::string, std::vector<packet::PacketSet>>> unknown;
    std::vector<packet::PacketSet> added;  // to these, by the sender at hand

    void add(const std::string& reason, const packet::PacketSet& set) {
      if (set.empty()) return;
      added.push_back(set);
      auto at = std::ranges::find(unknown, reason, &decltype(unknown)::value_type::first);
      if (at == unknown.end()) at = unknown.insert(at, {reason, {}});
      at->second.push_back(set);
    }
  };

  // The destinations that are asked about and that nobody was found to get at.
  Result<packet::PacketSet> left(reach::Reach& reach, IpProtocol protocol) const {
    const Prefix all = Prefix::all(reach.fields().family());
    const Prefix& to = limits_.to ? *limits_.to : all;
    const IntervalSet ports =
        limits_.port ? IntervalSet::single(limits_.port->number) : IntervalSet::full(16);
    auto asked = to_destination(reach, {to.first(), to.last()}, ports);
    if (!asked) return asked;
    return unknown_yet(reach.fields(), *asked, protocol);
  }

  // `source`: as this one alone.
  Status forge(reach::Reach& reach, const Sender& sender, IpProtocol protocol,
               const Everyday& everyday, std::optional<IpAddress> source, Forgeries& found) {
    const Fields& fields = reach.fields();
    auto asked = left(reach, protocol);
    if (!asked) return std::unexpected(asked.error());
    // What one station leaves in doubt another that is like it would hardly settle, and it would
    // cost as much again.
    packet::PacketSet* in_doubt = nullptr;
    if (const auto* forging = std::get_if<Forging>(&sender.from); forging != nullptr && !source) {
      const std::uint32_t kind = found.alike[forging->station.value].first.value;
      in_doubt =
          &found.in_doubt
               .try_emplace({kind, forging->link.value, forging->tagged}, reach.space().none())
               .first->second;
      asked = asked->subtract(*in_doubt);
      if (!asked) return std::unexpected(asked.error());
    }
    if (asked->empty()) return {};
    if (work_ >= limits_.most_work) {
      out_.exhausted = true;
      found.add(std::string(reach::kTooMuchWork), *asked);
      return {};
    }
    Narrowed narrowed;
    if (limits_.to && limits_.to->length() == limits_.to->address().bits())
      narrowed.asked.to = limits_.to->address();
    narrowed.asked.port = limits_.port;
    narrowed.asked.within = *asked;
    narrowed.source = source;
    narrowed.most_work = limits_.most_work - work_;
    const std::uint64_t before = reach.work();
    auto answer = verify::ask(reach, sender, protocol, narrowed);
    work_ += reach.work() - before;
    if (!answer) return std::unexpected(answer.error());
    const packet::Preferences like = everyday.of(sender);
    found.added.clear();
    for (const reach::Outcome& outcome : answer->outcomes()) {
      if (Status s = forged(reach, sender, outcome, *answer, like, protocol, found); !s) return s;
    }
    if (in_doubt != nullptr) {
      auto more = reach.space().any_of(found.added);
      if (more) more = destinations_of(fields, *more);
      if (more) more = in_doubt->unite(*more);
      if (!more) return std::unexpected(more.error());
      *in_doubt = *std::move(more);
    }
    return sender.through.empty() ? remember(fields, answer->open(), protocol) : Status{};
  }

  Status forged(reach::Reach& reach, const Sender& sender, const reach::Outcome& outcome,
                const reach::Answer& answer, const packet::Preferences& like, IpProtocol protocol,
                Forgeries& found) {
    if (!sender.through.empty()) {
      if (outcome.verdict != reach::Verdict::kClosed)
        found.add("forged packets: " + sender.through, outcome.set);
    } else if (const auto& exit = outcome.exit) {
      leaves(reach.fields(), *exit, outcome.set, protocol);
    } else if (outcome.verdict == reach::Verdict::kOpen) {
      if (Status s = forged(reach, sender, outcome, answer.open(), like, protocol); !s) return s;
      auto unsure = outcome.set.intersect(answer.unknown());
      if (!unsure) return std::unexpected(unsure.error());
      found.add("forged packets: " + std::string(kSeveralWays), *unsure);
    } else if (outcome.verdict == reach::Verdict::kUnknown) {
      const bool cut = outcome.reason == reach::kTooMuchWork;
      out_.exhausted = out_.exhausted || cut;
      found.add(cut ? outcome.reason : "forged packets: " + outcome.reason, outcome.set);
    }
    return {};
  }

  // The packets to destinations of which it is not known that some get in.
  Result<packet::PacketSet> unknown_yet(const Fields& fields, const packet::PacketSet& set,
                                        IpProtocol protocol) const {
    const auto known = known_.find({fields.family(), protocol});
    return known == known_.end() ? set : set.subtract(known->second);
  }

  Status forged(reach::Reach& reach, const Sender& sender, const reach::Outcome& outcome,
                const packet::PacketSet& surely, const packet::Preferences& like,
                IpProtocol protocol) {
    const Fields& fields = reach.fields();
    auto both = outcome.set.intersect(surely);
    if (!both) return std::unexpected(both.error());
    auto set = unknown_yet(fields, *both, protocol);
    if (!set) return std::unexpected(set.error());
    auto destinations = destinations_of(fields, *set);
    if (!destinations) return std::unexpected(destinations.error());
    const packet::Products products = destinations->products(kMostProducts);
    out_.complete = out_.complete && products.complete;
    for (const Product& product : products.products) {
      for (const AddressRange& range : ranges(fields, product)) {
        const auto to = asked_about(range);
        IntervalSet ports = ports_of(fields, product);
        if (limits_.port) ports = ports.intersect(IntervalSet::single(limits_.port->number));
        if (!to || ports.empty()) continue;
        auto there = to_destination(reach, *to, ports);
        if (!there) return std::unexpected(there.error());
        auto packets = set->intersect(*there);
        if (!packets) return std::unexpected(packets.error());
        const auto witness = packets->witness(like);
        if (witness) add_forged(fields, sender, outcome, {*to, std::move(ports)}, *witness);
      }
    }
    return {};
  }

  struct Place {
    AddressRange to;
    IntervalSet ports;
  };
  void add_forged(const Fields& fields, const Sender& sender, const reach::Outcome& outcome,
                  Place place, const Packet& packet) {
    if (entries_.size() + forged_.size() >= kMostEntries) {
      out_.complete = false;
      return;
    }
    const trace::Question q = question(fields, sender, packet);
    Reached reached;
    reached.protocol = q.protocol;
    reached.to = place.to;
    reached.ports = std::move(place.ports);
    reached.socket = outcome.socket;
    reached.ns = outcome.socket_ns;
    reached.witness = {fields.address(packet, Quantity::kSource), q.to, q.port, q.source_port, {}};
    if (const auto* frame = std::get_if<trace::ForgedOrigin>(&q.from))
      reached.witness.frame = {frame->mac, frame->to, frame->tagged};
    reached.forged = true;
    forged_.emplace_back(std::move(reached), q);
  }

  // Open when it is for some sender; closed only when it is for all of them. Of most points nothing
  // but closed is said.
  Status judge(const Fields& fields, const reach::Answer& answer, const packet::PacketSet& named,
               IpProtocol protocol) {
    auto open = Destinations::of(fields, answer.open());
    if (!open) return std::unexpected(open.error());
    auto closed = Destinations::of(fields, answer.closed());
    if (!closed) return std::unexpected(closed.error());
    auto unknown = Destinations::of(fields, answer.unknown());
    if (!unknown) return std::unexpected(unknown.error());
    auto plain = closed->but(*open, *unknown);
    if (!plain) return std::unexpected(plain.error());
    auto left = plain->left_of(named);
    if (!left) return std::unexpected(left.error());
    Packet packet = fields.layout().packet();
    const auto take = [&](std::size_t i) {
      const Point& point = points_.all()[i];
      if (!asker_.is_asked(seat_, point.to)) return;
      set_destination(fields, packet, point);
      trace::Verdict& verdict = out_.points[i];
      const bool is_open = open->contains(packet);
      const bool is_closed = closed->contains(packet);
      if (is_open == is_closed || unknown->contains(packet)) {
        if (verdict == trace::Verdict::kClosed) verdict = trace::Verdict::kUnknown;
      } else if (is_open) {
        verdict = trace::Verdict::kOpen;
      }
    };
    if (points_.each_in(fields, *left, protocol, take)) return {};
    for (std::size_t i = 0; i < points_.all().size(); ++i) {
      const Point& point = points_.all()[i];
      if (point.protocol == protocol && point.to.family() == fields.family()) take(i);
    }
    return {};
  }

  // What gets in by one of the ways that these packets may go, it is not known which.
  Status perhaps(const Fields& fields, const reach::Outcome& outcome,
                 const packet::PacketSet& unsure, IpProtocol protocol) {
    auto set = outcome.set.intersect(unsure);
    if (!set) return std::unexpected(set.error());
    if (!set->empty()) unknown(fields, *set, kSeveralWays, outcome.socket, protocol);
    return {};
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
           const AddressRange& whole, IntervalSet ports, const Packet& sample) {
    const auto clipped = asked_about(whole);
    if (!clipped) return;
    const AddressRange& to = *clipped;
    if (limits_.port) ports = ports.intersect(IntervalSet::single(limits_.port->number));
    if (ports.empty()) return;
    if (entries_.size() == kMostEntries) {
      out_.complete = false;
      return;
    }
    std::vector<std::pair<std::uint64_t, std::uint64_t>> flat;
    flat.reserve(ports.intervals().size());
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
      entry.traced = outcome.one_by_one;
    }
    if (entry.last_sender != asked_) ++entry.senders;
    entry.last_sender = asked_;
  }

  // The part that is asked about.
  std::optional<AddressRange> asked_about(const AddressRange& range) const {
    const auto inside = clip(range, limits_.to);
    if (!inside || !asker_.is_asked(seat_, inside->first)) return std::nullopt;
    return inside;
  }

  void leaves(const Fields& fields, const reach::Outcome::Exit& exit, const packet::PacketSet& set,
              IpProtocol protocol) {
    const bool known = std::ranges::any_of(out_.leaves, [&](const WayOut& w) {
      return w.ns == exit.ns && w.link == exit.link && w.protocol == protocol &&
             w.family == fields.family();
    });
    const auto witness = known ? std::nullopt : find_witness(fields, set);
    if (!witness) return;
    const IntervalSet ports = set.values(fields.only(Quantity::kDestinationPort));
    out_.leaves.push_back(
        {exit.ns, exit.link, protocol, fields.family(), ports.is_full(16), *witness});
  }

  void unknown(const Fields& fields, const packet::PacketSet& set, std::string_view reason,
               const model::Socket* socket, IpProtocol protocol) {
    const bool known = std::ranges::any_of(out_.unknown, [&](const Unknown& u) {
      return u.reason == reason && u.protocol == protocol && u.socket == socket;
    });
    const auto witness = known ? std::nullopt : find_witness(fields, set);
    if (!witness) return;
    if (out_.unknown.size() == kMostEntries) {
      out_.complete = false;
      return;
    }
    out_.unknown.push_back({std::string(reason), protocol, *witness, socket});
  }

  // A member among those asked about; nullopt when there is none.
  std::optional<Witness> find_witness(const Fields& fields, const packet::PacketSet& set) const {
    const packet::Products products = set.products(kMostProducts);
    for (const Product& product : products.products) {
      IntervalSet ports = ports_of(fields, product);
      if (limits_.port) ports = ports.intersect(IntervalSet::single(limits_.port->number));
      if (ports.empty()) continue;
      for (const AddressRange& range : ranges(fields, product)) {
        const auto to = asked_about(range);
        if (!to) continue;
        return Witness{std::nullopt, to->first,
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
    confirm(std::move(reached), asker_.ask(seat_, target).answer);
  }
  void replay(Reached reached, const trace::Question& question) {
    confirm(std::move(reached), asker_.world().ask(question));
  }
  void confirmed(Reached reached) {
    ++out_.confirmed;
    out_.open.push_back(std::move(reached));
  }
  void confirm(Reached reached, const trace::Answer& traced) {
    if (traced.verdict == trace::Verdict::kOpen) {
      confirmed(std::move(reached));
    } else {
      out_.contradictions.push_back({std::move(reached), traced.verdict, traced.reason});
    }
  }

  const query::Asker& asker_;
  const query::Seat& seat_;
  const Limits& limits_;
  Points& points_;
  std::map<Key, Entry> entries_;
  std::vector<std::pair<Reached, trace::Question>> forged_;
  std::map<std::pair<IpFamily, IpProtocol>, packet::PacketSet> known_;
  std::array<std::size_t, 2> senders_{};  // by family
  std::size_t asked_ = 0;
  std::uint64_t work_ = 0;  // of walks of forged packets
  Reachable out_;
};

}  // namespace

Solver::Solver(const query::Asker& asker) : asker_(asker) {}
Solver::~Solver() = default;

Result<Reachable> Solver::attempt(const query::Seat& seat, const Limits& limits, Points& points) {
  Collector collector(asker_, seat, limits, points);
  for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    if (limits.to && limits.to->family() != family) continue;
    auto& reach = reach_[index_of(family)];
    if (reach == nullptr) {
      reach =
          std::make_unique<reach::Reach>(reach::Reach::build(asker_.world().snapshot(), family));
    }
    Status s = collector.run(*reach);
    if (s && limits.as_attacker) {
      if (!topology_) topology_ = topology::Topology::build(asker_.world().snapshot());
      if (!attackers_) attackers_ = std::make_unique<Attackers>(asker_);
      s = collector.attack(*reach, *topology_, attackers_->tunnels(seat));
    }
    if (!s) {
      points.forget();
      reach.reset();  // it stays at its limits
      return std::unexpected(s.error());
    }
  }
  return collector.finish();
}

Result<Reachable> Solver::from(const query::Seat& seat, const Limits& limits,
                               std::span<const Point> points) {
  if (seat.origins.empty()) return fail(ErrorCode::kUnavailable, seat.unknown);
  const bool fresh = reach_[0] == nullptr && reach_[1] == nullptr;
  if (points_ == nullptr || !points_->is_of(points)) points_ = std::make_unique<Points>(points);
  auto answer = attempt(seat, limits, *points_);
  if (answer || fresh || answer.error().code != ErrorCode::kBudget) return answer;
  // What earlier seats left behind may have filled the space.
  points_->forget();
  reach_ = {};
  return attempt(seat, limits, *points_);
}

Result<Reachable> reachable(const query::Asker& asker, const query::Seat& seat,
                            const Limits& limits) {
  return Solver(asker).from(seat, limits);
}

}  // namespace bulkhead::verify
