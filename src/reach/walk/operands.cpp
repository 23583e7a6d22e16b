#include "reach/walk/operands.h"

namespace bulkhead::reach::walks {

bool read(const Fields& fields, const Image& image, Quantity q, AddressOperand& out) {
  const Bits bits = image.of(fields, q);
  for (Quantity f : {Quantity::kSource, Quantity::kDestination}) {
    if (bits == field_of(fields, f)) return out = AddressOperand::in(f), true;
  }
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (!bits[i].is_constant()) return false;
    if (bits[i].flip) octets[i / 8] = static_cast<std::uint8_t>(octets[i / 8] | 0x80U >> (i % 8));
  }
  out = AddressOperand::of(bits.size() == 32
                               ? IpAddress::v4(octets[0], octets[1], octets[2], octets[3])
                               : IpAddress::v6(octets));
  return true;
}

bool read(const Fields& fields, const Image& image, Quantity q, NumberOperand& out) {
  const Bits bits = image.of(fields, q);
  for (Quantity f : {Quantity::kSourcePort, Quantity::kDestinationPort}) {
    if (bits == field_of(fields, f)) return out = NumberOperand::in(f), true;
  }
  const auto n = constant_of(bits);
  if (n) out = NumberOperand::of(*n);
  return n.has_value();
}

}  // namespace bulkhead::reach::walks
