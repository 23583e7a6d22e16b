// The light probes of an audit.
#pragma once

#include <vector>

#include "audit/audit.h"
#include "cli/session.h"

namespace bulkhead::cli {

// Tries each wish once (TCP only) from its namespace, within the bounds of seats::Limits.
[[nodiscard]] std::vector<model::Observation> probe_wishes(
    Session& session, const std::vector<audit::ProbeWish>& wishes);

}  // namespace bulkhead::cli
