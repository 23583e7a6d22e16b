// A number and some texts over a stream between two halves of one program. Inside enforce.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace bulkhead::enforce {

struct Parts {
  std::uint32_t word = 0;
  std::vector<std::string> texts;
};
inline constexpr std::uint32_t kMostParts = 16;

[[nodiscard]] Status send_parts(int fd, const Parts& parts);
// kUnavailable when the other end is closed, kBudget past the bounds (kMostFile for each text).
[[nodiscard]] Result<Parts> receive_parts(int fd);

}  // namespace bulkhead::enforce
