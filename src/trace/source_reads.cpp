#include "trace/source_reads.h"

#include <algorithm>

#include "trace/filter_index.h"

namespace bulkhead::trace {

void SourceReads::asked(const Test& test) {
  if (std::ranges::find(tests_, test) != tests_.end()) return;
  if (tests_.size() == kMost) return unclear();
  tests_.push_back(test);
}

void SourceReads::looked_up(const filtering::ChainIndex& index, std::size_t part) {
  const Look look{&index, part};
  if (std::ranges::find(looks_, look) != looks_.end()) return;
  if (looks_.size() == kMost) return unclear();
  looks_.push_back(look);
}

void SourceReads::sent_to(const IpAddress& translated) {
  if (translated == address_) return singular();
  if (std::ranges::find(sent_to_, translated) != sent_to_.end()) return;
  if (sent_to_.size() == kMost) return unclear();
  sent_to_.push_back(translated);
}

bool SourceReads::same_for(IpAddress other) const {
  const std::uint64_t mine = address_.v4_number(), theirs = other.v4_number();
  return std::ranges::find(sent_to_, other) == sent_to_.end() &&
         std::ranges::all_of(tests_,
                             [&](const Test& t) { return t.holds(mine) == t.holds(theirs); }) &&
         std::ranges::all_of(looks_, [&](const Look& l) {
           return l.index->file_of(l.part, mine) == l.index->file_of(l.part, theirs);
         });
}

std::optional<std::vector<SourceReads::Test>> SourceReads::tests(std::size_t most) const {
  std::vector<Test> out = tests_;
  for (const Look& look : looks_) {
    if (!look.index->tests(look.part, most, out)) return std::nullopt;
  }
  if (out.size() > most) return std::nullopt;
  return out;
}

}  // namespace bulkhead::trace
