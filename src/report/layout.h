// Texts that keep to a given number of columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/wrap.h"
#include "report/style.h"

namespace bulkhead::report {

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
