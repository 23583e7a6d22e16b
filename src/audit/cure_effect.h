// What the model says once a cure is applied: is the finding gone, and what else moves?
#pragma once

#include "audit/cure_suggest.h"
#include "audit/known_answers.h"

namespace bulkhead::audit {

// Copies the snapshot, changes the copy and asks it again: a model to build, and a walk for each
// way in that was asked about. `computed` is false when the changed model cannot be asked.
[[nodiscard]] Effect effect_of(const Change& change, const Scene& scene, const KnownAnswers& known,
                               const MakeOracle& make, const Draft& draft);

}  // namespace bulkhead::audit
