// The text of catalogue.yaml inside of the program, in pieces. Internal to services/.
#pragma once

#include <span>
#include <string_view>

namespace bulkhead::services {

[[nodiscard]] std::span<const std::string_view> builtin_text();

}  // namespace bulkhead::services
