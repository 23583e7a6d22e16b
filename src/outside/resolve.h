// Names of machines: /etc/hosts and the name servers of /etc/resolv.conf, in the order that the
// host is set up for.
//
// By c-ares and not by getaddrinfo(), which in a static program needs the very libc it was built
// with (docs/decisions/0042).
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"

namespace bulkhead::outside {

// IPv4 before IPv6, at most 16 addresses; kInvalidInput for what can be no name, kNotFound when it
// has no address, kUnavailable when no server answers. Some ten seconds at most.
[[nodiscard]] Result<std::vector<IpAddress>> resolve(const std::string& name);

}  // namespace bulkhead::outside
