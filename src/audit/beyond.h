// What containers can send to beyond the host, of what bulkhead.yaml says is valuable there
// (policy/scan_targets.h). Computed up to the edge of the host: whoever stands behind it is not
// modelled, and no packet is sent by an audit. `bulkhead scan` asks.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "audit/evidence.h"
#include "audit/finding.h"
#include "policy/scan_targets.h"

namespace bulkhead::audit {

// As the file says, else by the class of what answers or may listen there (`known`), else by where
// it stands: management is T2, all else T5; what is asked of a zone alone is of that network.
[[nodiscard]] Kind kind_beyond(const policy::Beyond& machine,
                               std::optional<services::ServiceClass> known);

struct BeyondFound {
  std::vector<Draft> drafts;      // one for each target
  std::vector<Unknown> unknowns;  // of which it is not known whether packets leave the host
};

// For each target of the file (zones have a finding of their own, advice.h): which containers get
// there, but for those that the whitelist lets through. Of a target of many addresses the first
// kMostAskedOfTarget are asked about, and the finding says so. O(targets * containers) questions.
inline constexpr std::size_t kMostAskedOfTarget = 16;
[[nodiscard]] BeyondFound find_beyond(const Scene& scene);

}  // namespace bulkhead::audit
