// What a packet looks like now, as a function of what it was when the diagrams' fields were read: each
// quantity is a row of bits, and each bit is a constant or a bit of a field.
//
// The rules of a chain are compiled under an image, so that a rule behind `meta mark set 5` sees 5, and
// so that a reply can be asked about in the fields of its request (image: source = the field of the
// destination...). An Effect ends with the image that the packet then has.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "packet/rewrite.h"
#include "reach/chain/fields.h"

namespace bulkhead::reach {

// Where a bit comes from. A source below kFirstDerived is a field (packet::FieldId::index); others
// are functions of one field that only evaluation knows (source.h) and that no image holds.
struct Bit {
  static constexpr std::uint16_t kFirstDerived = 256, kUnknown = 0xfffe, kConstant = 0xffff;
  std::uint16_t source = kConstant;
  std::uint8_t place = 0;  // bit of the field, 0 the lowest
  bool flip = false;       // of a constant: its value; else: inverted

  [[nodiscard]] static constexpr Bit constant(bool value) { return {kConstant, 0, value}; }
  [[nodiscard]] static constexpr Bit unknown() { return {kUnknown, 0, false}; }
  [[nodiscard]] constexpr bool is_constant() const { return source == kConstant; }
  [[nodiscard]] constexpr bool is_unknown() const { return source == kUnknown; }
  [[nodiscard]] constexpr bool is_field() const { return source < kFirstDerived; }
  [[nodiscard]] constexpr Bit inverted() const {
    return is_unknown() ? *this : Bit{source, place, !flip};
  }
  friend constexpr auto operator<=>(const Bit&, const Bit&) = default;
};
using Bits = std::vector<Bit>;  // the most significant first

[[nodiscard]] Bits constant_bits(std::uint64_t number, unsigned bits);
[[nodiscard]] Bits constant_bits(const IpAddress& address);
// The number of at most 64 bits that are all constant.
[[nodiscard]] std::optional<std::uint64_t> constant_of(const Bits& bits);

class Image {
 public:
  Image() = default;  // every quantity is what its fields say

  [[nodiscard]] Bits of(const Fields& fields, Quantity quantity) const;
  // Null: as its fields say.
  [[nodiscard]] const Bits* changed(Quantity quantity) const;
  // `bits` are as many as the quantity has, none of them unknown or derived.
  void set(const Fields& fields, Quantity quantity, Bits bits);

  // The quantities that differ from their fields, ascending.
  [[nodiscard]] const std::vector<std::pair<Quantity, Bits>>& changes() const { return changes_; }
  [[nodiscard]] bool is_identity() const { return changes_.empty(); }

  // The packet as it is now, from the fields as they were.
  [[nodiscard]] packet::Packet apply(const Fields& fields, const packet::Packet& packet) const;

  friend bool operator==(const Image&, const Image&) = default;
  friend auto operator<=>(const Image&, const Image&) = default;

 private:
  std::vector<std::pair<Quantity, Bits>> changes_;
};

// The image of a reply in the fields of the packet that it answers: source and destination, ports and
// hardware addresses change places. Connection tracking's view and the interfaces are the caller's.
[[nodiscard]] Image reply_image(const Fields& fields);

}  // namespace bulkhead::reach
