#include "report/json_pieces.h"

#include <utility>

namespace bulkhead::report {

namespace {

constexpr std::size_t kMemberIndent = 2;

std::string plain(const JsonPieces::Json& value, int indent) {
  return value.dump(indent, ' ', false, JsonPieces::Json::error_handler_t::replace);
}

}  // namespace

// Within strings line breaks are escaped, so each one in the text is the layout's.
std::string indented(const nlohmann::ordered_json& value, std::size_t indent) {
  std::string out;
  for (const char c : plain(value, 2)) {
    out += c;
    if (c == '\n') out.append(indent, ' ');
  }
  return out;
}

std::string JsonPieces::quoted(const std::string& text) {
  return plain(text, -1);
}

void JsonPieces::key(std::string_view name) {
  text_ += std::exchange(any_member_, true) ? ",\n" : "\n";
  text_.append(kMemberIndent, ' ');
  text_ += quoted(std::string(name)) + ": ";
}

void JsonPieces::member(std::string_view name, const Json& value) {
  key(name);
  text_ += indented(value, kMemberIndent);
}

void JsonPieces::begin_array(std::string_view name) {
  key(name);
  text_ += '[';
  any_element_ = false;
}

void JsonPieces::separate() {
  text_ += std::exchange(any_element_, true) ? ",\n" : "\n";
  text_.append(kElementIndent, ' ');
}

void JsonPieces::element(const Json& value) {
  separate();
  text_ += indented(value, kElementIndent);
}

void JsonPieces::element_text(std::string_view text) {
  separate();
  text_ += text;
}

void JsonPieces::end_array() {
  if (any_element_) text_.append("\n").append(kMemberIndent, ' ');
  text_ += ']';
}

std::string JsonPieces::finish() && {
  text_ += any_member_ ? "\n}" : "}";
  return std::move(text_);
}

}  // namespace bulkhead::report
