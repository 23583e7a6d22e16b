#include "yaml/write.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace bulkhead::yaml {
namespace {

bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_in_word(char c) {
  return begins_word(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
}

// What some YAML reads as something else than text.
bool means_more(std::string_view text) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"true", "false", "null", "yes", "no", "on", "off", "y", "n"});
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::ranges::find(kWords, lower) != kWords.end();
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + "\"";
}

std::string word(std::string_view text) {
  const bool plain = !text.empty() && begins_word(text.front()) &&
                     std::ranges::all_of(text, is_in_word) && !means_more(text);
  return plain ? std::string(text) : quoted(text);
}

}  // namespace bulkhead::yaml
