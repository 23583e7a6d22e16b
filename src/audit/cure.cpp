#include "audit/cure.h"

#include <algorithm>
#include <utility>

#include "audit/cure_effect.h"
#include "audit/cure_suggest.h"

namespace bulkhead::audit {

void CureFinder::find(Draft& draft) {
  std::vector<Candidate> candidates = suggest_cures(scene_, bridges_, draft);
  bool solved = false;
  for (Candidate& candidate : candidates) {
    const bool computable = !std::holds_alternative<std::monostate>(candidate.change);
    if (solved || !computable || budget_ == 0) continue;
    --budget_;
    candidate.cure.effect = effect_of(candidate.change, scene_, known_, make_, draft);
    solved = candidate.cure.effect.gone;
  }
  std::ranges::stable_sort(candidates, {}, [](const Candidate& c) { return !c.cure.effect.gone; });
  for (Candidate& candidate : candidates) draft.finding.cures.push_back(std::move(candidate.cure));
}

}  // namespace bulkhead::audit
