// Rules that make something of packets on their way, for the random networks of laws: marks,
// written addresses and ports, translations to where a packet is bound already, chains that ask
// whether a connection is translated.
#pragma once

#include <cstdint>

#include "reach/random_net.h"

namespace bulkhead::verify::testing {

void add_odd_rules(reach::testing::RandomNet& on, std::uint32_t seed);

}  // namespace bulkhead::verify::testing
