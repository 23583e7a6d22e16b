// Are the tables in a kernel those that were compiled? Compared decoded, rule by rule and element
// by element; handles, counters, what packets put into sets, and the order in which a hash gives
// its elements do not count.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/ruleset.h"

namespace bulkhead::compile {

// What differs, one escaped line each, at most kMostDifferences of them; empty: nothing does. Of
// `found` the tables of ours alone count. O(n log n).
[[nodiscard]] std::vector<std::string> differences(const std::vector<model::Table>& compiled,
                                                   const std::vector<model::Table>& found);
inline constexpr std::size_t kMostDifferences = 20;

// Whether these tables hold the bridge port of that name: of others they drop all.
[[nodiscard]] bool holds_port(const std::vector<model::Table>& compiled, std::string_view name);

}  // namespace bulkhead::compile
