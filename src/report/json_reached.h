// Entries of reach as JSON values, for the reports that hold some.
#pragma once

#include <nlohmann/json.hpp>

#include "model/snapshot.h"
#include "verify/reachable.h"

namespace bulkhead::report {

[[nodiscard]] nlohmann::ordered_json witness_json(const verify::Witness& witness);
[[nodiscard]] nlohmann::ordered_json reached_json(const model::Snapshot& snapshot,
                                                  const verify::Reached& reached);

}  // namespace bulkhead::report
