// An address and, for a link-local one, the interface to which it belongs: fe80::1%eth0 (RFC 4007
// 11).
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/result.h"

namespace bulkhead {

struct ScopedAddress {
  IpAddress address;
  std::string link;  // raw name; empty: none

  // kInvalidInput for anything but an address, alone or (link-local IPv6) with a name behind '%'.
  [[nodiscard]] static Result<ScopedAddress> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;  // the name is escaped
  friend auto operator<=>(const ScopedAddress&, const ScopedAddress&) = default;
};

}  // namespace bulkhead
