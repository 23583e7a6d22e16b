#include "packet/interval_set.h"

#include <algorithm>
#include <bit>
#include <string>

namespace bulkhead::packet {

IntervalSet IntervalSet::range(std::uint64_t first, std::uint64_t last) {
  IntervalSet result;
  if (first <= last) result.intervals_.push_back({first, last});
  return result;
}

IntervalSet IntervalSet::prefix(std::uint64_t value, unsigned length, unsigned bits) {
  if (length == 0) return full(bits);
  if (length >= bits) return single(value & max_value(bits));
  const std::uint64_t host = max_value(bits - length);
  const std::uint64_t first = value & max_value(bits) & ~host;
  return range(first, first | host);
}

Result<IntervalSet> IntervalSet::masked(std::uint64_t value, std::uint64_t mask, unsigned bits,
                                        std::size_t limit) {
  mask &= max_value(bits);
  if ((value & ~mask) != 0) return IntervalSet();
  if (mask == 0) return full(bits);
  const std::uint64_t low = (mask & (~mask + 1)) - 1;  // open bits below the lowest masked one
  const std::uint64_t high = max_value(bits) & ~mask & ~low;
  const unsigned open = static_cast<unsigned>(std::popcount(high));
  if (open >= 48 || (std::size_t{1} << open) > limit) {
    return fail(ErrorCode::kBudget, "a mask that leaves " + std::to_string(open) +
                                        " bits open above a fixed one makes too many intervals");
  }
  IntervalSet result;
  result.intervals_.reserve(std::size_t{1} << open);
  std::uint64_t setting = 0;
  do {  // the settings of the open bits in ascending order
    result.intervals_.push_back({setting | value, setting | value | low});
    setting = (setting - high) & high;
  } while (setting != 0);
  return result;
}

IntervalSet IntervalSet::of(std::vector<Interval> intervals) {
  std::erase_if(intervals, [](const Interval& i) { return i.first > i.last; });
  std::sort(intervals.begin(), intervals.end(),
            [](const Interval& a, const Interval& b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (const Interval& next : intervals) {
    Interval* previous = kept == 0 ? nullptr : &intervals[kept - 1];
    // first - 1 cannot wrap: a first of 0 behind another interval overlaps it.
    if (previous != nullptr && (next.first <= previous->last || next.first - 1 == previous->last)) {
      previous->last = std::max(previous->last, next.last);
    } else {
      intervals[kept++] = next;
    }
  }
  intervals.resize(kept);
  IntervalSet result;
  result.intervals_ = std::move(intervals);
  return result;
}

bool IntervalSet::contains(std::uint64_t value) const {
  const auto found =
      std::lower_bound(intervals_.begin(), intervals_.end(), value,
                       [](const Interval& i, std::uint64_t wanted) { return i.last < wanted; });
  return found != intervals_.end() && found->first <= value;
}

long double IntervalSet::count() const {
  long double total = 0;
  for (const Interval& i : intervals_) total += static_cast<long double>(i.last - i.first) + 1;
  return total;
}

IntervalSet IntervalSet::unite(const IntervalSet& other) const {
  std::vector<Interval> both = intervals_;
  both.insert(both.end(), other.intervals_.begin(), other.intervals_.end());
  return of(std::move(both));
}

IntervalSet IntervalSet::intersect(const IntervalSet& other) const {
  IntervalSet result;
  auto a = intervals_.begin();
  auto b = other.intervals_.begin();
  while (a != intervals_.end() && b != other.intervals_.end()) {
    const std::uint64_t first = std::max(a->first, b->first);
    const std::uint64_t last = std::min(a->last, b->last);
    if (first <= last) result.intervals_.push_back({first, last});
    if (a->last == last) {
      ++a;
    } else {
      ++b;
    }
  }
  return result;
}

IntervalSet IntervalSet::complement(unsigned bits) const {
  IntervalSet result;
  std::uint64_t next = 0;
  for (const Interval& i : intervals_) {
    if (i.first > next) result.intervals_.push_back({next, i.first - 1});
    if (i.last >= max_value(bits)) return result;
    next = i.last + 1;
  }
  result.intervals_.push_back({next, max_value(bits)});
  return result;
}

}  // namespace bulkhead::packet
