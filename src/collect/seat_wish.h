// A neighbour's seat that is to be made: a network namespace of its own on a bridge or a LAN of the
// host, which ends with the process that asked for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"

namespace bulkhead::collect {

struct SeatWish {
  // Of the host's namespace: a bridge gets a port (veth), any other link a macvlan.
  IfIndex link;
  bool bridge = false;
  std::vector<IpAddress> candidates;  // IPv4; the first that nobody answers for is taken
  std::uint8_t length4 = 0;
  std::optional<IpAddress> address6;
  std::uint8_t length6 = 0;
  std::vector<IpAddress> gateways;  // for all else, one of each family at most
};
inline constexpr std::size_t kMostCandidates = 32;

struct MadeSeat {
  std::uint64_t inode = 0;           // of its namespace
  std::optional<IpAddress> address;  // of the candidates
};

}  // namespace bulkhead::collect
