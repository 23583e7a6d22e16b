// Which addresses can be those of one machine, and which are near enough to be scanned without
// asking.
#pragma once

#include <string_view>

#include "base/address.h"

namespace bulkhead {

// What nobody can mean by one machine, whoever owns it: "is a multicast group"; "" when it can be
// one. A link-local IPv6 address is said to need an interface.
[[nodiscard]] std::string_view not_a_machine(const IpAddress& address);

// Loopback, private or link-local: not somebody's on the Internet.
[[nodiscard]] bool is_near(const IpAddress& address);

}  // namespace bulkhead
