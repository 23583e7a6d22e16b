#include "reach/chain/image.h"

#include <algorithm>
#include <array>

namespace bulkhead::reach {

Bits constant_bits(std::uint64_t number, unsigned bits) {
  Bits out(bits);
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned place = bits - 1 - i;
    out[i] = Bit::constant(place < 64 && (number >> place & 1U) != 0);
  }
  return out;
}

Bits constant_bits(const IpAddress& address) {
  Bits out;
  for (std::uint8_t octet : address.octets()) {
    for (int i = 7; i >= 0; --i) out.push_back(Bit::constant((octet >> i & 1) != 0));
  }
  return out;
}

std::optional<std::uint64_t> constant_of(const Bits& bits) {
  if (bits.size() > 64) return std::nullopt;
  std::uint64_t out = 0;
  for (const Bit& bit : bits) {
    if (!bit.is_constant()) return std::nullopt;
    out = out << 1 | (bit.flip ? 1U : 0U);
  }
  return out;
}

namespace {

Bits field_bits(const Fields& fields, Quantity quantity) {
  Bits out;
  out.reserve(fields.bits(quantity));
  for (const Fields::Part& part : fields.parts(quantity)) {
    for (unsigned i = part.bits; i-- > 0;) {
      out.push_back({part.field.index, static_cast<std::uint8_t>(i), false});
    }
  }
  return out;
}

auto place_of(auto& changes, Quantity quantity) {
  return std::lower_bound(changes.begin(), changes.end(), quantity,
                          [](const auto& a, Quantity b) { return a.first < b; });
}

}  // namespace

const Bits* Image::changed(Quantity quantity) const {
  const auto at = place_of(changes_, quantity);
  return at != changes_.end() && at->first == quantity ? &at->second : nullptr;
}

Bits Image::of(const Fields& fields, Quantity quantity) const {
  const Bits* bits = changed(quantity);
  return bits != nullptr ? *bits : field_bits(fields, quantity);
}

void Image::set(const Fields& fields, Quantity quantity, Bits bits) {
  const auto at = place_of(changes_, quantity);
  const bool there = at != changes_.end() && at->first == quantity;
  if (bits == field_bits(fields, quantity)) {
    if (there) changes_.erase(at);
  } else if (there) {
    at->second = std::move(bits);
  } else {
    changes_.emplace(at, quantity, std::move(bits));
  }
}

packet::Packet Image::apply(const Fields& fields, const packet::Packet& packet) const {
  packet::Packet out = packet;
  for (const auto& [quantity, bits] : changes_) {
    std::size_t at = 0;
    for (const Fields::Part& part : fields.parts(quantity)) {
      std::uint64_t number = 0;
      for (unsigned i = 0; i < part.bits; ++i, ++at) {
        const Bit bit = bits[at];
        const std::uint64_t value =
            bit.is_field() ? packet[packet::FieldId{static_cast<std::uint8_t>(bit.source)}] >> bit.place & 1U
                           : 0U;
        number = number << 1 | (value ^ (bit.flip ? 1U : 0U));
      }
      out[part.field] = number;
    }
  }
  return out;
}

Image reply_image(const Fields& fields) {
  constexpr std::array<std::pair<Quantity, Quantity>, 3> kPairs = {{
      {Quantity::kSource, Quantity::kDestination},
      {Quantity::kSourcePort, Quantity::kDestinationPort},
      {Quantity::kSourceMac, Quantity::kDestinationMac},
  }};
  Image out;
  for (const auto& [a, b] : kPairs) {
    out.set(fields, a, field_bits(fields, b));
    out.set(fields, b, field_bits(fields, a));
  }
  return out;
}

}  // namespace bulkhead::reach
