#pragma once

#include <string_view>

namespace bulkhead::cli {

inline constexpr std::string_view kVersion = BULKHEAD_VERSION;

}  // namespace bulkhead::cli
