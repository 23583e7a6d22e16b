// Groups of those who may talk: for networks in which everybody reaches everybody.
#pragma once

#include <cstddef>
#include <set>
#include <utility>
#include <vector>

namespace bulkhead::manifest {

using Pair = std::pair<std::size_t, std::size_t>;  // first < second

// Groups of at least two: each pair of a group is one of `pairs`, and each of `pairs` is in some
// group. Few, not always the fewest (that is NP-hard): each is grown from the first pair that is in
// none by whoever shares most such pairs with it. The same pairs give the same groups, members
// ascending. O(groups * members * neighbours * log).
[[nodiscard]] std::vector<std::vector<std::size_t>> groups_of(const std::set<Pair>& pairs);

}  // namespace bulkhead::manifest
