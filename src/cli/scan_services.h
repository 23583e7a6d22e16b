// What answers at the open ports of a scan, asked of the services themselves.
#pragma once

#include "probe/socket_source.h"
#include "scan/result.h"

namespace bulkhead::cli {

// Listeners; of the rest no more than the process is told.
inline constexpr std::size_t kMostIdentified = 1024;

// Fills OpenPort::service of what a catalogue's entry fits. A listener that several seats reach is
// asked once, from the first of them. Returns within identify::Limits::all_ms and a little.
// `sockets` are of the plan's seats.
void identify_open_ports(probe::SocketSource& sockets, scan::Result& result);

}  // namespace bulkhead::cli
