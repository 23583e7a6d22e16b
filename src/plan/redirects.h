// Whether rules send packets to services by other addresses than those at which engines publish
// them. Inside plan.
#pragma once

#include "model/snapshot.h"

namespace bulkhead::plan {

// True: a service is dialled at its own addresses or at a port that an engine published, and
// nowhere else, as far as rules and local routes go. False: some rule sends packets elsewhere, or
// it is not known where to. O(rules + published ports).
[[nodiscard]] bool only_published_ports_lead(const model::Snapshot& snapshot);

}  // namespace bulkhead::plan
