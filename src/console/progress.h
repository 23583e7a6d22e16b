// The line that tells on a terminal how far a scan is; overwritten each time.
#pragma once

#include <cstdint>

namespace bulkhead::console {

struct ProgressLine {
  std::uint64_t percent = 0;
  std::uint64_t probes = 0;
  std::uint64_t elapsed_ms = 0;
  std::uint64_t left_ms = 0;  // 0: not known
  bool paused = false;        // the machine is too busy
};

struct ServicesLine {  // when the packets are over
  std::uint64_t asked = 0, known = 0;
  std::uint64_t left_ms = 0;  // at most
  bool paused = false;
};

[[nodiscard]] bool stderr_is_terminal();
void show_progress(const ProgressLine& progress);  // to standard error
void show_progress(const ServicesLine& progress);
void clear_progress();

}  // namespace bulkhead::console
