// Instants of the command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace bulkhead::cli {

// RFC 3339 with a zone ("2026-11-24T23:20:00Z", "…+09:00"), or a day alone (its midnight, UTC), as
// Unix time in milliseconds. Fractions of a second are read and dropped.
[[nodiscard]] Result<std::uint64_t> parse_instant(std::string_view text);

// 30s, 15m, 6h or 1d, as milliseconds; at most a year. `option` is named when it is none of these.
[[nodiscard]] Result<std::uint64_t> parse_period(std::string_view text, std::string_view option);

}  // namespace bulkhead::cli
