// What a term yields while rules run: the bytes of a register, and which of their bits a snapshot
// cannot know (IP id, sequence numbers, checksums...). A comparison that rests on such a bit goes
// both ways (Choices), never the way of a constant that was made up.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace bulkhead::trace::filtering {

// The data registers of nf_tables are 64 bytes in all.
struct Value {
  static constexpr std::size_t kMost = 64;
  std::array<std::uint8_t, kMost> bytes{};
  std::array<std::uint8_t, kMost> doubt{};  // a set bit: not known. Meaningful when `doubtful`
  std::size_t size = 0;
  bool doubtful = false;
  std::string_view why;  // of the doubt; lives as long as the Filter

  [[nodiscard]] std::span<const std::uint8_t> view() const { return {bytes.data(), size}; }

  void set(std::span<const std::uint8_t> from) {
    size = from.size() < kMost ? from.size() : kMost;
    if (size != 0) std::memcpy(bytes.data(), from.data(), size);
  }
  // The `width` low bytes of a number, most significant first.
  void set_big_endian(std::uint64_t number, std::size_t width) {
    size = width;
    for (std::size_t i = 0; i < width; ++i) {
      bytes[i] = static_cast<std::uint8_t>(number >> (8 * (width - 1 - i)));
    }
  }
  // As the host that made the snapshot holds it in memory.
  void set_host(std::uint64_t number, std::size_t width, bool little_endian) {
    if (!little_endian) return set_big_endian(number, width);
    size = width;
    for (std::size_t i = 0; i < width; ++i) {
      bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
  }
  void set_unknown(std::size_t width, std::string_view reason) {
    size = width < kMost ? width : kMost;
    doubt.fill(0xff);
    doubtful = true;
    why = reason;
  }
  // True when some bit of the first `count` bytes is not known, those behind the end included.
  [[nodiscard]] bool doubt_within(std::size_t count) const {
    if (count > size) return true;
    if (!doubtful) return false;
    for (std::size_t i = 0; i < count; ++i) {
      if (doubt[i] != 0) return true;
    }
    return false;
  }
};

// The first eight bytes or fewer as a number: memcmp order is number order for equal widths.
[[nodiscard]] inline std::uint64_t big_endian_number(std::span<const std::uint8_t> bytes) {
  std::uint64_t number = 0;
  for (std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

// Eight bytes as a number, most significant first.
[[nodiscard]] inline std::uint64_t big_endian_word(const std::uint8_t* bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes, sizeof number);
  return std::endian::native == std::endian::little ? std::byteswap(number) : number;
}

}  // namespace bulkhead::trace::filtering
