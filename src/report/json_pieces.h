// Writes a large JSON document piece by piece, byte for byte as nlohmann's dump(2) of the whole
// would: of a report with a million lines only one member stands in memory as a tree.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace bulkhead::report {

class JsonPieces {
 public:
  using Json = nlohmann::ordered_json;

  // About so much is to follow, so that it is not copied while it grows.
  void expect(std::size_t bytes) { text_.reserve(text_.size() + bytes); }
  // The document is one object; its members, in order.
  void member(std::string_view key, const Json& value);
  // A member that is an array: its elements follow, and end_array().
  void begin_array(std::string_view key);
  void element(const Json& value);
  // The same, as the caller wrote it, with kElementIndent before all lines but the first.
  void element_text(std::string_view text);
  void end_array();
  [[nodiscard]] std::string finish() &&;

  static constexpr std::size_t kElementIndent = 4;
  // With quotes; what is not UTF-8 is replaced.
  [[nodiscard]] static std::string quoted(const std::string& text);

 private:
  void key(std::string_view name);
  void separate();

  std::string text_ = "{";
  bool any_member_ = false, any_element_ = false;
};

// The value as a tree of this depth has it: each further line is indented by so much.
[[nodiscard]] std::string indented(const nlohmann::ordered_json& value, std::size_t indent);

}  // namespace bulkhead::report
