// Names from outside, for one line of text. Inside learn.
#pragma once

#include <string>
#include <string_view>

#include "base/text.h"

namespace bulkhead::learn {

[[nodiscard]] inline std::string shown(std::string_view name) {
  return escape_text(name, 64);
}

}  // namespace bulkhead::learn
