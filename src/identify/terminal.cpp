#include "identify/terminal.h"

#include "console/progress.h"

namespace bulkhead::identify {

void show_packets(const probe::Progress& progress) {
  console::show_progress(console::ProgressLine{
      .percent = progress.ports == 0 ? 100 : progress.done * 100 / progress.ports,
      .probes = progress.sent,
      .elapsed_ms = progress.elapsed_ms,
      .left_ms = progress.left_ms,
      .paused = progress.paused});
}

void show_services(const Progress& progress) {
  console::show_progress(console::ServicesLine{.asked = progress.targets,
                                               .known = progress.done,
                                               .left_ms = progress.left_ms,
                                               .paused = progress.paused});
}

}  // namespace bulkhead::identify
