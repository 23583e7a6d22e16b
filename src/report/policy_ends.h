// The services at the ends of a policy's lines.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "policy/bind.h"
#include "policy/config.h"

namespace bulkhead::report {

// Those of a tenant that it lists, else those of its containers. O(members).
[[nodiscard]] std::set<std::string> policy_services(const policy::Config& config,
                                                    const policy::Bound& bound, std::size_t tenant);

}  // namespace bulkhead::report
