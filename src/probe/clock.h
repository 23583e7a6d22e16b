// The time of a scan.
#pragma once

#include <chrono>
#include <cstdint>

namespace bulkhead::probe {

// Microseconds of the steady clock.
[[nodiscard]] inline std::uint64_t now_us() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

}  // namespace bulkhead::probe
