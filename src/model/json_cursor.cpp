// RFC 8259. Numbers with a fraction or an exponent can only be skipped: the model has none.
#include "model/json_cursor.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace bulkhead::model {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_plain(char c) {  // inside a string, stands for itself
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

std::string place(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(offset - start + 1);
}

}  // namespace

// ------------------------------------------------------------------------------------- errors

bool JsonCursor::wrong(std::string message, ErrorCode code) {
  if (!error_) {
    error_ = Error{code, std::move(message)};
    error_at_ = at_;
  }
  return false;
}

bool JsonCursor::at(std::string_view member) {
  path_.push_back("." + escape_text(member, 64));
  return false;
}

bool JsonCursor::at(std::size_t index) {
  path_.push_back("[" + std::to_string(index) + "]");
  return false;
}

Error JsonCursor::error() const {
  std::string path = "$";
  for (auto part = path_.rbegin(); part != path_.rend() && path.size() < 400; ++part) path += *part;
  const Error error = error_.value_or(Error{ErrorCode::kInternal, "no error"});
  return {error.code, path + " (" + place(text_, error_at_) + "): " + error.message};
}

bool JsonCursor::expected(std::string_view what) {
  if (peek() == 0 && at_ == text_.size()) {
    return wrong("the text ends where " + std::string(what) + " is expected");
  }
  return wrong(std::string(what) + " is expected, not '" + escape_text(text_.substr(at_, 12)) +
               "'");
}

bool JsonCursor::charge(std::size_t bytes) {
  if (bytes > memory_left_)
    return wrong("this file would take too much memory", ErrorCode::kBudget);
  memory_left_ -= bytes;
  return true;
}

// ---------------------------------------------------------------------------------- structure

char JsonCursor::peek() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonCursor::open(char bracket, std::string_view what, Scope& scope) {
  if (failed()) return false;
  if (peek() != bracket) return expected(what);
  if (depth_left_ == 0) return wrong("nested too deeply", ErrorCode::kBudget);
  --depth_left_;
  ++at_;
  scope.first = true;
  return true;
}

// Moves to the next member or element, past the comma; false at the end bracket, which is consumed.
bool JsonCursor::next(Scope& scope, char end) {
  if (failed()) return false;
  const char c = peek();
  if (c == end && at_ < text_.size()) {
    ++at_;
    ++depth_left_;
    return false;
  }
  if (scope.first) {
    scope.first = false;
    return true;
  }
  if (c != ',') return expected(end == '}' ? "',' or '}'" : "',' or ']'");
  ++at_;
  if (peek() == end) return wrong("a comma before the end");
  return true;
}

bool JsonCursor::next_element(Scope& scope) {
  return next(scope, ']');
}

bool JsonCursor::next_member(Scope& scope, std::string_view& key) {
  if (!next(scope, '}')) return false;
  if (peek() != '"') return expected("a key in quotes");
  if (!scan_string(key)) return false;
  if (peek() != ':') return expected("':'");
  ++at_;
  return true;
}

bool JsonCursor::finish() {
  if (failed()) return false;
  if (peek() == 0 && at_ == text_.size()) return true;
  return wrong("text after the end");
}

bool JsonCursor::skip_value() {
  std::string_view text;
  Scope scope;
  switch (peek()) {
    case '{':
      if (!open_object(scope)) return false;
      while (next_member(scope, text)) {
        if (!skip_value()) return false;
      }
      return !failed();
    case '[':
      if (!open_array(scope)) return false;
      while (next_element(scope)) {
        if (!skip_value()) return false;
      }
      return !failed();
    case '"': return scan_string(text);
    case 't': return literal("true") || expected("a value");
    case 'f': return literal("false") || expected("a value");
    case 'n': return literal("null") || expected("a value");
    default: return skip_number();
  }
}

// ------------------------------------------------------------------------------------- scalars

bool JsonCursor::literal(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

bool JsonCursor::take_null() {
  return !failed() && peek() == 'n' && literal("null");
}

bool JsonCursor::read_bool(bool& out) {
  if (failed()) return false;
  peek();
  if (literal("true")) {
    out = true;
    return true;
  }
  if (!literal("false")) return expected("true or false");
  out = false;
  return true;
}

bool JsonCursor::read_text(std::string& out) {
  if (failed()) return false;
  if (peek() != '"') return expected("text in quotes");
  std::string_view text;
  if (!scan_string(text)) return false;
  out.assign(text);
  return true;
}

// The common string has no escape and only ASCII: then `out` looks into the text itself.
bool JsonCursor::scan_string(std::string_view& out) {
  const std::size_t start = ++at_;
  while (at_ < text_.size() && is_plain(text_[at_])) ++at_;
  if (at_ < text_.size() && text_[at_] == '"') {
    out = text_.substr(start, at_++ - start);
    return true;
  }
  if (!scan_rest_of_string(start)) return false;
  out = buffer_;
  return true;
}

bool JsonCursor::scan_rest_of_string(std::size_t start) {
  buffer_.assign(text_.substr(start, at_ - start));
  while (at_ < text_.size() && text_[at_] != '"') {
    if (text_[at_] == '\\') {
      if (!append_escape(buffer_)) return false;
      continue;
    }
    char32_t code = 0;
    const std::size_t size = decode_utf8(text_.substr(at_), code);
    if (size == 0 && mode_ == Text::kTolerant) {
      buffer_ += text_[at_++];
      continue;
    }
    if (size == 0) return wrong("text that is not UTF-8");
    if (code < 0x20) return wrong("a control character in text; write it as \\u00NN");
    buffer_ += text_.substr(at_, size);
    at_ += size;
  }
  if (at_ == text_.size()) return wrong("the text ends inside quotes");
  ++at_;
  return true;
}

std::optional<std::uint32_t> JsonCursor::hex4() {
  if (text_.size() - at_ < 4) return std::nullopt;
  std::uint32_t value = 0;
  const char* first = text_.data() + at_;
  const auto [end, error] = std::from_chars(first, first + 4, value, 16);
  if (error != std::errc() || end != first + 4) return std::nullopt;
  at_ += 4;
  return value;
}

bool JsonCursor::append_escape(std::string& out) {
  ++at_;
  const char c = at_ < text_.size() ? text_[at_] : '\0';
  static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  if (const auto i = c == '\0' ? std::string_view::npos : kFrom.find(c);
      i != std::string_view::npos) {
    out += kTo[i];
    ++at_;
    return true;
  }
  if (c != 'u') return wrong("a backslash before what needs none");
  ++at_;
  auto code = hex4();
  if (!code) return wrong("\\u needs four hexadecimal digits");
  if (*code >= 0xd800 && *code < 0xdc00 && literal("\\u")) {
    const auto low = hex4();
    if (!low || *low < 0xdc00 || *low > 0xdfff) return surrogate_half(out);
    code = 0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00);
  }
  if (*code >= 0xd800 && *code <= 0xdfff) return surrogate_half(out);
  append_utf8(out, *code);
  return true;
}

bool JsonCursor::surrogate_half(std::string& out) {
  if (mode_ == Text::kStrict) return wrong("half of a surrogate pair");
  append_utf8(out, 0xfffd);
  return true;
}

// ------------------------------------------------------------------------------------- numbers

bool JsonCursor::scan_digits() {
  const std::size_t start = at_;
  while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  return at_ > start;
}

// RFC 8259, section 6: the part that every number has.
bool JsonCursor::scan_integer() {
  if (text_[at_] == '-') ++at_;
  const std::size_t digits = at_;
  if (!scan_digits()) return wrong("a minus without a number");
  if (at_ - digits > 1 && text_[digits] == '0') return wrong("a number that starts with 0");
  return true;
}

bool JsonCursor::skip_number() {
  if (failed()) return false;
  const char first = peek();
  if (first != '-' && !is_digit(first)) return expected("a value");
  if (!scan_integer()) return false;
  if (literal(".") && !scan_digits()) return wrong("a number that ends with its point");
  if (!literal("e") && !literal("E")) return true;
  static_cast<void>(literal("+") || literal("-"));
  return scan_digits() || wrong("a number that ends with its exponent's sign");
}

bool JsonCursor::scan_number(std::string_view& out) {
  if (failed()) return false;
  const char next = peek();
  if (next != '-' && !is_digit(next)) return expected("a number");
  const std::size_t start = at_;
  if (!scan_integer()) return false;
  out = text_.substr(start, at_ - start);
  if (at_ < text_.size() && std::string_view(".eE").find(text_[at_]) != std::string_view::npos) {
    return wrong("a whole number is expected, without fraction or exponent");
  }
  return true;
}

bool JsonCursor::out_of_range(std::string_view number, const std::string& low,
                              const std::string& high) {
  at_ -= number.size();
  return wrong(escape_text(number, 40) + " is out of range (" + low + " to " + high + ")");
}

bool JsonCursor::signed_number(std::int64_t low, std::int64_t high, std::int64_t& out) {
  std::string_view text;
  if (!scan_number(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || out < low || out > high) {
    return out_of_range(text, std::to_string(low), std::to_string(high));
  }
  return true;
}

bool JsonCursor::unsigned_number(std::uint64_t high, std::uint64_t& out) {
  std::string_view text;
  if (!scan_number(text)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || out > high) return out_of_range(text, "0", std::to_string(high));
  return true;
}

}  // namespace bulkhead::model
