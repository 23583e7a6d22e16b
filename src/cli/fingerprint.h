// By which a policy is told to be the same as another time.
#pragma once

#include <string>
#include <string_view>

namespace bulkhead::cli {

// SHA-256, 64 hexadecimal digits.
[[nodiscard]] std::string fingerprint(std::string_view text);

}  // namespace bulkhead::cli
