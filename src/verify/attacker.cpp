#include "verify/attacker.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "verify/sender.h"

namespace bulkhead::verify {
namespace {

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

Attackers::Attackers(const query::Asker& asker) : asker_(asker) {}
Attackers::~Attackers() = default;

Attackers::Family& Attackers::family(IpFamily family) {
  auto& slot = families_[family == IpFamily::kV4 ? 0 : 1];
  if (!slot) slot = std::make_unique<Family>(asker_.world().snapshot(), *topology_, family);
  return *slot;
}

query::Reply Attackers::ask(const query::Seat& seat, const query::Target& target,
                            query::Reply ordinary) {
  query::Reply best = std::move(ordinary);
  if (best.answer.verdict == trace::Verdict::kOpen) return best;
  if (!topology_) topology_ = topology::Topology::build(asker_.world().snapshot());
  const IpFamily family = target.to.unmapped().family();
  for (const Sender& sender : attacking_senders(seat, *topology_)) {
    if (sender.family().value_or(family) == family) try_sender(sender, target, best);
    if (best.answer.verdict == trace::Verdict::kOpen) break;
  }
  return best;
}

namespace {

// Unknown is better than closed, and no worse than unknown before.
void doubt(query::Reply& best, const std::string& why) {
  if (best.answer.verdict != trace::Verdict::kClosed) return;
  best = {};
  best.answer.reason = "forged packets: " + why;
}

// A source that is asked for cannot be had by all.
bool can_send_as(const Sender& sender, const std::optional<IpAddress>& source) {
  if (!source || sender.forges()) return true;
  const auto* outside = std::get_if<trace::OutsideOrigin>(&sender.from);
  return outside != nullptr ? outside->source == *source : sender.bound == source;
}

}  // namespace

// A better answer needs a witness with which the interpreter agrees.
void Attackers::try_sender(const Sender& sender, const query::Target& target, query::Reply& best) {
  if (!can_send_as(sender, target.source)) return;
  const IpAddress to = target.to.unmapped();
  Family& known = family(to.family());
  const auto answer = verify::ask(known.reach, sender, target.protocol,
                                  {{to, target.port}, target.source, target.source_port});
  if (!answer) return doubt(best, answer.error().message);
  if (const auto witness = answer->open().witness(known.everyday.of(sender))) {
    trace::Question q = question(known.reach.fields(), sender, *witness);
    q.explain = target.explain;
    q.edges = target.edges;
    trace::Answer traced = asker_.world().ask(q);
    if (traced.verdict != trace::Verdict::kOpen) {
      return doubt(best, "two ways to compute it disagree (a bug of ours): " + traced.reason);
    }
    best.witness = traced.source;
    best.frame.reset();
    if (const auto* forged = std::get_if<trace::ForgedOrigin>(&q.from))
      best.frame = {forged->mac, forged->to, forged->tagged};
    best.answer = std::move(traced);
    return;
  }
  for (const reach::Outcome& o : answer->outcomes()) {
    if (o.verdict == reach::Verdict::kUnknown) return doubt(best, o.reason);
  }
  if (!answer->unknown().empty()) doubt(best, "the packet may go several ways");
}

}  // namespace bulkhead::verify
