// Walks an engine's answer: objects by key, lists by element, null where a value may be missing (Go
// writes nil lists and maps as null). Internal to engine/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/json_cursor.h"

namespace bulkhead::engine {

// Deeper than any answer of an engine; /info nests the most, below ten.
inline constexpr std::uint32_t kDeepest = 64;
inline constexpr std::size_t kLongestText = 4096;      // of a name, an id, a path: more is an error
inline constexpr std::size_t kMostElements = 300'000;  // 65535 ports on two addresses fit

inline model::JsonCursor answer_cursor(std::string_view json) {
  return {json, kDeepest, json.size() + 1, model::JsonCursor::Text::kTolerant};
}

// Calls read(key) for each member; it reads the value and returns false for an error. `key` is a
// copy.
template <class Read>
[[nodiscard]] bool each_member(model::JsonCursor& in, Read read) {
  if (in.take_null()) return true;
  model::JsonCursor::Scope scope;
  std::string_view key;
  if (!in.open_object(scope)) return false;
  for (std::size_t count = 0; in.next_member(scope, key); ++count) {
    if (count >= kMostElements) return in.wrong("too many members", ErrorCode::kBudget);
    const std::string name(key);
    if (!read(name)) return in.at(name);
  }
  return !in.failed();
}

template <class Read>
[[nodiscard]] bool each_element(model::JsonCursor& in, Read read) {
  if (in.take_null()) return true;
  model::JsonCursor::Scope scope;
  if (!in.open_array(scope)) return false;
  for (std::size_t i = 0; in.next_element(scope); ++i) {
    if (i >= kMostElements) return in.wrong("too many elements", ErrorCode::kBudget);
    if (!read()) return in.at(i);
  }
  return !in.failed();
}

// What identifies something must be whole.
[[nodiscard]] inline bool read_text(model::JsonCursor& in, std::string& out) {
  if (in.take_null()) return true;
  if (!in.read_text(out)) return false;
  return out.size() <= kLongestText || in.wrong("text is too long", ErrorCode::kBudget);
}

// What only describes may be cut.
[[nodiscard]] inline bool read_cut_text(model::JsonCursor& in, std::string& out) {
  if (in.take_null()) return true;
  if (!in.read_text(out)) return false;
  if (out.size() > kLongestText) {
    out.resize(kLongestText);
    out.shrink_to_fit();
  }
  return true;
}

[[nodiscard]] inline bool read_flag(model::JsonCursor& in, bool& out) {
  return in.take_null() || in.read_bool(out);
}

[[nodiscard]] inline bool read_text_map(model::JsonCursor& in,
                                        std::map<std::string, std::string>& out) {
  return each_member(in, [&](const std::string& key) {
    return read_cut_text(in, out[key.substr(0, kLongestText)]);
  });
}

[[nodiscard]] inline bool read_texts(model::JsonCursor& in, std::vector<std::string>& out) {
  return each_element(in, [&] { return read_text(in, out.emplace_back()); });
}

}  // namespace bulkhead::engine
