// Which ports are asked when nobody says which, and what UDP ports are asked. From the catalogue:
// pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/lane.h"
#include "seen/ports.h"
#include "services/matcher.h"

namespace bulkhead::outside {

struct Questions {
  std::vector<seen::PortRange> tcp, udp;  // ascending, disjoint
  bool patient_udp = false;               // somebody asked for just these UDP ports
  probe::UdpPayloads payloads;            // of all ports of which the catalogue has any
};

// `wanted`: as --ports takes them, each text a list or "all" (TCP); none: the ports of all services
// of the catalogue, of which UDP ones only where it knows what they answer to, and `udp` is true.
// kInvalidInput says what to write.
[[nodiscard]] Result<Questions> make_questions(const services::Matcher& matcher,
                                               std::span<const std::string> wanted, bool udp);

}  // namespace bulkhead::outside
