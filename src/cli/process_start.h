// When a process began.
#pragma once

#include <cstdint>

namespace bulkhead::cli {

// Unix time in ms, to a hundredth of a second; 0 when there is none, or /proc does not tell.
[[nodiscard]] std::uint64_t start_of_process(std::uint32_t pid);

}  // namespace bulkhead::cli
