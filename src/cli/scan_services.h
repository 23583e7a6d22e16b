// What answers at the open ports of a scan, asked of the services themselves.
#pragma once

#include <atomic>
#include <functional>

#include "model/snapshot.h"
#include "probe/lane.h"
#include "probe/socket_source.h"
#include "scan/result.h"
#include "services/matcher.h"

namespace bulkhead::cli {

// Listeners; of the rest no more than the process is told.
inline constexpr std::size_t kMostIdentified = 1024;

// Fills OpenPort::service of what a catalogue's entry fits. A listener that several seats reach is
// asked once, from the first of them. Returns within identify::Limits::all_ms and a little, and
// soon after `stop`: the result is not finished then. `sockets` are of the plan's seats; `hold` as
// of identify::Limits.
void identify_open_ports(const services::Matcher& matcher, probe::SocketSource& sockets,
                         const std::atomic<bool>& stop, std::function<bool()> hold,
                         scan::Result& result);

// What makes the services of UDP ports speak: those of the catalogue, and what listens on this host
// on whatever port.
[[nodiscard]] probe::UdpPayloads payloads_for(const services::Matcher& matcher,
                                              const model::Snapshot& snapshot);

}  // namespace bulkhead::cli
