// What makes the services of a UDP port speak. Pure.
#pragma once

#include <string>
#include <vector>

#include "probe/lane.h"
#include "services/matcher.h"

namespace bulkhead::identify {

struct UdpListener {  // known from the host's side
  Port port;
  std::string process;  // /proc/PID/comm
};

// By port: what services of the catalogue that list it are asked, at most four each, and nothing at
// ports at which a printer may listen. `listeners`: on whatever port, what their program is asked.
// All has passed services/deny.h.
[[nodiscard]] probe::UdpPayloads udp_payloads(const services::Matcher& matcher,
                                              const std::vector<UdpListener>& listeners = {});

}  // namespace bulkhead::identify
