// The results of scans from outside that an audit is given.
#pragma once

#include <string>
#include <vector>

#include "audit/finding.h"
#include "audit/oracle.h"
#include "base/result.h"
#include "seen/record.h"

namespace bulkhead::cli {

struct OutsideView {
  std::string file, zone;  // as they were written; the zone may stand in the file instead
  seen::Record record;
};

// Reads FILE or ZONE:FILE; kInvalidInput when neither it nor the file says where it was made.
[[nodiscard]] Result<OutsideView> read_outside_view(const std::string& text);

// Compares it with the model and with what the report says. What of it could not be used is told on
// standard error; kInvalidInput when it holds no address of this host, or was made more than
// `max_age_ms` before or after the host was read: what ran then may be another thing now.
[[nodiscard]] Status merge_outside_view(audit::Report& report, const OutsideView& view,
                                        std::uint64_t max_age_ms, const audit::Oracle& oracle);

}  // namespace bulkhead::cli
