// Ports as a person reads them in a line.
#pragma once

#include <span>
#include <string>

#include "policy/port_spec.h"

namespace bulkhead::policy {

// "53/udp, 8000-8010/tcp": in the order of `ports`, those that follow each other as ranges.
[[nodiscard]] std::string ports_text(std::span<const PortSpec> ports);

}  // namespace bulkhead::policy
