// How far a scan is, on the line of a terminal: the same for every program that scans.
#pragma once

#include "identify/identify.h"
#include "probe/sweep.h"

namespace bulkhead::identify {

// To standard error, as console::show_progress().
void show_packets(const probe::Progress& progress);
void show_services(const Progress& progress);

}  // namespace bulkhead::identify
