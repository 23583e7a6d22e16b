// What a policy would do to a host, for people. Ends with a newline.
#pragma once

#include <string>

#include "plan/plan.h"
#include "policy/config.h"
#include "report/style.h"

namespace bulkhead::report {

// The rules themselves are told by plan.compiled.text: `style.details` adds them.
[[nodiscard]] std::string plan_text(const policy::Config& config, const std::string& host,
                                    const plan::Plan& plan, const Style& style);

}  // namespace bulkhead::report
