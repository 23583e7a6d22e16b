// What one target of scan: names beyond the host, whatever other targets say of the same machines.
#pragma once

#include <vector>

#include "policy/config.h"

namespace bulkhead::policy {

// `target` is of `config`. At most kMostBeyondHost; beyond_host() names each address once, under
// the first target that has it. O(addresses * zones).
[[nodiscard]] std::vector<Beyond> machines_of_target(const Config& config,
                                                     const ScanTarget& target);

}  // namespace bulkhead::policy
