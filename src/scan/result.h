// All of one scan, for a report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "scan/beyond_finding.h"
#include "scan/judge.h"
#include "scan/plan.h"

namespace bulkhead::scan {

struct Result {
  Plan plan;
  std::vector<Swept> swept;       // of Plan::aims
  std::vector<SeatCheck> checks;  // of Plan::seats
  Judged judged;
  std::vector<BeyondFinding> beyond;  // open ports of declared machines beyond the host
  std::uint64_t elapsed_ms = 0;
  std::uint64_t paused_ms = 0;  // of them: the host was too busy (--max-load)
  bool finished = true;         // neither interrupted nor out of time
};

// A seat could not be used, or ports stayed unknown for want of time, sockets or answers that were
// lost. A silent UDP port is no such thing.
[[nodiscard]] bool is_incomplete(const Result& result);

}  // namespace bulkhead::scan
