// Ranges of addresses: what is left of prefixes when others are taken out.
#pragma once

#include <span>
#include <vector>

#include "base/address.h"

namespace bulkhead::compile {

struct Range {  // both ends included, one family
  IpAddress first, last;
  friend auto operator<=>(const Range&, const Range&) = default;
};

// Ascending, disjoint, none next to another. O(n log n).
[[nodiscard]] std::vector<Range> merged(std::vector<Range> ranges);

// Of one family: all that is in `prefixes` and in none of `excluded`, merged. O(n * m).
[[nodiscard]] std::vector<Range> ranges_of(std::span<const Prefix> prefixes,
                                           std::span<const Prefix> excluded, IpFamily family);
// What lies in some range of each.
[[nodiscard]] std::vector<Range> common(std::span<const Range> a, std::span<const Range> b);

// What lies in `from` and in none of `holes`; `from` is merged. O(n * m).
[[nodiscard]] std::vector<Range> without(std::vector<Range> from, std::span<const Range> holes);
// The fewest prefixes that hold these and nothing else, ascending. O(n * bits).
[[nodiscard]] std::vector<Prefix> prefixes_of(std::span<const Range> ranges);

}  // namespace bulkhead::compile
