// What attackers get who forge packets, where an ordinary connection gets nothing.
#pragma once

#include "audit/inventory.h"
#include "audit/oracle.h"
#include "audit/reachability.h"
#include "policy/config.h"

namespace bulkhead::audit {

// Asks about those pairs alone that are not open and would be a threat (T1 to T5) if they were;
// fills Answers::forged, forged_unknown and Reachability::attackers. Cost: verify::Attackers::ask
// for each address of such a service, until one opens; what is beyond a bound is unknown.
void ask_attackers(const policy::Config& config, const Inventory& inventory, const Oracle& oracle,
                   Reachability& reach);

// What the packet of an attacker's answer has that an ordinary connection from there has not.
// `asked` was asked as attacker.
[[nodiscard]] Forgery forgery_of(const model::Snapshot& snapshot, const SeatEntry& from,
                                 const Asked& asked);

}  // namespace bulkhead::audit
