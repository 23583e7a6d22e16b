// The values that one field of a packet may take: a set of unsigned numbers as sorted, disjoint
// closed intervals, no two of them adjacent. So equal sets are equal vectors.
//
// A plain value; knows nothing of fields but their width in bits (1 to 64) where it must.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace bulkhead::packet {

// The greatest value of a field: bits is 1 to 64.
[[nodiscard]] constexpr std::uint64_t max_value(unsigned bits) {
  return ~std::uint64_t{0} >> (64 - bits);
}

struct Interval {  // both ends included
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

class IntervalSet {
 public:
  IntervalSet() = default;  // empty
  [[nodiscard]] static IntervalSet single(std::uint64_t value) { return range(value, value); }
  // Empty when first > last, as the kernel has it: `--dport 60000:29` tests 60000 <= port and
  // port <= 29 (net/netfilter/xt_tcpudp.c port_match), so it never matches.
  [[nodiscard]] static IntervalSet range(std::uint64_t first, std::uint64_t last);
  [[nodiscard]] static IntervalSet full(unsigned bits) { return range(0, max_value(bits)); }
  // The values whose first `length` bits are those of `value`; a length past `bits` is cut to it.
  [[nodiscard]] static IntervalSet prefix(std::uint64_t value, unsigned length, unsigned bits);
  // The values x with (x & mask) == value; empty when value has a bit outside the mask. One
  // interval for each setting of the bits that the mask leaves open above its lowest bit: kBudget
  // when these are more than `limit`. Masks that split a mark want BitGroups instead.
  [[nodiscard]] static Result<IntervalSet> masked(std::uint64_t value, std::uint64_t mask,
                                                  unsigned bits, std::size_t limit = 4096);
  // In any order, overlapping or not; reversed ones hold nothing.
  [[nodiscard]] static IntervalSet of(std::vector<Interval> intervals);

  [[nodiscard]] bool empty() const { return intervals_.empty(); }
  [[nodiscard]] bool is_full(unsigned bits) const {
    return intervals_.size() == 1 && intervals_[0] == Interval{0, max_value(bits)};
  }
  [[nodiscard]] bool contains(std::uint64_t value) const;  // logarithmic
  [[nodiscard]] std::span<const Interval> intervals() const { return intervals_; }
  [[nodiscard]] long double count() const;  // of values; exact below 2^64

  // Linear in the number of intervals of both.
  [[nodiscard]] IntervalSet unite(const IntervalSet& other) const;
  [[nodiscard]] IntervalSet intersect(const IntervalSet& other) const;
  [[nodiscard]] IntervalSet complement(unsigned bits) const;  // every member fits in `bits`

  friend bool operator==(const IntervalSet&, const IntervalSet&) = default;

 private:
  std::vector<Interval> intervals_;
};

}  // namespace bulkhead::packet
