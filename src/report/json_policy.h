// The whitelist for programs: schemas/policy-show, policy-lint, policy-test and plan. Names are as
// they came from outside. Each ends with a newline.
#pragma once

#include <span>
#include <string>

#include "plan/plan.h"
#include "policy/bind.h"
#include "policy/lint.h"
#include "report/plan_text.h"

namespace bulkhead::report {

[[nodiscard]] std::string policy_json(const policy::Config& config, const policy::Bound& bound,
                                      std::uint64_t now_ms);
[[nodiscard]] std::string lint_json(const policy::Config& config,
                                    std::span<const policy::Lint> found);
[[nodiscard]] std::string trials_json(const policy::Config& config, const plan::Trials& trials);
[[nodiscard]] std::string plan_json(const policy::Config& config, const plan::Plan& plan,
                                    const Seen& seen = {});

}  // namespace bulkhead::report
