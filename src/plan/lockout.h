// Would a policy shut out those who administer the host? Asked of the compiled rules, before they
// are loaded: may each administrator's machine open a new connection to where it is connected now?
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "compile/compile.h"

namespace bulkhead::plan {

struct Administrator {  // a connection that is there
  IpAddress peer, local;
  Port port;  // the local one
};

struct ShutOut {
  std::size_t who = 0;  // position of the administrator
  std::string reason;   // escaped, one line
};

// Those for whom it is not open with the rules: closed, or not known. The zone's wire on which an
// address sends is that of the zone with the longest prefix for it; an address of the host or of a
// container sends from there. Cost: a world, and a walk for each.
[[nodiscard]] Result<std::vector<ShutOut>> shut_out(const compile::Input& input,
                                                    const compile::Compiled& compiled,
                                                    std::span<const Administrator> administrators);

}  // namespace bulkhead::plan
