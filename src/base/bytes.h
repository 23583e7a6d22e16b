// Bytes from outside, and the one bounded cursor through which they pass.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bulkhead {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

[[nodiscard]] inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Lower-case hexadecimal without separators, and back.
[[nodiscard]] std::string to_hex(ByteView bytes);
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

// Reads forward through bytes that it does not own. Every read is checked against the bytes left;
// a read that does not fit returns nullopt and moves nothing.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] std::size_t position() const { return at_; }
  [[nodiscard]] bool done() const { return left() == 0; }

  [[nodiscard]] std::optional<ByteView> take(std::size_t count) {
    if (count > left()) return std::nullopt;
    auto view = bytes_.subspan(at_, count);
    at_ += count;
    return view;
  }
  // All that is left.
  [[nodiscard]] ByteView rest() {
    const ByteView view = bytes_.subspan(at_);
    at_ = bytes_.size();
    return view;
  }
  [[nodiscard]] bool skip(std::size_t count) { return take(count).has_value(); }

  // As the kernel of this machine writes it.
  template <std::unsigned_integral T>
  [[nodiscard]] std::optional<T> native() {
    auto view = take(sizeof(T));
    if (!view) return std::nullopt;
    T value;
    std::memcpy(&value, view->data(), sizeof value);
    return value;
  }
  // Network order.
  template <std::unsigned_integral T>
  [[nodiscard]] std::optional<T> big_endian() {
    auto value = native<T>();
    if constexpr (std::endian::native == std::endian::little && sizeof(T) > 1) {
      if (value) *value = byteswap(*value);
    }
    return value;
  }

  // A plain C structure of the kernel's user interface.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] std::optional<T> structure() {
    auto view = take(sizeof(T));
    if (!view) return std::nullopt;
    T value;
    std::memcpy(&value, view->data(), sizeof value);
    return value;
  }

 private:
  template <std::unsigned_integral T>
  static constexpr T byteswap(T value) {
    T out = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      out = static_cast<T>(out << 8 | ((value >> (8 * i)) & 0xff));
    }
    return out;
  }

  ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace bulkhead
