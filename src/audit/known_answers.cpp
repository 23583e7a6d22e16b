#include "audit/known_answers.h"

#include <algorithm>
#include <unordered_map>

namespace bulkhead::audit {

KnownAnswers::KnownAnswers(const Reachability& reach) {
  std::unordered_map<const query::Reply*, std::size_t> place_of;
  std::size_t last = 0;  // pairs in a row share one reply
  for (std::size_t service = 0; service < reach.of.size(); ++service) {
    std::uint32_t place = 0;
    for (const std::vector<Asked>* list : {&reach.of[service].open, &reach.of[service].closed}) {
      for (const Asked& asked : *list) {
        const query::Reply* reply = asked.reply.get();
        if (last >= groups_.size() || groups_[last].reply != reply) {
          const auto [at, fresh] = place_of.try_emplace(reply, groups_.size());
          if (fresh) groups_.push_back({reply, {}});
          last = at->second;
        }
        groups_[last].pairs.emplace_back(static_cast<std::uint32_t>(service), place++);
      }
    }
  }
}

std::vector<KnownAnswers::Pair> KnownAnswers::of_replies(
    const std::function<bool(const query::Reply&)>& wanted) const {
  std::vector<Pair> out;
  for (const Group& group : groups_) {
    if (!wanted(*group.reply)) continue;
    for (const auto& [service, place] : group.pairs) out.push_back({service, place});
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace bulkhead::audit
