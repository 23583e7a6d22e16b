// The whitelist for people: what it permits, what is wrong with it, whether it is true of a host.
// Each ends with a newline.
#pragma once

#include <span>
#include <string>

#include "plan/trials.h"
#include "policy/bind.h"
#include "policy/lint.h"
#include "policy/meaning.h"
#include "report/style.h"

namespace bulkhead::report {

// Line by line, tenant by tenant: who, to what, which ports, until when.
[[nodiscard]] std::string policy_text(const policy::Config& config, const policy::Bound& bound,
                                      std::uint64_t now_ms, const Style& style);
// Who may reach whom, all ports in one mark.
[[nodiscard]] std::string policy_matrix_text(const policy::Config& config,
                                             const policy::Bound& bound, std::uint64_t now_ms,
                                             const Style& style);
// The same as one self-contained SVG file (no script, no reference), for light and dark screens:
// tenants with their services, who may come from outside on the left, where they may go on the
// right, each permission an arrow; ports stand on the card of who is reached.
[[nodiscard]] std::string policy_svg(const policy::Config& config, const policy::Bound& bound,
                                     std::uint64_t now_ms, const Style& style);
// "FILE:LINE:COLUMN: error: what", one a line, as compilers write it; then the counts.
[[nodiscard]] std::string lint_text(const policy::Config& config,
                                    std::span<const policy::Lint> found, const Style& style);
[[nodiscard]] std::string trials_text(const policy::Config& config, const std::string& host,
                                      const plan::Trials& trials, const Style& style);
// The trials alone, for reports that hold some.
void add_trials(std::string& out, const plan::Trials& trials, const Style& style);

}  // namespace bulkhead::report
