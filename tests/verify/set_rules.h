// Rules that look packets up in sets and verdict maps, as compiled policies do, for the random
// networks of laws: keys of addresses and ports, both ways round, and in the bridge family of who
// puts a frame on a wire.
#pragma once

#include <cstdint>

#include "reach/random_net.h"

namespace bulkhead::verify::testing {

void add_set_rules(reach::testing::RandomNet& on, std::uint32_t seed);

}  // namespace bulkhead::verify::testing
