#include "report/layout.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead::report {

void add_wrapped(std::string& out, std::string_view head, std::string_view text,
                 const Style& style) {
  const std::size_t indent = std::min(display_width(head), style.width / 2);
  bool begun = false;
  for (const std::string& line : wrap(text, style.width - indent)) {
    out += begun ? std::string(indent, ' ') : std::string(head);
    out += line;
    out += '\n';
    begun = true;
  }
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t used = display_width(text);
  return std::string(text) + std::string(width > used ? width - used : 0, ' ');
}

std::string shortened(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::string_view c = character_at(text);
    if (used + display_width(c) + 3 > width) break;
    out += c;
    used += display_width(c);
    text.remove_prefix(c.size());
  }
  return out + "...";
}

std::string shortened_middle(std::string_view text, std::size_t width) {
  if (display_width(text) <= width || width < 5) return shortened(text, width);
  const std::size_t tail = (width - 3) / 2;
  std::size_t from = 0;
  for (std::size_t left = display_width(text); left > tail;) {
    const std::string_view c = character_at(text.substr(from));
    from += c.size();
    left -= display_width(c);
  }
  // shortened() puts the dots.
  const std::size_t used = display_width(text.substr(from));
  return shortened(text, width - used) + std::string(text.substr(from));
}

std::string inked(std::string_view text, Ink ink, const Style& style) {
  if (!style.color) return std::string(text);
  std::string_view code;
  switch (ink) {
    case Ink::kPlain: return std::string(text);
    case Ink::kBold: code = "1"; break;
    case Ink::kDim: code = "2"; break;
    case Ink::kRed: code = "1;31"; break;
    case Ink::kYellow: code = "33"; break;
    case Ink::kGreen: code = "32"; break;
    case Ink::kCyan: code = "36"; break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace bulkhead::report
