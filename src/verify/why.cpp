#include "verify/why.h"

namespace bulkhead::verify {
namespace {

using trace::Verdict;

Verdict computed_verdict(const Reachable& r) {
  if (!r.open.empty()) return Verdict::kOpen;
  return r.leaves.empty() && r.unknown.empty() ? Verdict::kClosed : Verdict::kUnknown;
}

}  // namespace

bool Why::contradicted() const {
  const Verdict all = computed_verdict(computed);
  const bool settled = all != Verdict::kUnknown && reply.answer.verdict != Verdict::kUnknown;
  return !computed.contradictions.empty() || (settled && all != reply.answer.verdict);
}

trace::Verdict Why::verdict() const {
  return contradicted() ? Verdict::kUnknown : computed_verdict(computed);
}

Result<Why> explain(const query::Asker& asker, const query::Seat& seat, const Point& point,
                    bool as_attacker) {
  Limits limits;
  limits.to = Prefix::single(point.to);
  limits.port = point.port;
  limits.protocol = point.protocol;
  limits.as_attacker = as_attacker;
  auto computed = reachable(asker, seat, limits);
  if (!computed) return std::unexpected(computed.error());
  Why why;
  why.target.to = point.to;
  why.target.port = point.port;
  why.target.protocol = point.protocol;
  why.target.as_attacker = as_attacker;
  why.target.explain = true;
  why.computed = *std::move(computed);
  why.reply = asker.ask(seat, why.target);
  if (query::may_be_opened(why.target, why.reply))
    why.opening = query::opening(asker, seat, why.target, why.reply);
  return why;
}

}  // namespace bulkhead::verify
