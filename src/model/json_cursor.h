// Reads JSON forward, value by value, without building a tree: snapshots (json_read.cpp) and what
// engines answer (engine/).
//
// Every function that reads returns false once something was wrong; the first error stays. Callers
// that return add where they were with at(), so that the error ends up with the whole path and
// nothing is paid for it while all is well. Bounds: depth, and memory by charge().
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bulkhead::model {

class JsonCursor {
 public:
  // What to do with text that is not UTF-8 and halves of surrogate pairs: an error, or bytes that
  // are kept as they are and U+FFFD.
  enum class Text { kStrict, kTolerant };
  JsonCursor(std::string_view text, std::uint32_t depth, std::size_t memory,
             Text mode = Text::kStrict)
      : text_(text), depth_left_(depth), memory_left_(memory), mode_(mode) {}

  // Inside an object or an array; keep one on the stack for each.
  struct Scope {
    bool first = true;
  };
  [[nodiscard]] bool open_object(Scope& scope) { return open('{', "an object", scope); }
  [[nodiscard]] bool open_array(Scope& scope) { return open('[', "an array", scope); }
  // True: a member or element follows. False: the end was read, or failed(). `key` lives until the
  // next call that reads.
  [[nodiscard]] bool next_member(Scope& scope, std::string_view& key);
  [[nodiscard]] bool next_element(Scope& scope);

  [[nodiscard]] bool read_text(std::string& out);  // a string; escapes resolved, valid UTF-8
  [[nodiscard]] bool read_bool(bool& out);
  template <std::integral T>
  [[nodiscard]] bool read_number(T& out);
  // Consumes null when it is next.
  [[nodiscard]] bool take_null();
  // The next character that is not white space; 0 at the end. Consumes only the white space.
  char peek();
  [[nodiscard]] bool skip_value();  // of any kind, fractions too
  // Nothing but white space is left.
  [[nodiscard]] bool finish();

  // Counts memory that the caller is about to take.
  [[nodiscard]] bool charge(std::size_t bytes);

  // Always false, so that `return in.wrong(…)` reads well.
  bool wrong(std::string message, ErrorCode code = ErrorCode::kInvalidInput);
  bool at(std::string_view member);  // adds .member in front of the path of the error
  bool at(std::size_t index);        // adds [index]

  [[nodiscard]] bool failed() const { return error_.has_value(); }
  // "$.namespaces[0].links[2].mtu (line 7, column 20): …"
  [[nodiscard]] Error error() const;

 private:
  bool open(char bracket, std::string_view what, Scope& scope);
  bool next(Scope& scope, char end);
  bool expected(std::string_view what);
  bool scan_string(std::string_view& out);
  bool scan_rest_of_string(std::size_t start);
  bool append_escape(std::string& out);
  std::optional<std::uint32_t> hex4();
  bool surrogate_half(std::string& out);
  bool scan_digits();
  bool scan_integer();
  bool scan_number(std::string_view& out);
  bool skip_number();
  bool out_of_range(std::string_view number, const std::string& low, const std::string& high);
  bool literal(std::string_view word);
  bool signed_number(std::int64_t low, std::int64_t high, std::int64_t& out);
  bool unsigned_number(std::uint64_t high, std::uint64_t& out);

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t depth_left_;
  std::size_t memory_left_;
  Text mode_;
  std::string buffer_;  // of a string with escapes
  std::optional<Error> error_;
  std::size_t error_at_ = 0;
  std::vector<std::string> path_;  // innermost first
};

template <std::integral T>
bool JsonCursor::read_number(T& out) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_signed_v<T>) {
    std::int64_t value = 0;
    if (!signed_number(Limits::min(), Limits::max(), value)) return false;
    out = static_cast<T>(value);
  } else {
    std::uint64_t value = 0;
    if (!unsigned_number(Limits::max(), value)) return false;
    out = static_cast<T>(value);
  }
  return true;
}

}  // namespace bulkhead::model
