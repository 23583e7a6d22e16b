// Text that came from outside, made safe to show.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bulkhead {

// For a terminal or a log: control characters, escape sequences, bidirectional controls and invalid
// UTF-8 become \xNN or \u{N}; what is longer than `limit` bytes ends in "...". Valid printable
// UTF-8 stays. Linear.
[[nodiscard]] std::string escape_text(std::string_view text, std::size_t limit = 256);

// The inside of a JSON string (no quotes). Invalid UTF-8 becomes U+FFFD, so that the output is
// always valid JSON. Linear.
void append_json_escaped(std::string& out, std::string_view text);

// For HTML and SVG text and attribute values.
[[nodiscard]] std::string escape_html(std::string_view text);

// Columns that `text` takes in a terminal: East Asian wide characters count two, combining marks
// none (Unicode Annex 11, the ranges that matter for our own catalogues and names).
[[nodiscard]] std::size_t display_width(std::string_view text);

// The length of the valid UTF-8 sequence at the start of `text`, its code point in `code`; 0 when
// there is none.
[[nodiscard]] std::size_t decode_utf8(std::string_view text, char32_t& code);

}  // namespace bulkhead
