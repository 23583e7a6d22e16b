#include "compile/ranges.h"

#include <algorithm>

namespace bulkhead::compile {
namespace {

bool is_last(IpAddress address) {
  return address == Prefix::all(address.family()).last();
}

std::vector<Range> without(const std::vector<Range>& from, const Range& hole) {
  std::vector<Range> out;
  for (const Range& r : from) {
    if (hole.last < r.first || r.last < hole.first) {
      out.push_back(r);
      continue;
    }
    if (r.first < hole.first) out.push_back({r.first, hole.first.previous()});
    if (hole.last < r.last) out.push_back({hole.last.next(), r.last});
  }
  return out;
}

}  // namespace

std::vector<Range> merged(std::vector<Range> ranges) {
  std::ranges::sort(ranges);
  std::vector<Range> out;
  for (const Range& r : ranges) {
    const bool joins = !out.empty() && out.back().last.family() == r.first.family() &&
                       (is_last(out.back().last) || r.first <= out.back().last.next());
    if (joins) {
      out.back().last = std::max(out.back().last, r.last);
    } else {
      out.push_back(r);
    }
  }
  return out;
}

std::vector<Range> ranges_of(std::span<const Prefix> prefixes, std::span<const Prefix> excluded,
                             IpFamily family) {
  std::vector<Range> out;
  for (const Prefix& p : prefixes) {
    if (p.family() == family) out.push_back({p.first(), p.last()});
  }
  out = merged(std::move(out));
  for (const Prefix& e : excluded) {
    if (e.family() == family) out = without(out, {e.first(), e.last()});
  }
  return out;
}

std::vector<Range> common(std::span<const Range> a, std::span<const Range> b) {
  std::vector<Range> out;
  for (const Range& x : a) {
    for (const Range& y : b) {
      const Range both{std::max(x.first, y.first), std::min(x.last, y.last)};
      if (x.first.family() == y.first.family() && both.first <= both.last) out.push_back(both);
    }
  }
  return merged(std::move(out));
}

}  // namespace bulkhead::compile
