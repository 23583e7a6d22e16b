#include "verify/attacker.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "topology/vxlan.h"
#include "verify/plain_walks.h"
#include "verify/sender.h"

namespace bulkhead::verify {
namespace {

// Of one symbolic walk about one destination, in operations on sets: a few seconds.
constexpr std::uint64_t kMostWork = 2'000'000;
// VXLAN devices; beyond that any may be filled.
constexpr std::size_t kMostTunnels = 256;

bool names(const std::vector<std::string>& capabilities, std::string_view name) {
  return std::ranges::any_of(capabilities, [name](std::string_view c) {
    if (c.size() == name.size() + 4) c.remove_prefix(4);  // CAP_
    return std::ranges::equal(
        c, name, [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; });
  });
}

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

// What is known of one address family; built when it is first asked for.
struct Attackers::Family {
  Family(const model::Snapshot& snapshot, const topology::Topology& topology, IpFamily family)
      : reach(reach::Reach::build(snapshot, family)), everyday(topology, reach.fields()) {}
  reach::Reach reach;
  Everyday everyday;
};

// What root in a seat can do. Of containers it is kept, as they are asked from many times.
class Attackers::Senders {
 public:
  const std::vector<Sender>& of(const query::Seat& seat, const topology::Topology& topology) {
    if (seat.container == nullptr) return last_ = attacking_senders(seat, topology);
    const auto known = by_container_.find(seat.container);
    if (known != by_container_.end()) return known->second;
    std::vector<Sender> made = attacking_senders(seat, topology);
    kept_ += made.size();
    if (kept_ > kMostKept) {
      by_container_.clear();
      kept_ = made.size();
    }
    return by_container_[seat.container] = std::move(made);
  }

 private:
  static constexpr std::size_t kMostKept = 500'000;  // senders in all: on a large segment each has
                                                     // one for each other
  std::unordered_map<const model::Container*, std::vector<Sender>> by_container_;
  std::vector<Sender> last_;  // of a seat that is no container
  std::size_t kept_ = 0;
};

Attackers::Attackers(const query::Asker& asker, std::size_t most_symbolic, Ways ways)
    : asker_(asker),
      symbolic_left_(most_symbolic),
      ways_(ways),
      senders_(std::make_unique<Senders>()) {}
Attackers::~Attackers() = default;

Attackers::Family& Attackers::family(IpFamily family) {
  auto& slot = families_[family == IpFamily::kV4 ? 0 : 1];
  if (!slot) slot = std::make_unique<Family>(asker_.world().snapshot(), *topology_, family);
  return *slot;
}

namespace {

// Unknown is better than closed, and no worse than unknown before.
void doubt(query::Reply& best, const std::string& why) {
  if (best.answer.verdict != trace::Verdict::kClosed) return;
  best = {};
  best.answer.reason = "forged packets: " + why;
}

query::Reply nothing_yet() {
  query::Reply none;
  none.answer.verdict = trace::Verdict::kClosed;
  none.answer.how = trace::How::kDropped;
  return none;
}

// A source that is asked for cannot be had by all.
bool can_send_as(const Sender& sender, const std::optional<IpAddress>& source) {
  if (!source || sender.forges()) return true;
  const auto* outside = std::get_if<trace::OutsideOrigin>(&sender.from);
  return outside != nullptr ? outside->source == *source : sender.bound == source;
}

// The answer to a packet that gets in.
void found(query::Reply& best, const trace::Question& asked, trace::Answer answer) {
  best.witness = answer.source;
  best.frame.reset();
  if (const auto* forged = std::get_if<trace::ForgedOrigin>(&asked.from))
    best.frame = {forged->mac, forged->to, forged->tagged};
  best.answer = std::move(answer);
}

}  // namespace

// What a question has come to: by which parts of the addresses no sender so far got anything.
struct Attackers::Round {
  struct Closed {
    Forging forging;
    std::vector<std::uint32_t> parts;
  };
  std::vector<Closed> closed;  // stations
  // Of all senders, ascending; nullopt: not all were settled by plain walks that can be retold.
  std::optional<std::vector<std::uint32_t>> parts = std::vector<std::uint32_t>{0};

  void add(const Sender& sender, std::optional<std::vector<std::uint32_t>> told) {
    if (!told) return parts.reset();
    if (parts) {
      std::vector<std::uint32_t> all;
      all.reserve(parts->size() + told->size());
      std::ranges::set_union(*parts, *told, std::back_inserter(all));
      parts = std::move(all);
    }
    if (const auto* forging = std::get_if<Forging>(&sender.from))
      closed.push_back({*forging, *std::move(told)});
  }
};

void Attackers::prepare() {
  if (topology_ != nullptr) return;
  const model::Snapshot& snapshot = asker_.world().snapshot();
  topology_ = std::make_unique<topology::Topology>(topology::Topology::build(snapshot));
  plain_ = std::make_unique<PlainWalks>(asker_.world(), *topology_);
  alike_ = topology::alike_namespaces(snapshot);
  for (const auto& m : topology_->machines()) {
    for (const auto& d : m->devices) {
      if (d->kind == topology::DeviceKind::kVxlan && d->up) vxlans_.push_back(d.get());
    }
  }
}

query::Reply Attackers::ask(const query::Seat& seat, const query::Target& target,
                            query::Reply ordinary) {
  query::Reply best = ask_on_wires(seat, target, std::move(ordinary));
  if (best.answer.verdict != trace::Verdict::kClosed) return best;
  for (topology::Device* vxlan : tunnels(seat)) {
    best.parts.reset();
    if (target.to_reads != nullptr) target.to_reads->unclear();
    ask_through(*vxlan, target, best);
    if (best.answer.verdict != trace::Verdict::kClosed) break;
  }
  return best;
}

query::Reply Attackers::ask_on_wires(const query::Seat& seat, const query::Target& target,
                                     query::Reply ordinary) {
  query::Reply best = std::move(ordinary);
  if (best.answer.verdict == trace::Verdict::kOpen) return best;
  prepare();
  const IpFamily family = target.to.unmapped().family();
  Round round;
  if (best.answer.verdict != trace::Verdict::kClosed || family != IpFamily::kV4)
    round.parts.reset();
  for (const Sender& sender : senders_->of(seat, *topology_)) {
    if (sender.family().value_or(family) != family || !can_send_as(sender, target.source)) continue;
    if (is_spared(sender, target, round)) continue;
    if (!try_plainly(sender, target, round, best)) {
      round.parts.reset();
      try_sender(sender, target, best);
    }
    if (best.answer.verdict == trace::Verdict::kOpen) break;
  }
  if (round.parts && best.answer.verdict == trace::Verdict::kClosed)
    best.parts = *std::move(round.parts);
  return best;
}

// Frames out of the device, of anybody's making.
void Attackers::ask_through(topology::Device& vxlan, const query::Target& target,
                            query::Reply& best) {
  const IpFamily family = target.to.unmapped().family();
  for (const Sender& sender : injecting_senders(vxlan)) {
    if (sender.family().value_or(family) != family || !can_send_as(sender, target.source)) continue;
    query::Reply got = nothing_yet();
    Round round;
    if (!try_plainly(sender, target, round, got)) try_sender(sender, target, got);
    if (got.answer.verdict == trace::Verdict::kClosed) continue;
    return doubt(best, sender.through);
  }
}

// Whether a UDP packet of root's making may get to the port of the device's end, or comes there out
// of one of the others.
bool Attackers::may_fill(const query::Seat& seat, topology::Device& vxlan,
                         const std::vector<topology::Device*>& others) {
  if (vxlan.underlay == nullptr || !vxlan.link->detail.vxlan_port) return true;  // not known
  const bool external = vxlan.link->vxlan && vxlan.link->vxlan->external;
  query::Target target;
  target.port = *vxlan.link->detail.vxlan_port;
  target.protocol = IpProtocol::kUdp;
  for (const auto& [address, device] : vxlan.underlay->addresses) {
    if (!external && address.family() != topology::vxlan_family(vxlan)) continue;
    target.to = address;
    query::Reply got = asker_.ask(seat, target);
    if (got.answer.verdict == trace::Verdict::kClosed)
      got = ask_on_wires(seat, target, std::move(got));
    for (topology::Device* other : others) {
      if (got.answer.verdict == trace::Verdict::kClosed) ask_through(*other, target, got);
    }
    const bool elsewhere = got.answer.verdict == trace::Verdict::kOpen &&
                           got.answer.socket_ns != vxlan.underlay->id;  // 127.0.0.1 is one's own
    if (got.answer.verdict != trace::Verdict::kClosed && !elsewhere) return true;
  }
  return false;
}

const std::vector<topology::Device*>& Attackers::tunnels(const query::Seat& seat) {
  prepare();
  SeatKey key{seat.container, seat.zone, 0, 0, 0};
  if (!seat.origins.empty() && !vxlans_.empty()) {
    if (const auto* local = std::get_if<trace::LocalOrigin>(&seat.origins.front()))
      key = {seat.container, seat.zone, local->ns.value, local->uid, 0};
    else if (const auto* outside = std::get_if<trace::OutsideOrigin>(&seat.origins.front()))
      key = {seat.container, seat.zone, outside->ns.value, 0, outside->link.value};
  }
  const auto [at, fresh] = tunnels_.try_emplace(key);
  if (!fresh) return at->second;
  std::vector<topology::Device*> left = vxlans_;
  std::vector<topology::Device*>& found = at->second;
  for (bool more = !left.empty(); more;) {
    const std::size_t before = found.size();
    std::erase_if(left, [&](topology::Device* vxlan) {
      const bool fills = found.size() > kMostTunnels || may_fill(seat, *vxlan, found);
      if (fills) found.push_back(vxlan);
      return fills;
    });
    more = found.size() > before && !left.empty();
  }
  return found;
}

bool Attackers::is_spared(const Sender& sender, const query::Target& target,
                          const Round& round) const {
  const auto* forging = std::get_if<Forging>(&sender.from);
  if (forging == nullptr) return false;
  const topology::Alike& mine = alike_[forging->station.value];
  if (!mine.address || *mine.address == target.to) return false;
  const bool spared = std::ranges::any_of(round.closed, [&](const Round::Closed& c) {
    const topology::Alike& theirs = alike_[c.forging.station.value];
    return c.forging.link == forging->link && c.forging.tagged == forging->tagged &&
           c.forging.station != forging->station && theirs.first == mine.first &&
           *theirs.address != target.to &&
           query::same_part(c.parts, *mine.address, *theirs.address);
  });
  if (spared && target.to_reads != nullptr)  // it is not its own service that is asked for
    target.to_reads->asked({trace::kLastAddress, mine.address->v4_number(), 0});
  return spared;
}

bool Attackers::try_plainly(const Sender& sender, const query::Target& target, Round& round,
                            query::Reply& best) {
  std::optional<PlainWalks::Settled> settled;
  if (ways_ != Ways::kSymbolic) settled = plain_->settle(sender, target);
  if (!settled) {
    if (target.to_reads != nullptr) target.to_reads->unclear();
    return false;
  }
  round.add(sender, std::move(settled->parts));
  if (settled->open) {
    auto& [question, answer] = *settled->open;
    question.explain = target.explain;
    found(best, question, target.explain ? asker_.world().ask(question) : std::move(answer));
  }
  return true;
}

// A better answer needs a witness with which the interpreter agrees.
void Attackers::try_sender(const Sender& sender, const query::Target& target, query::Reply& best) {
  if (symbolic_left_ == 0) {
    exhausted_ = true;
    return doubt(best, "not asked: it would take too many symbolic walks");
  }
  --symbolic_left_;
  const IpAddress to = target.to.unmapped();
  Family& known = family(to.family());
  const auto answer =
      verify::ask(known.reach, sender, target.protocol,
                  {{to, target.port}, target.source, target.source_port, kMostWork});
  if (!answer) return doubt(best, answer.error().message);
  if (const auto witness = answer->open().witness(known.everyday.of(sender))) {
    trace::Question q = question(known.reach.fields(), sender, *witness);
    q.explain = target.explain;
    q.edges = target.edges;
    trace::Answer traced = asker_.world().ask(q);
    if (traced.verdict != trace::Verdict::kOpen) {
      return doubt(best, "two ways to compute it disagree (a bug of ours): " + traced.reason);
    }
    return found(best, q, std::move(traced));
  }
  for (const reach::Outcome& o : answer->outcomes()) {
    if (o.verdict != reach::Verdict::kUnknown) continue;
    exhausted_ = exhausted_ || o.reason == reach::kTooMuchWork;
    return doubt(best, o.reason);
  }
  if (!answer->unknown().empty()) doubt(best, "the packet may go several ways");
}

}  // namespace bulkhead::verify
