// By which a container's place is told to be the one that was applied to: the rules hold addresses.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"

namespace bulkhead::cli {

// Those of a namespace, ascending and each once; none of loopback, nor of one wire alone.
[[nodiscard]] std::vector<std::string> held_addresses(const model::NetNs& place);

}  // namespace bulkhead::cli
