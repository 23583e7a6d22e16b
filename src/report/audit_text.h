// The audit as a person reads it: worst first, three lines a finding; counts in the last line.
#pragma once

#include <string>

#include "audit/finding.h"
#include "report/style.h"

namespace bulkhead::report {

[[nodiscard]] std::string audit_text(const audit::Report& report, const Style& style);

}  // namespace bulkhead::report
