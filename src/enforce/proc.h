// Reads files of /proc.
#pragma once

#include <string>

namespace bulkhead::enforce {

// Empty when it cannot be read: the process may have ended. At most 64 MiB.
[[nodiscard]] std::string read_proc(const std::string& path);

}  // namespace bulkhead::enforce
