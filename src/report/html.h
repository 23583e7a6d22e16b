// An audit and a scan as pages for a browser. Each is one file without scripts that fetches
// nothing; what came from outside is escaped.
#pragma once

#include <string>

#include "audit/finding.h"
#include "model/snapshot.h"
#include "report/style.h"
#include "scan/result.h"

namespace bulkhead::report {

// All that audit_text() tells with details; evidence and lines to paste open on a click.
[[nodiscard]] std::string audit_html(const audit::Report& report, const Style& style);
[[nodiscard]] std::string scan_html(const model::Snapshot& snapshot, const scan::Result& result,
                                    const Style& style);

}  // namespace bulkhead::report
