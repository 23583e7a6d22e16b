// Ports as people write them on the command line. Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "seen/observed.h"

namespace bulkhead::seen {

struct PortAndProtocol {
  Port port;
  std::optional<IpProtocol> protocol;  // when it was written
};

struct PortsWanted {
  PortRange ports;
  std::optional<IpProtocol> protocol;  // none: TCP
};

// "6379", "53/udp"; kInvalidInput says what to write.
[[nodiscard]] Result<PortAndProtocol> read_port(std::string_view text);
[[nodiscard]] Result<IpProtocol> read_protocol(std::string_view text);  // "tcp", "udp"

// "22", "22,80,8000-8100", "53/udp", "1-1024/udp"; kInvalidInput says what to write.
[[nodiscard]] Result<std::vector<PortsWanted>> read_port_ranges(std::string_view text);

}  // namespace bulkhead::seen
