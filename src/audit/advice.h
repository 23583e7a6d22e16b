// Advice beside the six threats: what engines and firewalls leave open without anybody meaning it.
#pragma once

#include <vector>

#include "audit/evidence.h"

namespace bulkhead::audit {

// Of what the engine says alone: mounted engine sockets, host mode, the default bridge.
[[nodiscard]] std::vector<Draft> find_engine_advice(const Scene& scene);

// Of where packets leave to: the Internet, the metadata service, management networks.
[[nodiscard]] std::vector<Draft> find_exits(const Scene& scene);

// Of rules that promise what others break: INPUT against the engine, IPv4 against IPv6, published on
// loopback and reached all the same. `threats` are those found already: what they say is not said twice.
[[nodiscard]] std::vector<Draft> find_broken_promises(const Scene& scene, const MakeOracle& make,
                                                      const std::vector<Draft>& threats);

}  // namespace bulkhead::audit
