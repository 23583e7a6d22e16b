#include "manifest/blocks.h"

namespace bulkhead::manifest {

using compile::Range;

std::vector<Block> blocks_of(std::span<const Range> ranges) {
  if (ranges.empty()) return {};
  const std::vector<Prefix> each = compile::prefixes_of(ranges);
  Prefix hull = each.front();
  while (!hull.contains(ranges.back().last))
    hull = Prefix::covering(hull.address(), hull.length() - 1U);
  const std::vector<Prefix> holes =
      compile::prefixes_of(compile::without({{hull.first(), hull.last()}}, ranges));
  if (holes.size() + 1 < each.size()) return {{hull, holes}};
  std::vector<Block> out;
  out.reserve(each.size());
  for (const Prefix& p : each) out.push_back({p, {}});
  return out;
}

}  // namespace bulkhead::manifest
