// Lines of at most a given number of columns, for both kinds of script.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead {

// Breaks `text` at spaces and between East Asian characters (but never before 。、） and the like);
// a word that is longer than a line is broken where it must be. `first` columns are taken on the
// first line already. O(n).
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width,
                                            std::size_t first = 0);

// The first character of a text that is not empty; one byte of what is no UTF-8.
[[nodiscard]] std::string_view character_at(std::string_view text);

}  // namespace bulkhead
