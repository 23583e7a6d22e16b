// Sets of packets of a tiny universe as truth tables: bit i of the table is packet i. Knows nothing
// of the product's structures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "packet/packet_space.h"

namespace bulkhead::packet::testing {

struct Tiny {  // fields a (a_bits) and b (b_bits); packet i has a = i >> b_bits, b = the rest
  unsigned a_bits = 0, b_bits = 0;
  PacketSpace space;
  FieldId a{0}, b{1};

  Tiny(unsigned bits_of_a, unsigned bits_of_b, bool b_first = false)
      : a_bits(bits_of_a),
        b_bits(bits_of_b),
        space(*Layout::make({{"a", bits_of_a}, {"b", bits_of_b}},
                            b_first ? std::vector<FieldId>{{1}, {0}} : std::vector<FieldId>{})) {}

  [[nodiscard]] unsigned packets() const { return 1U << (a_bits + b_bits); }
  [[nodiscard]] std::uint64_t tables() const { return std::uint64_t{1} << packets(); }
  [[nodiscard]] std::uint64_t a_of(unsigned packet) const { return packet >> b_bits; }
  [[nodiscard]] std::uint64_t b_of(unsigned packet) const { return packet & ((1U << b_bits) - 1); }
  [[nodiscard]] unsigned number(std::uint64_t value_a, std::uint64_t value_b) const {
    return static_cast<unsigned>(value_a << b_bits | value_b);
  }
  [[nodiscard]] Packet packet(unsigned i) const {
    Packet result = space.layout().packet();
    result[a] = a_of(i);
    result[b] = b_of(i);
    return result;
  }
  [[nodiscard]] PacketSet single(unsigned i) const {
    return *space.set(
        Product().where(a, IntervalSet::single(a_of(i))).where(b, IntervalSet::single(b_of(i))));
  }
  [[nodiscard]] std::uint64_t table(const PacketSet& set) const {
    std::uint64_t result = 0;
    for (unsigned i = 0; i < packets(); ++i) {
      if (set.contains(packet(i))) result |= std::uint64_t{1} << i;
    }
    return result;
  }
};

}  // namespace bulkhead::packet::testing
