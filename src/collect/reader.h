// The forked reader: it holds the capabilities, enters namespaces, and hands out bytes and sockets.
//
// It is small on purpose and decodes nothing but headers and directory listings. Everything that it
// sends was read from the kernel; everything that it is asked passes the checks here.
#pragma once

#include "collect/broker.h"

namespace bulkhead::collect {

// Serves requests on `channel` until the other end is closed. Never returns.
[[noreturn]] void run_reader(int channel, Broker::Rights rights);

}  // namespace bulkhead::collect
