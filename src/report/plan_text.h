// What a policy would do to a host, for people. Ends with a newline.
#pragma once

#include <string>

#include "learn/fates.h"
#include "plan/plan.h"
#include "policy/config.h"
#include "report/style.h"

namespace bulkhead::report {

// The flows that were seen and what becomes of them; null without.
struct Seen {
  const flows::Book* book = nullptr;
  const learn::Fates* fates = nullptr;
};

// The rules themselves are told by plan.compiled.text: `style.details` adds them.
[[nodiscard]] std::string plan_text(const policy::Config& config, const std::string& host,
                                    const plan::Plan& plan, const Style& style,
                                    const Seen& seen = {});

}  // namespace bulkhead::report
