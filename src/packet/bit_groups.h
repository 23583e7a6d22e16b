// A field that rules ask about by masks (mark, connmark, DSCP), cut into groups of bits that no
// mask separates: one field of the layout for each group.
//
// Without it a single test of `mark & 0x4000` is 131,072 intervals of a 32-bit field; on groups
// every masked test is one interval per group, and every masked change an Assign, an Invert or
// nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "packet/interval_set.h"
#include "packet/layout.h"
#include "packet/rewrite.h"

namespace bulkhead::packet {

class BitGroups {
 public:
  // `masks`: every mask that a rule tests or changes under, and for a change with bits to flip
  // (x := (x & ~mask) ^ value) those values too. Bits past `bits` (1 to 64) are cut off. Bits that
  // no mask names make one group of their own, so that a whole value can be put together again.
  [[nodiscard]] static BitGroups of(unsigned bits, std::span<const std::uint64_t> masks);

  [[nodiscard]] std::size_t size() const { return groups_.size(); }
  [[nodiscard]] std::uint64_t mask(std::size_t group) const { return groups_.at(group); }
  [[nodiscard]] unsigned bits(std::size_t group) const;
  // The bits of the group, pressed together; and back.
  [[nodiscard]] std::uint64_t extract(std::size_t group, std::uint64_t value) const;
  [[nodiscard]] std::uint64_t deposit(std::size_t group, std::uint64_t bits) const;

  // (x & mask) == value, or anything for a mask of 0: one part per group; nullopt when nothing
  // matches (a bit of the value outside the mask). `fields`: the field of each group. The mask must
  // be a union of groups, as each mask given to of() is.
  [[nodiscard]] std::optional<Product> match(std::span<const FieldId> fields, std::uint64_t value,
                                             std::uint64_t mask) const;
  // x := (x & ~mask) ^ value, as xt MARK has it (net/netfilter/xt_mark.c); bits of the value
  // outside the mask flip. These must be a union of groups, too.
  [[nodiscard]] Rewrite set(std::span<const FieldId> fields, std::uint64_t value,
                            std::uint64_t mask) const;

 private:
  std::vector<std::uint64_t> groups_;  // masks: disjoint, together all bits; by lowest bit
  std::uint64_t all_ = 0;
};

}  // namespace bulkhead::packet
