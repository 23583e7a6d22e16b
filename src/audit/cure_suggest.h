// Which cures come into question for a finding. What they would do is not looked at here
// (cure_effect.h).
#pragma once

#include <functional>
#include <vector>

#include "audit/evidence.h"
#include "audit/finding.h"
#include "model/snapshot.h"

namespace bulkhead::audit {

// Does to a model what the cure would do to the host.
using Change = std::function<void(model::Snapshot&)>;

struct Candidate {
  Cure cure;      // its effect is not filled in
  Change change;  // empty: cannot be computed
};

// The best first. What is returned refers to `scene` and `draft`, which must outlive it.
[[nodiscard]] std::vector<Candidate> suggest_cures(const Scene& scene, const Draft& draft);

}  // namespace bulkhead::audit
