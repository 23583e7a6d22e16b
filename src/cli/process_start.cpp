#include "cli/process_start.h"

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "conntrack/listener.h"

namespace bulkhead::cli {

// Field 22 of /proc/PID/stat counts from the start of the machine.
std::uint64_t start_of_process(std::uint32_t pid) {
  constexpr int kFields = 19;  // between the name's end and the one that is looked for
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(file, text)) return 0;
  const std::size_t name = text.rfind(')');
  if (name == std::string::npos) return 0;
  std::istringstream fields(text.substr(name + 1));
  std::string skipped;
  for (int i = 0; i < kFields; ++i) fields >> skipped;
  std::uint64_t ticks = 0;
  timespec up{};
  const long per_second = ::sysconf(_SC_CLK_TCK);
  if (!(fields >> ticks) || per_second <= 0 || ::clock_gettime(CLOCK_BOOTTIME, &up) != 0) return 0;
  const auto up_ms = static_cast<std::uint64_t>(up.tv_sec) * 1000 +
                     static_cast<std::uint64_t>(up.tv_nsec) / 1'000'000;
  const std::uint64_t started_ms = ticks * 1000 / static_cast<std::uint64_t>(per_second);
  const std::uint64_t now = conntrack::now_ms();
  return started_ms > up_ms || up_ms - started_ms > now ? 0 : now - (up_ms - started_ms);
}

}  // namespace bulkhead::cli
