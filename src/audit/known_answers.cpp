#include "audit/known_answers.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace bulkhead::audit {

KnownAnswers::KnownAnswers(const Reachability& reach) {
  std::unordered_map<const query::Reply*, std::size_t> place_of;
  for (std::size_t service = 0; service < reach.of.size(); ++service) {
    std::uint32_t place = 0;
    const query::Reply* last = nullptr;  // pairs in a row share one reply
    Run* run = nullptr;
    for (const std::vector<Asked>* list : {&reach.of[service].open, &reach.of[service].closed}) {
      for (const Asked& asked : *list) {
        const query::Reply* reply = asked.reply.get();
        if (reply != std::exchange(last, reply)) {
          const auto [at, fresh] = place_of.try_emplace(reply, groups_.size());
          if (fresh) groups_.push_back({reply, {}});
          if (fresh) file(at->second);
          run = &groups_[at->second].runs.emplace_back(static_cast<std::uint32_t>(service), place,
                                                       place);
        }
        run->end = ++place;
      }
    }
  }
}

void KnownAnswers::file(std::size_t group) {
  const auto ends = groups_[group].reply->answer.seen.all();
  if (!ends) return of_any_port_.push_back(group);
  for (const trace::EndsSeen::End& end : *ends) {
    std::vector<std::size_t>& there = by_port_[end.port.number];
    if (there.empty() || there.back() != group) there.push_back(group);
  }
}

std::vector<std::size_t> KnownAnswers::about(const ChangeScope& scope) const {
  std::vector<std::size_t> out = of_any_port_;
  std::optional<Port> last;
  for (const ChangeScope::Place& place : scope.places()) {
    if (std::exchange(last, place.port) == place.port) continue;
    const auto at = by_port_.find(place.port.number);
    if (at != by_port_.end()) out.insert(out.end(), at->second.begin(), at->second.end());
  }
  std::ranges::sort(out);
  const auto rest = std::ranges::unique(out);
  out.erase(rest.begin(), rest.end());
  return out;
}

std::vector<KnownAnswers::Pair> KnownAnswers::within(const ChangeScope& scope) const {
  std::vector<Pair> out;
  const auto add = [&](const Group& group) {
    for (const Run& run : group.runs) {
      for (std::uint32_t place = run.first; place < run.end; ++place)
        out.push_back({run.service, place});
    }
  };
  if (!scope.is_narrow()) {
    std::ranges::for_each(groups_, add);
  } else {
    for (const std::size_t at : about(scope)) {
      if (!scope.spares(groups_[at].reply->answer)) add(groups_[at]);
    }
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace bulkhead::audit
