#include "compile/ranges.h"

#include <algorithm>

namespace bulkhead::compile {
namespace {

bool is_last(IpAddress address) {
  return address == Prefix::all(address.family()).last();
}

std::vector<Range> pierced(const std::vector<Range>& from, const Range& hole) {
  std::vector<Range> out;
  for (const Range& r : from) {
    if (hole.first.family() != r.first.family() || hole.last < r.first || r.last < hole.first) {
      out.push_back(r);
      continue;
    }
    if (r.first < hole.first) out.push_back({r.first, hole.first.previous()});
    if (hole.last < r.last) out.push_back({hole.last.next(), r.last});
  }
  return out;
}

// The largest prefix that begins there and ends at `last` or before.
Prefix widest(IpAddress first, IpAddress last) {
  Prefix out = Prefix::single(first);
  while (out.length() > 0) {
    const Prefix wider = Prefix::covering(first, out.length() - 1);
    if (wider.first() != first || wider.last() > last) break;
    out = wider;
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
    if (e.family() == family) out = pierced(out, {e.first(), e.last()});
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

std::vector<Range> without(std::vector<Range> from, std::span<const Range> holes) {
  for (const Range& hole : holes) from = pierced(from, hole);
  return from;
}

std::vector<Prefix> prefixes_of(std::span<const Range> ranges) {
  std::vector<Prefix> out;
  for (const Range& r : ranges) {
    IpAddress next = r.first;
    while (true) {
      out.push_back(widest(next, r.last));
      if (out.back().last() == r.last) break;
      next = out.back().last().next();
    }
  }
  return out;
}

}  // namespace bulkhead::compile
