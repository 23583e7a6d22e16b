#include "reach/chain/links.h"

#include <algorithm>

namespace bulkhead::reach {

using packet::Interval;
using packet::IntervalSet;

Links::Links(std::span<const model::Link> links) {
  constexpr std::size_t kMost = 65535;
  sorted_.reserve(std::min(links.size(), kMost));
  for (const model::Link& link : links.first(std::min(links.size(), kMost)))
    sorted_.push_back(&link);
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [](const model::Link* a, const model::Link* b) { return a->name < b->name; });
  for (std::size_t i = 0; i < sorted_.size(); ++i) by_index_.emplace_back(sorted_[i]->index, i + 1);
  std::ranges::stable_sort(by_index_, {}, &std::pair<IfIndex, std::uint64_t>::first);
}

const model::Link* Links::link(std::uint64_t number) const {
  return number == 0 || number > sorted_.size() ? nullptr : sorted_[number - 1];
}

std::uint64_t Links::number(IfIndex index) const {
  if (!index) return 0;
  const auto at =
      std::ranges::lower_bound(by_index_, index, {}, &std::pair<IfIndex, std::uint64_t>::first);
  return at != by_index_.end() && at->first == index ? at->second : 0;
}

IntervalSet Links::all() const {
  return IntervalSet::range(1, sorted_.size());
}

IntervalSet Links::named(std::string_view name) const {
  const auto [first, last] =
      std::equal_range(sorted_.begin(), sorted_.end(), name, [](const auto& a, const auto& b) {
        const auto text = [](const auto& x) {
          if constexpr (std::is_pointer_v<std::decay_t<decltype(x)>>) {
            return std::string_view(x->name);
          } else {
            return std::string_view(x);
          }
        };
        return text(a) < text(b);
      });
  if (first == last) return {};
  return IntervalSet::range(static_cast<std::uint64_t>(first - sorted_.begin()) + 1,
                            static_cast<std::uint64_t>(last - sorted_.begin()));
}

IntervalSet Links::prefixed(std::string_view prefix) const {
  const auto first = std::lower_bound(
      sorted_.begin(), sorted_.end(), prefix,
      [](const model::Link* a, std::string_view b) { return std::string_view(a->name) < b; });
  auto last = first;
  while (last != sorted_.end() && (*last)->name.starts_with(prefix)) ++last;
  if (first == last) return {};
  return IntervalSet::range(static_cast<std::uint64_t>(first - sorted_.begin()) + 1,
                            static_cast<std::uint64_t>(last - sorted_.begin()));
}

IntervalSet Links::where(const std::function<bool(const model::Link*)>& holds) const {
  std::vector<Interval> out;
  for (std::uint64_t n = 0; n < numbers(); ++n) {
    if (holds(link(n))) out.push_back({n, n});
  }
  return IntervalSet::of(std::move(out));
}

}  // namespace bulkhead::reach
