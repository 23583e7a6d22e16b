// From answers that point into a snapshot to values that stand alone.
#pragma once

#include <vector>

#include "audit/finding.h"
#include "audit/inventory.h"
#include "audit/reachability.h"

namespace bulkhead::audit {

// Everything that the finders look at.
struct Scene {
  const model::Snapshot& snapshot;
  const policy::Config& config;
  const Oracle& oracle;
  const Inventory& inventory;
  const Reachability& reach;
};

// A finding in the making, with what its cures need.
struct Draft {
  Finding finding;
  const Service* service = nullptr;
  std::vector<Asked> open;  // behind Finding::reaches
};

[[nodiscard]] RuleQuote quote(const trace::RuleRef& rule);
[[nodiscard]] std::vector<RuleQuote> quotes(const std::vector<trace::RuleRef>& rules);
// The rule that closed, without those that led there (DNAT comes before).
[[nodiscard]] std::vector<RuleQuote> closing_rule(const trace::Answer& answer);
[[nodiscard]] Opening opening_of(const Scene& scene, const Service* service, const Asked& asked);
[[nodiscard]] Reach reach_of(const Scene& scene, const Service* service, const Asked& asked);
// One reach per seat, the Internet first, then other zones, the host, containers; behind all these
// what only attackers get.
[[nodiscard]] std::vector<Reach> reaches_of(const Scene& scene, const Service& service,
                                            const std::vector<Asked>& open);
// What opens of a service, forged packets too: one per seat, in that order.
[[nodiscard]] std::vector<const Asked*> openings_of(const Scene& scene, const Answers& answers);
// The way of a packet, step by step: asks once more.
[[nodiscard]] std::vector<PathStep> path_of(const Scene& scene, const Asked& asked,
                                            IpProtocol protocol);

[[nodiscard]] bool private_uplink(const policy::Zone& zone, const model::Snapshot& snapshot);

}  // namespace bulkhead::audit
