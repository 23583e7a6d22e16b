#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

namespace bulkhead {
namespace {

struct CodeRange {
  char32_t first;
  char32_t last;
};

template <std::size_t N>
bool within(const std::array<CodeRange, N>& ranges, char32_t code) {
  return std::ranges::any_of(ranges,
                             [code](CodeRange r) { return code >= r.first && code <= r.last; });
}

// Invisible or direction-changing characters with which one text can pose as another, and the two
// that are no characters, which XML forbids.
constexpr std::array<CodeRange, 11> kDeceptive{{{0x80, 0x9f},
                                                {0xad, 0xad},
                                                {0x61c, 0x61c},
                                                {0x180e, 0x180e},
                                                {0x200b, 0x200f},
                                                {0x2028, 0x202e},
                                                {0x2060, 0x206f},
                                                {0xfeff, 0xfeff},
                                                {0xfff9, 0xfffb},
                                                {0xfffe, 0xffff},
                                                {0xe0000, 0xe007f}}};

constexpr std::array<CodeRange, 11> kWide{{{0x1100, 0x115f},
                                           {0x2e80, 0x303e},
                                           {0x3041, 0x33ff},
                                           {0x3400, 0x4dbf},
                                           {0x4e00, 0x9fff},
                                           {0xa000, 0xa4cf},
                                           {0xac00, 0xd7a3},
                                           {0xf900, 0xfaff},
                                           {0xfe30, 0xfe6f},
                                           {0xff00, 0xff60},
                                           {0x1f300, 0x3fffd}}};

constexpr std::array<CodeRange, 4> kCombining{
    {{0x300, 0x36f}, {0x1ab0, 0x1aff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}};

void append_hex(std::string& out, std::uint32_t value, std::size_t width) {
  std::array<char, 8> digits{};
  auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16);
  const auto size = static_cast<std::size_t>(end - digits.data());
  out.append(width > size ? width - size : 0, '0');
  out.append(digits.data(), size);
}

void append_escaped_byte(std::string& out, char c) {
  out += "\\x";
  append_hex(out, static_cast<std::uint8_t>(c), 2);
}

// Appends the escaped form of the character at the start of `text`; returns its size in bytes.
std::size_t append_escaped(std::string& out, std::string_view text) {
  char32_t code = 0;
  const std::size_t size = decode_utf8(text, code);
  if (size == 0) {
    append_escaped_byte(out, text[0]);
    return 1;
  }
  if (code < 0x20 || code == 0x7f) {
    append_escaped_byte(out, text[0]);
  } else if (within(kDeceptive, code)) {
    out += "\\u{";
    append_hex(out, code, 1);
    out += '}';
  } else {
    out.append(text.substr(0, size));
  }
  return size;
}

}  // namespace

std::size_t decode_utf8(std::string_view text, char32_t& code) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) {
    code = lead;
    return 1;
  }
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  char32_t value = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3fU);
  }
  static constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
  code = value;
  return size;
}

std::string escape_text(std::string_view text, std::size_t limit) {
  const bool plain = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  if (plain && text.size() <= limit) return std::string(text);
  std::string out;
  while (!text.empty()) {
    const std::size_t before = out.size();
    const std::size_t used = append_escaped(out, text);
    if (out.size() > limit) {
      out.resize(before);
      return out + "...";
    }
    text.remove_prefix(used);
  }
  return out;
}

void append_json_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t size = decode_utf8(text, code);
    if (size == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
      continue;
    }
    if (code == '"' || code == '\\') {
      out += '\\';
      out += text[0];
    } else if (code < 0x20 || code == 0x7f) {
      out += "\\u";
      append_hex(out, code, 4);
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    char32_t code = 0;
    const std::size_t size = std::max<std::size_t>(decode_utf8(text, code), 1);
    if (!within(kCombining, code)) width += within(kWide, code) ? 2 : 1;
    text.remove_prefix(size);
  }
  return width;
}

}  // namespace bulkhead
