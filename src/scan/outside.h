// What somebody saw from outside, as observations of an audit. Pure.
//
// Of a scan from outside two things are compared with the model: whatever is open there, and what
// the audit says is open for that zone. The rest is closed to both, and asking the model about
// 65,000 of those would tell nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "base/result.h"
#include "model/snapshot.h"
#include "policy/zone.h"
#include "seen/record.h"

namespace bulkhead::scan {

struct FromOutside {
  std::vector<model::Observation> observations;  // of this host's addresses, and its containers'
  std::size_t here = 0;                          // addresses of the record that are such
  std::size_t left_out = 0;                      // open ports beyond the most that are compared
};
inline constexpr std::size_t kMostFromOutside = 131'072;  // two machines that are open all over

// `vantage`: the zone in which that scan was made, as the reaches of the report name it.
[[nodiscard]] FromOutside from_outside(const model::Snapshot& snapshot, const audit::Report& report,
                                       const seen::Record& record, const std::string& vantage);

// The vantage of "internet", "lan", "lan:IFACE" or "zone:NAME"; "internet" and "lan" may also be
// the only zone of that role. kInvalidInput lists the zones that there are.
[[nodiscard]] Result<std::string> zone_vantage(std::span<const policy::Zone> zones,
                                               std::string_view text);

}  // namespace bulkhead::scan
