// What answers at the open ports of a scan, asked of the services themselves.
#pragma once

#include "cli/session.h"
#include "scan/result.h"

namespace bulkhead::cli {

inline constexpr std::size_t kMostIdentified =
    1024;  // listeners; the rest keep their process alone

// Fills OpenPort::service of what a catalogue's entry fits. A listener that several seats reach is
// asked once, from the first of them. Returns within identify::Limits::all_ms and a little. The
// socket factories are the broker's.
void identify_open_ports(Session& session, scan::Result& result);

}  // namespace bulkhead::cli
