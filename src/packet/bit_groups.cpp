#include "packet/bit_groups.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace bulkhead::packet {

BitGroups BitGroups::of(unsigned bits, std::span<const std::uint64_t> masks) {
  BitGroups result;
  result.all_ = max_value(bits);
  result.groups_ = {result.all_};
  for (const std::uint64_t mask : masks) {
    std::vector<std::uint64_t> refined;
    for (const std::uint64_t group : result.groups_) {
      if ((group & mask) != 0) refined.push_back(group & mask);
      if ((group & ~mask) != 0) refined.push_back(group & ~mask);
    }
    result.groups_ = std::move(refined);
  }
  std::sort(result.groups_.begin(), result.groups_.end(), [](std::uint64_t a, std::uint64_t b) {
    return std::countr_zero(a) < std::countr_zero(b);
  });
  return result;
}

unsigned BitGroups::bits(std::size_t group) const {
  return static_cast<unsigned>(std::popcount(mask(group)));
}

std::uint64_t BitGroups::extract(std::size_t group, std::uint64_t value) const {
  std::uint64_t result = 0, bit = 1;
  for (std::uint64_t rest = mask(group); rest != 0; rest &= rest - 1, bit <<= 1) {
    if ((value & rest & (~rest + 1)) != 0) result |= bit;
  }
  return result;
}

std::uint64_t BitGroups::deposit(std::size_t group, std::uint64_t bits) const {
  std::uint64_t result = 0;
  for (std::uint64_t rest = mask(group); rest != 0; rest &= rest - 1, bits >>= 1) {
    if ((bits & 1) != 0) result |= rest & (~rest + 1);
  }
  return result;
}

std::optional<Product> BitGroups::match(std::span<const FieldId> fields, std::uint64_t value,
                                        std::uint64_t mask) const {
  assert(fields.size() == size());
  mask &= all_;
  if ((value & ~mask) != 0) return std::nullopt;
  Product product;
  for (std::size_t i = 0; i < size(); ++i) {
    if ((groups_[i] & mask) == 0) continue;
    assert((groups_[i] & ~mask) == 0);
    product.where(fields[i], IntervalSet::single(extract(i, value)));
  }
  return product;
}

Rewrite BitGroups::set(std::span<const FieldId> fields, std::uint64_t value,
                       std::uint64_t mask) const {
  assert(fields.size() == size());
  Rewrite rewrite;
  for (std::size_t i = 0; i < size(); ++i) {
    if ((groups_[i] & mask) != 0) {
      assert((groups_[i] & ~mask) == 0);
      rewrite.push_back(Assign{fields[i], extract(i, value)});
    } else if ((groups_[i] & value) != 0) {
      assert((groups_[i] & ~value) == 0);
      rewrite.push_back(Invert{fields[i]});
    }
  }
  return rewrite;
}

}  // namespace bulkhead::packet
