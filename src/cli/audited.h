// What status tells of mode audit: the counted of the kernel, by the names of the policy as it was
// applied.
#pragma once

#include <string>

#include "cli/session.h"
#include "enforce/state.h"
#include "policy/bind.h"
#include "report/status_text.h"

namespace bulkhead::cli {

// Containers of the policy in that mode today that `known` has not, or not as they are. `tables`
// enforce by their ports, too; null where nothing is held by them.
[[nodiscard]] std::vector<report::Uncovered> unknown_members(
    const policy::Config& config, const policy::Bound& bound, const model::Snapshot& snapshot,
    policy::Mode mode, const std::vector<enforce::Held>& known,
    const std::vector<model::Table>* tables);

[[nodiscard]] report::Audited audited_of(const enforce::Record& record,
                                         const policy::Config& config, const policy::Bound& bound,
                                         const model::Snapshot& snapshot);

}  // namespace bulkhead::cli
