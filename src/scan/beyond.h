// What containers get of machines beyond the host: each open port of a declared target is a
// finding, with the threat that it is. Pure.
#pragma once

#include <string>
#include <vector>

#include "audit/finding.h"
#include "policy/config.h"
#include "scan/beyond_finding.h"
#include "scan/result.h"
#include "services/matcher.h"

namespace bulkhead::scan {

// Worst first; those that are suppressed, or that each container is permitted, last (severity
// info). `config` as it is in force.
[[nodiscard]] std::vector<BeyondFinding> judge_beyond(const query::Asker& asker,
                                                      const policy::Config& config,
                                                      const services::Matcher& matcher,
                                                      const Result& result, std::uint64_t at_ms);

// Ports that are asked of a machine: those of the file, else TCP ports of all services, and of
// UDP those by which consoles are managed where it may be one.
[[nodiscard]] BeyondAim aim_beyond(policy::Beyond machine, const services::Matcher& matcher);

}  // namespace bulkhead::scan
