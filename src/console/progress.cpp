#include "console/progress.h"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace bulkhead::console {

bool stderr_is_terminal() {
  return isatty(STDERR_FILENO) != 0;
}

void show_progress(const ProgressLine& progress) {
  const std::uint64_t ms = progress.elapsed_ms == 0 ? 1 : progress.elapsed_ms;
  std::string left;
  if (progress.left_ms != 0) left = ", " + std::to_string(progress.left_ms / 1000 + 1) + " s left";
  if (progress.paused) left = ", paused: the load is above --max-load";
  std::fprintf(stderr, "\r\033[K%3llu %%, %llu probes/s%s",
               static_cast<unsigned long long>(progress.percent),
               static_cast<unsigned long long>(progress.probes * 1000 / ms), left.c_str());
}

void show_progress(const ServicesLine& progress) {
  std::fprintf(stderr, "\r\033[K%llu of %llu services asked, at most %llu s left%s",
               static_cast<unsigned long long>(progress.known),
               static_cast<unsigned long long>(progress.asked),
               static_cast<unsigned long long>(progress.left_ms / 1000 + 1),
               progress.paused ? ", paused: the load is above --max-load" : "");
}

void clear_progress() {
  std::fputs("\r\033[K", stderr);
}

}  // namespace bulkhead::console
