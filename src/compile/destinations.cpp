#include "compile/destinations.h"

#include <string>
#include <utility>

namespace bulkhead::compile {
namespace {

// Equal rights are one bundle, so that a place of the sweep is told by few numbers.
using Bundles = std::map<std::set<Right>, int>;
using Active = std::map<int, int>;  // bundle, and how many ranges give it here

struct Change {
  std::vector<int> begins, ends;  // bundles
};
using Changes = std::map<IpAddress, Change>;  // what is open to whom is other from there on

IpAddress last_of(IpFamily family) {
  return Prefix::all(family).last();
}

Changes changes_of(const Rights& rights, const Bundles& bundles) {
  Changes out;
  for (const auto& [range, mine] : rights) {
    const int bundle = bundles.find(mine)->second;
    out[range.first].begins.push_back(bundle);
    if (range.last != last_of(range.last.family())) out[range.last.next()].ends.push_back(bundle);
  }
  return out;
}

void apply(const Change& change, Active& active) {
  for (const int bundle : change.begins) ++active[bundle];
  for (const int bundle : change.ends) {
    const auto at = active.find(bundle);
    if (--at->second == 0) active.erase(at);
  }
}

std::vector<int> names_of(const Active& active) {
  std::vector<int> out;
  for (const auto& [bundle, count] : active) out.push_back(bundle);
  return out;
}

}  // namespace

Result<std::vector<Group>> groups(const Rights& rights, std::size_t most) {
  Bundles bundles;
  for (const auto& [range, mine] : rights)
    bundles.try_emplace(mine, static_cast<int>(bundles.size()));
  std::vector<const std::set<Right>*> rights_of(bundles.size());
  for (const auto& [mine, bundle] : bundles) rights_of[static_cast<std::size_t>(bundle)] = &mine;

  std::vector<Group> out;
  std::map<std::vector<int>, std::size_t> known;
  std::size_t size = 0;
  Active active;
  const Changes changes = changes_of(rights, bundles);
  for (auto at = changes.begin(); at != changes.end(); ++at) {
    apply(at->second, active);
    if (active.empty()) continue;
    const auto next = std::next(at);
    const IpAddress last =
        next == changes.end() ? last_of(at->first.family()) : next->first.previous();
    const auto [place, is_new] = known.try_emplace(names_of(active), out.size());
    if (is_new) {
      out.emplace_back();
      for (const auto& [bundle, count] : active) {
        const std::set<Right>& more = *rights_of[static_cast<std::size_t>(bundle)];
        out.back().rights.insert(more.begin(), more.end());
      }
      size += out.back().rights.size();
    }
    out[place->second].ranges.push_back({at->first, last});
    if (++size > most)
      return fail(ErrorCode::kBudget,
                  "egress of the policy needs more than " + std::to_string(most) + " elements");
  }
  for (Group& group : out) group.ranges = merged(std::move(group.ranges));
  return out;
}

}  // namespace bulkhead::compile
