#include "audit/cure.h"

#include <algorithm>
#include <utility>

#include "audit/cure_effect.h"
#include "audit/cure_suggest.h"

namespace bulkhead::audit {

void find_cures(const Scene& scene, const MakeOracle& make, Draft& draft, std::size_t& budget) {
  std::vector<Candidate> candidates = suggest_cures(scene, draft);
  bool solved = false;
  for (Candidate& candidate : candidates) {
    const bool computable = !std::holds_alternative<std::monostate>(candidate.change);
    if (solved || !computable || budget == 0) continue;
    --budget;
    candidate.cure.effect = effect_of(candidate.change, scene, make, draft);
    solved = candidate.cure.effect.gone;
  }
  std::ranges::stable_sort(candidates, {}, [](const Candidate& c) { return !c.cure.effect.gone; });
  for (Candidate& candidate : candidates) draft.finding.cures.push_back(std::move(candidate.cure));
}

}  // namespace bulkhead::audit
