// The addresses that zones, trust groups and prefixes at an end of a line stand for, whatever the
// line becomes.
#pragma once

#include <span>
#include <vector>

#include "compile/ranges.h"
#include "policy/config.h"
#include "policy/party.h"
#include "policy/zone.h"

namespace bulkhead::compile {

// Of a sender: the addresses of a zone that a party names, merged. What is trusted counts only
// where it can come from; from the Internet is from everywhere, neighbours of the uplink among
// them.
[[nodiscard]] std::vector<Range> senders(const policy::Config& config, const policy::Zone& zone,
                                         const policy::Party& party, IpFamily family);

// Of what is reached beyond the host: those of a prefix, a trust group, or of all zones that the
// party names, merged. None for a name (fqdn): nothing resolves it.
[[nodiscard]] std::vector<Range> destinations(const policy::Config& config,
                                              std::span<const policy::Zone> zones,
                                              const policy::Party& party, IpFamily family);

}  // namespace bulkhead::compile
