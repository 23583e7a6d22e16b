// Lines of at most a given number of columns, for both kinds of script.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "report/style.h"

namespace bulkhead::report {

// Breaks `text` at spaces and between East Asian characters (but never before 。、） and the like);
// a word that is longer than a line is broken where it must be. `first` columns are taken on the
// first line already. O(n).
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width,
                                            std::size_t first = 0);

// `head` and then `text`, wrapped, with the following lines indented to where the text began.
void add_wrapped(std::string& out, std::string_view head, std::string_view text,
                 const Style& style);

// `text` padded with spaces to `width` columns.
[[nodiscard]] std::string padded(std::string_view text, std::size_t width);

// Cut to `width` columns with "..." at the end when it is longer.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t width);

// The same, with the "..." in the middle.
[[nodiscard]] std::string shortened_middle(std::string_view text, std::size_t width);

enum class Ink { kPlain, kBold, kDim, kRed, kYellow, kGreen, kCyan };
[[nodiscard]] std::string inked(std::string_view text, Ink ink, const Style& style);

}  // namespace bulkhead::report
