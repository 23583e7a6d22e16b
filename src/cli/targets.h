// Addresses and ports as people write them on the command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "model/snapshot.h"
#include "scan/plan.h"

namespace bulkhead::cli {

struct PortAndProtocol {
  Port port;
  std::optional<IpProtocol> protocol;  // when it was written
};

// "6379", "53/udp"; kInvalidInput says what to write.
[[nodiscard]] Result<PortAndProtocol> read_port(std::string_view text);
[[nodiscard]] Result<IpProtocol> read_protocol(std::string_view text);  // "tcp", "udp"

// Whether attackers are asked about: "attacker"; "ordinary" or nothing: they are not.
[[nodiscard]] Result<bool> read_as(std::string_view text);

// An address, or a container's name, which stands for its first address; one without an address has
// no name here (kNotFound).
[[nodiscard]] Result<IpAddress> read_address(const model::Snapshot& snapshot,
                                             const std::string& text);

// All addresses of a container, or one address.
[[nodiscard]] Result<std::vector<IpAddress>> read_addresses(const model::Snapshot& snapshot,
                                                            const std::string& text);

// "22", "22,80,8000-8100", "53/udp", "1-1024/udp"; kInvalidInput says what to write.
[[nodiscard]] Result<std::vector<scan::PortsWanted>> read_port_ranges(std::string_view text);

}  // namespace bulkhead::cli
