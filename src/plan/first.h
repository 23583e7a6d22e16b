// A first whitelist for a host: what runs, and what is computed to be open today, as a
// bulkhead.yaml for its owner to cut down.
//
// Proposed: tenants with their services, ways within a tenant, published ports with the zones from
// which they are reached, services of the host with who reaches them, and a never for all that the
// Internet does not reach. Not proposed, but named in comments: management that is open to the
// Internet, ways between tenants, ways around published ports, and egress (what it needs is not
// seen in a snapshot).
#pragma once

#include <string>

#include "base/result.h"
#include "base/workers.h"
#include "policy/config.h"
#include "query/query.h"

namespace bulkhead::plan {

// Zones and trust groups of `config` are kept, all else of it is not asked for. The same snapshot
// gives the same text; names alone decide the order. Cost: views::Survey::row() for each seat.
[[nodiscard]] Result<std::string> first_policy(const query::Asker& asker,
                                               const policy::Config& config,
                                               const Workers& workers = alone());

}  // namespace bulkhead::plan
