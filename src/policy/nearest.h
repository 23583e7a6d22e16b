// "Did you mean": the word of a list that is nearest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bulkhead::policy {

// "" when none is near (edit distance with swaps, at most a third of the word and at most 3).
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> known);

// "; did you mean 'zones'?" or "; it may be one of: a, b, c", 16 of them at most. Safe to show,
// also where the words come from a file. O(words).
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> known);

}  // namespace bulkhead::policy
