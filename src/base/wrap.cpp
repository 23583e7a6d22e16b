#include "base/wrap.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bulkhead {

std::string_view character_at(std::string_view text) {
  char32_t code = 0;
  const std::size_t size = std::max<std::size_t>(decode_utf8(text, code), 1);
  return text.substr(0, size);
}

namespace {

// Characters that must not begin a line (JIS X 4051, the ones that our words use).
constexpr std::array<std::string_view, 12> kNotFirst{"。", "、", "）", "」", "』", "ー",
                                                     "・", "：", "！", "？", "っ", "ゃ"};

struct Piece {
  std::string_view text;
  std::size_t width = 0;
  bool space = false;  // it may be left out at a line's end
};

bool is_wide(std::string_view character) {
  return character.size() > 1 && display_width(character) == 2;
}

// One word, one run of spaces, or one wide character with what must not be parted from it.
Piece take_piece(std::string_view& text) {
  std::size_t size = 0;
  const bool space = text.front() == ' ';
  std::string_view first = character_at(text);
  if (is_wide(first)) {
    size = first.size();
  } else {
    while (size < text.size()) {
      const std::string_view c = character_at(text.substr(size));
      if ((c == " ") != space || is_wide(c)) break;
      size += c.size();
    }
  }
  while (size < text.size() &&
         std::ranges::find(kNotFirst, character_at(text.substr(size))) != kNotFirst.end()) {
    size += character_at(text.substr(size)).size();
  }
  const Piece piece{text.substr(0, size), display_width(text.substr(0, size)), space};
  text.remove_prefix(size);
  return piece;
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, std::size_t width, std::size_t first) {
  width = std::max<std::size_t>(width, 8);
  std::vector<std::string> out(1);
  std::size_t used = first;
  const auto next_line = [&] {
    while (!out.back().empty() && out.back().back() == ' ') out.back().pop_back();
    out.emplace_back();
    used = 0;
  };
  while (!text.empty()) {
    Piece piece = take_piece(text);
    if (piece.space && out.back().empty() && out.size() > 1) continue;
    if (used + piece.width > width && !piece.space && used > 0 &&
        (piece.width <= width || !out.back().empty()))
      next_line();
    while (used + piece.width > width && !piece.space) {  // a word longer than a line
      std::string_view c = character_at(piece.text);
      std::size_t taken = 0;
      while (used + display_width(c) <= width && taken < piece.text.size()) {
        out.back() += c;
        used += display_width(c);
        taken += c.size();
        c = character_at(piece.text.substr(taken));
      }
      piece.text.remove_prefix(taken);
      piece.width = display_width(piece.text);
      next_line();
    }
    out.back() += piece.text;
    used += piece.width;
  }
  while (!out.back().empty() && out.back().back() == ' ') out.back().pop_back();
  return out;
}

}  // namespace bulkhead
