#include "manifest/cliques.h"

#include <algorithm>
#include <map>

namespace bulkhead::manifest {
namespace {

Pair pair_of(std::size_t a, std::size_t b) {
  return {std::min(a, b), std::max(a, b)};
}

using Neighbours = std::map<std::size_t, std::set<std::size_t>>;

// One group, from a pair that is in none yet.
std::vector<std::size_t> grown(const Pair& from, const Neighbours& near,
                               const std::set<Pair>& left) {
  std::vector<std::size_t> group{from.first};
  std::map<std::size_t, std::size_t> candidates;  // who knows all of the group: pairs that are left
  for (const std::size_t n : near.at(from.first))
    candidates.emplace(n, left.contains(pair_of(from.first, n)) ? 1 : 0);
  std::size_t next = from.second;
  while (true) {
    group.push_back(next);
    candidates.erase(next);
    const auto& known = near.at(next);
    std::erase_if(candidates, [&](const auto& c) { return !known.contains(c.first); });
    for (auto& [who, gain] : candidates) gain += left.contains(pair_of(next, who)) ? 1 : 0;
    const auto best = std::ranges::max_element(
        candidates, {}, [](const auto& candidate) { return candidate.second; });
    if (best == candidates.end() || best->second == 0) break;
    next = best->first;
  }
  std::ranges::sort(group);
  return group;
}

}  // namespace

std::vector<std::vector<std::size_t>> groups_of(const std::set<Pair>& pairs) {
  Neighbours near;
  for (const auto& [a, b] : pairs) {
    near[a].insert(b);
    near[b].insert(a);
  }
  std::set<Pair> left = pairs;
  std::vector<std::vector<std::size_t>> out;
  while (!left.empty()) {
    const auto group = grown(*left.begin(), near, left);
    for (std::size_t i = 0; i < group.size(); ++i) {
      for (std::size_t j = i + 1; j < group.size(); ++j) left.erase({group[i], group[j]});
    }
    out.push_back(group);
  }
  return out;
}

}  // namespace bulkhead::manifest
