// The map as a tree of text.
#pragma once

#include <string>

#include "audit/map.h"
#include "report/style.h"

namespace bulkhead::report {

[[nodiscard]] std::string map_text(const audit::Map& map, const Style& style);

}  // namespace bulkhead::report
