// Whom to scan: addresses, prefixes and names, as they were written on the command line.
//
// A scan of somebody else's machine is an attack to them, and a typing error away. So an address
// that is neither private, loopback nor link-local is refused unless the user says that it is
// theirs; that counts for what a name resolves to as well, and is asked once, of the addresses that
// are used.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"

namespace bulkhead::outside {

struct Machine {
  IpAddress address;
  std::vector<std::string> names;  // that were given for it
};

// All addresses of a name; kNotFound when it has none.
using Resolver = std::function<Result<std::vector<IpAddress>>(const std::string& name)>;

inline constexpr std::size_t kMostMachines = 4096;

// Each address once, in order. kInvalidInput says what is wrong with a target and what to write.
// Of an IPv4 prefix the network's own address and its broadcast address are left out.
[[nodiscard]] Result<std::vector<Machine>> read_targets(std::span<const std::string> texts,
                                                        bool i_own_this, const Resolver& resolve);

}  // namespace bulkhead::outside
