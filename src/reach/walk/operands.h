// Between the bits of an Image and the operands of a walk. Inside reach/walk.
#pragma once

#include <array>
#include <cstdint>

#include "reach/chain/image.h"
#include "reach/route/algebra.h"

namespace bulkhead::reach::walks {

[[nodiscard]] inline Bits field_of(const Fields& fields, Quantity q) {
  return Image().of(fields, q);
}

[[nodiscard]] inline Bits bits_of(const Fields& fields, const AddressOperand& a) {
  return a.constant ? constant_bits(*a.constant) : field_of(fields, a.field);
}
[[nodiscard]] inline Bits bits_of(const Fields& fields, const NumberOperand& n, unsigned width) {
  return n.constant ? constant_bits(*n.constant, width) : field_of(fields, n.field);
}

// A quantity as an operand; false: a mixture of fields and constants.
[[nodiscard]] bool read(const Fields& fields, const Image& image, Quantity q, AddressOperand& out);
[[nodiscard]] bool read(const Fields& fields, const Image& image, Quantity q, NumberOperand& out);
template <class T>
[[nodiscard]] bool read_constant(const Fields& fields, const Image& image, Quantity q, T& out) {
  const auto n = constant_of(image.of(fields, q));
  if (n) out = static_cast<T>(*n);
  return n.has_value();
}

}  // namespace bulkhead::reach::walks
