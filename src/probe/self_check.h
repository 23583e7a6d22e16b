// Does a seat's engine tell open from closed? Asked of a listener and of a closed port of our own,
// on the seat's loopback, before anything else is asked from there.
#pragma once

#include <cstddef>

#include "base/address.h"
#include "probe/socket_source.h"
#include "seen/observed.h"

namespace bulkhead::probe {

// Tries raw SYN (unless `raw` is false), then connect(). Takes milliseconds; at most about a second
// for each engine when nothing answers.
[[nodiscard]] seen::SeatCheck check_seat(SocketSource& sockets, std::size_t seat, IpFamily family,
                                         bool raw);

}  // namespace bulkhead::probe
