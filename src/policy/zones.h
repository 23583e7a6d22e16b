// Zones of a host: as bulkhead.yaml gives them, else guessed from its routes (DESIGN §5.9).
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "model/snapshot.h"
#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::policy {

// The Internet first, then the uplink's LAN, then the rest in the order of the file and of
// interface numbers: vantage `lan` is the first zone with that role. A zone of the file replaces
// the guess for its interface and role; what the file is silent about is guessed. Never fails: a
// zone whose interface is not there has link 0 and a remark. O(links * engine networks).
[[nodiscard]] std::vector<Zone> resolve_zones(const Config& config,
                                              const model::Snapshot& snapshot);

// Zones without a file.
[[nodiscard]] std::vector<Zone> guess_zones(const model::Snapshot& snapshot);

// The interface with the best default route (IPv4 before IPv6), 0 when there is none.
[[nodiscard]] IfIndex uplink_of(const model::Snapshot& snapshot);

// The zone from which an address sends: that with the longest prefix for it; of several, the first.
// Null when there is none. O(zones).
[[nodiscard]] const Zone* zone_of(std::span<const Zone> zones, const IpAddress& address);

// True for a link that an engine made in this namespace, or that leads to a container: bridges of
// engine networks, veths into containers' namespaces, ports of such bridges.
[[nodiscard]] bool made_by_engine(const model::Snapshot& snapshot, model::NsId ns,
                                  const model::Link& link);

}  // namespace bulkhead::policy
