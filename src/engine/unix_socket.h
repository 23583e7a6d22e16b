// Internal to engine/.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace bulkhead::engine {

// Connects with this process' own rights; the descriptor is non-blocking and close-on-exec, and the
// caller owns it. kNotFound, kDenied, kUnavailable (nobody listens, or its queue stays full).
[[nodiscard]] Result<int> connect_unix(const std::string& path, std::uint32_t timeout_ms);

}  // namespace bulkhead::engine
