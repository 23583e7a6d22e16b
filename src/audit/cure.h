// What to do about a finding, as lines to paste, and what the model says once they are applied.
#pragma once

#include <cstddef>

#include "audit/evidence.h"

namespace bulkhead::audit {

// Fills Finding::cures. A cure is tried on a copy of the model and asked again until one is found
// that makes the finding go away; that one comes first. `budget` models may be built; what is beyond
// stays uncomputed, and says so.
void find_cures(const Scene& scene, const MakeOracle& make, Draft& draft, std::size_t& budget);

}  // namespace bulkhead::audit
