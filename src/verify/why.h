// Why one seat reaches one port of one address, or does not: what reach computes for all packets,
// one of them walked through by the interpreter, and of a closed one the least that would open it.
#pragma once

#include <optional>

#include "base/result.h"
#include "query/opening.h"
#include "query/query.h"
#include "verify/reachable.h"

namespace bulkhead::verify {

struct Why {
  query::Target target;
  Reachable computed;                     // for all packets that may be sent
  query::Reply reply;                     // one of them, with its steps and rules
  std::optional<query::Opening> opening;  // of a closed ordinary connection

  // Open where some packet gets in and its replay agrees; closed where none does.
  [[nodiscard]] trace::Verdict verdict() const;
  // The two ways to compute it differ: a bug of ours. The verdict is unknown then.
  [[nodiscard]] bool contradicted() const;
};

// The asker answers for attackers too (Asker::forged_by) when `as_attacker`. Errors and cost: those
// of Solver::from() for one address and port, and of query::opening().
[[nodiscard]] Result<Why> explain(const query::Asker& asker, const query::Seat& seat,
                                  const Point& point, bool as_attacker);

}  // namespace bulkhead::verify
