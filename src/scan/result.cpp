#include "scan/result.h"

#include <algorithm>

namespace bulkhead::scan {

bool is_incomplete(const Result& result) {
  if (!result.finished || !result.plan.left_out.empty()) return true;
  const auto unsettled = [](const PortRun& run) {
    return run.state == State::kUnknown && run.proof != Proof::kNoUdpAnswer;
  };
  return std::ranges::any_of(
      result.swept, [&](const Swept& swept) { return std::ranges::any_of(swept.runs, unsettled); });
}

}  // namespace bulkhead::scan
