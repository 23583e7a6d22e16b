#include "trace/source_reads.h"

#include <algorithm>
#include <bit>

#include "trace/filter_index.h"

namespace bulkhead::trace {

void SourceReads::asked(const Test& test) {
  if (std::ranges::find(tests_, test) != tests_.end()) return;
  if (tests_.size() == kMost) return unclear();
  tests_.push_back(test);
}

void SourceReads::looked_up(const filtering::ChainIndex& index, std::size_t part,
                            std::uint32_t last) {
  const auto known = std::ranges::find_if(
      looks_, [&](const Look& l) { return l.index == &index && l.part == part; });
  if (known != looks_.end()) {
    known->last = std::max(known->last, last);
  } else if (looks_.size() == kMost) {
    unclear();
  } else {
    looks_.push_back({&index, part, last});
  }
}

void SourceReads::sent_to(const IpAddress& translated) {
  if (translated == address_) return singular();
  if (std::ranges::find(sent_to_, translated) != sent_to_.end()) return;
  if (sent_to_.size() == kMost) return unclear();
  sent_to_.push_back(translated);
}

void SourceReads::asked_within(const AddressCell& area) {
  if (area == AddressCell{AddressPart{}} || std::ranges::find(areas_, area) != areas_.end()) return;
  if (areas_.size() == kMost) return unclear();
  areas_.push_back(area);
}

bool SourceReads::same_for(IpAddress other) const {
  const std::uint64_t mine = address_.v4_number(), theirs = other.v4_number();
  return std::ranges::all_of(
             areas_, [&](const AddressCell& area) { return contains(area, other.v4_number()); }) &&
         std::ranges::find(sent_to_, other) == sent_to_.end() &&
         std::ranges::all_of(tests_,
                             [&](const Test& t) { return t.holds(mine) == t.holds(theirs); }) &&
         std::ranges::all_of(looks_, [&](const Look& l) {
           return l.index->file_of(l.part, mine, l.last) ==
                  l.index->file_of(l.part, theirs, l.last);
         });
}

namespace {

// The addresses for which a test holds, none when the last is before the first; nullopt: it does
// not take a prefix of the address.
std::optional<AddressPart> range_of(const SourceReads::Test& test) {
  if (test.mask > kLastAddress) return std::nullopt;
  const auto free = ~static_cast<std::uint32_t>(test.mask);
  const std::uint64_t end = test.first + test.span;
  if (!std::has_single_bit(std::uint64_t{free} + 1) || end < test.first) return std::nullopt;
  const std::uint64_t first = (test.first + free) & ~std::uint64_t{free};
  const std::uint64_t last = std::min<std::uint64_t>(end | free, kLastAddress);
  if (first > last) return AddressPart{1, 0};
  return AddressPart{static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last)};
}

}  // namespace

std::optional<AddressCell> SourceReads::cell_of(std::uint32_t address) const {
  const auto all = tests(kMostTests);
  if (!is_clear() || !all) return std::nullopt;
  AddressPart inside;
  AddressCell holes;
  const auto cut = [&](const Test& test) {
    const auto range = range_of(test);
    if (!range || range->first > range->last) return range.has_value();
    if (test.holds(address))
      inside = {std::max(inside.first, range->first), std::min(inside.last, range->last)};
    else
      holes.push_back(*range);
    return true;
  };
  for (const IpAddress& to : sent_to_) {
    if (to.is_v4() && !cut({kLastAddress, to.v4_number(), 0})) return std::nullopt;
  }
  for (const Test& test : *all) {
    if (!cut(test)) return std::nullopt;
  }
  AddressCell cell = between(inside, std::move(holes));
  for (const AddressCell& area : areas_) cell = within(cell, area);
  return cell;
}

std::optional<std::vector<SourceReads::Test>> SourceReads::tests(std::size_t most) const {
  std::vector<Test> out = tests_;
  for (const Look& look : looks_) {
    if (!look.index->tests(look.part, look.last, most, out)) return std::nullopt;
  }
  if (out.size() > most) return std::nullopt;
  return out;
}

}  // namespace bulkhead::trace
