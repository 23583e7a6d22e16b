// A machine on a wire of which nothing is known.
#pragma once

#include "base/address.h"

namespace bulkhead::topology {

inline constexpr MacAddress kOutsiderMac{{0x02, 0xb0, 0, 0, 0, 1}};  // locally administered

}  // namespace bulkhead::topology
