// An audit and a scan as SARIF 2.1.0 (OASIS, sarif-schema-2.1.0.json), for what collects findings
// of many tools. Places are logical ones (a container, a port): no file of source stands behind
// them.
//
// A finding's id is its fingerprint, "bulkhead/v1". What could not be read or asked makes the run
// one that did not succeed, with a notification for each reason. Messages are in the style's
// language, rules in English.
#pragma once

#include <string>
#include <string_view>

#include "audit/finding.h"
#include "model/snapshot.h"
#include "report/style.h"
#include "scan/result.h"

namespace bulkhead::report {

// critical and high are errors, medium is a warning, the rest notes. Suppressed findings are there
// with their reason.
[[nodiscard]] std::string audit_sarif(const audit::Report& report, const Style& style,
                                      std::string_view version);

// Disagreements and services without an owner are errors, services without a login warnings, every
// other open port a note.
[[nodiscard]] std::string scan_sarif(const model::Snapshot& snapshot, const scan::Result& result,
                                     const Style& style, std::string_view version);

}  // namespace bulkhead::report
