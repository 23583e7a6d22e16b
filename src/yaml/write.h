// Scalars for YAML that is written here.
#pragma once

#include <string>
#include <string_view>

namespace bulkhead::yaml {

// A scalar that reads as this text: as it is, else in double quotes with JSON's escapes.
[[nodiscard]] std::string word(std::string_view text);
// In double quotes, whatever it is.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace bulkhead::yaml
