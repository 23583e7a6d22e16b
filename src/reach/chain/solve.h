// From comparisons of register bytes with constants to sets of packets.
//
// Bytes are compared as memcmp() does; what is compared is a row of bits, each a constant, a bit of
// a field, a bit of a function of a field (Sources), or not known.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "base/bytes.h"
#include "reach/chain/condition.h"

namespace bulkhead::reach {

// Functions of one field with few enough values to hold in a table: the name of an interface (in
// two halves), the state bit of connection tracking, a payload length.
class Sources {
 public:
  explicit Sources(const Fields& fields) : fields_(&fields) {}

  // `values[x]` is the function at x. The field takes no value behind the table's end, up to 64
  // bits.
  [[nodiscard]] std::uint16_t add(packet::FieldId field, std::vector<std::uint64_t> values,
                                  unsigned bits);
  [[nodiscard]] packet::FieldId field(std::uint16_t source) const;
  [[nodiscard]] std::uint64_t at(std::uint16_t source, std::uint64_t x) const;
  [[nodiscard]] unsigned bits(std::uint16_t source) const;

  // The values x of the field with (f(x) & mask) == value. nullopt: too many intervals.
  [[nodiscard]] std::optional<packet::IntervalSet> masked(std::uint16_t source, std::uint64_t mask,
                                                          std::uint64_t value) const;
  // With first <= (f(x) >> low & (2^width - 1)) <= last.
  [[nodiscard]] std::optional<packet::IntervalSet> slice(std::uint16_t source, unsigned low,
                                                         unsigned width, std::uint64_t first,
                                                         std::uint64_t last) const;

 private:
  struct Table {
    packet::FieldId field;
    unsigned bits = 0;
    std::vector<std::uint64_t> values;
    using ByValue = std::pair<std::uint64_t, packet::IntervalSet>;
    std::vector<ByValue> by_value;  // each value and where it is; ascending
  };
  [[nodiscard]] const Table* table(std::uint16_t source) const;
  [[nodiscard]] packet::IntervalSet where(const Table& table,
                                          const std::function<bool(std::uint64_t)>& holds) const;

  const Fields* fields_;
  std::vector<Table> tables_;
};

class Solver {
 public:
  Solver(const packet::PacketSpace& space, Sources& sources, Effects& effects)
      : space_(&space), sources_(&sources), effects_(&effects) {}

  // The first bits, as many as `bytes` has, are those of `bytes`; fewer bits than that: in doubt,
  // because of `why`, unless one of them differs. A bit that is not known: likewise.
  [[nodiscard]] Condition equal(std::span<const Bit> bits, ByteView bytes, ReasonId why) const;
  // first <= bits <= last. A bit that is not known: in doubt as a whole.
  [[nodiscard]] Result<Condition> within(std::span<const Bit> bits, ByteView first, ByteView last,
                                         ReasonId why) const;
  // The same as products, none of which overlap; nullopt: in doubt.
  [[nodiscard]] std::optional<std::vector<packet::Product>> products(std::span<const Bit> bits,
                                                                     ByteView first,
                                                                     ByteView last) const;
  // Numbers of at most 64 bits.
  [[nodiscard]] Result<Condition> within(const Bits& bits, std::uint64_t first,
                                         std::uint64_t last) const;
  [[nodiscard]] Condition masked(const Bits& bits, std::uint64_t mask, std::uint64_t value) const;

  // Why a comparison with a mask that leaves too many bits open is in doubt.
  [[nodiscard]] ReasonId scattered() const;

 private:
  const packet::PacketSpace* space_;
  Sources* sources_;
  Effects* effects_;
};

[[nodiscard]] Bytes number_bytes(std::uint64_t number,
                                 std::size_t width);  // most significant first

}  // namespace bulkhead::reach
