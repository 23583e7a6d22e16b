// A port as bulkhead.yaml names it.
#pragma once

#include <compare>
#include <string>

#include "base/address.h"

namespace bulkhead::policy {

struct PortSpec {  // 22/tcp
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  friend auto operator<=>(const PortSpec&, const PortSpec&) = default;
};
[[nodiscard]] std::string to_string(const PortSpec& port);  // "22/tcp"

}  // namespace bulkhead::policy
