// What was seen of one target's ports, as all results of scans write it.
#pragma once

#include <nlohmann/json.hpp>

#include "seen/observed.h"

namespace bulkhead::seen {

[[nodiscard]] nlohmann::ordered_json run_json(const PortRun& run);
[[nodiscard]] nlohmann::ordered_json counts_json(const Swept& swept);

}  // namespace bulkhead::seen
