// All maps are walked at once from the top: a list of nodes, one for each map, is a place; places
// met before are shared; where no node stands on one of the fields, the place is a class.
#include "packet/endpoint_classes.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "packet/store.h"

namespace bulkhead::packet {

class EndpointClasses::Search {
 public:
  Search(EndpointClasses& out, Store& store, unsigned fields, std::size_t limit)
      : out_(out),
        store_(store),
        fields_(fields),
        limit_(limit),
        example_(store.layout().packet()) {}

  // The index of the step for a place; nullopt when there are too many.
  std::optional<std::uint32_t> place(const std::vector<Id>& nodes) {
    if (const auto known = known_.find(nodes); known != known_.end()) return known->second;
    unsigned top = kLeafLevel;
    for (const Id id : nodes) top = std::min(top, store_.level(id));
    Step step;
    if (top >= fields_) {
      add_class(nodes, step);
    } else if (!cut(nodes, top, step)) {
      return std::nullopt;
    }
    if (out_.steps_.size() >= limit_) return std::nullopt;
    out_.steps_.push_back(std::move(step));
    const auto index = static_cast<std::uint32_t>(out_.steps_.size() - 1);
    known_.emplace(nodes, index);
    return index;
  }

 private:
  void add_class(const std::vector<Id>& nodes, Step& step) {
    Class added{{}, example_};
    for (const Id id : nodes) added.maps.emplace_back(store_, id);
    step.is_class = true;
    step.index = out_.classes_.size();
    out_.classes_.push_back(std::move(added));
  }

  bool cut(const std::vector<Id>& nodes, unsigned top, Step& step) {
    step.field = store_.layout().order()[top];
    std::vector<std::uint32_t> at(nodes.size(), 0);
    std::vector<Id> below = nodes;
    for (std::uint64_t first = 0;;) {
      std::uint64_t last = store_.greatest(top);
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (store_.level(nodes[i]) != top) continue;
        while (store_.last(nodes[i], at[i]) < first) ++at[i];
        last = std::min(last, store_.last(nodes[i], at[i]));
        below[i] = store_.child(nodes[i], at[i]);
      }
      example_[step.field] = first;
      const auto next = place(below);
      if (!next) return false;
      if (!step.next.empty() && step.next.back() == *next) {
        step.lasts.back() = last;
      } else {
        step.lasts.push_back(last);
        step.next.push_back(*next);
      }
      if (last == store_.greatest(top)) break;
      first = last + 1;
    }
    example_[step.field] = 0;
    return true;
  }

  EndpointClasses& out_;
  Store& store_;
  unsigned fields_;
  std::size_t limit_;
  Packet example_;  // the values on the way to here
  std::map<std::vector<Id>, std::uint32_t> known_;
};

Result<EndpointClasses> EndpointClasses::of(const PacketSpace& space,
                                            std::span<const VerdictMap> maps, std::size_t fields,
                                            std::size_t limit) {
  const VerdictMap here = space.constant(kNone);
  std::vector<Id> nodes;
  for (const VerdictMap& map : maps) nodes.push_back(here.root_of(map));
  EndpointClasses result;
  Search search(result, here.store(), static_cast<unsigned>(fields), limit);
  const auto first = search.place(nodes);
  if (!first) {
    return fail(ErrorCode::kBudget, "more than " + std::to_string(limit) + " classes of endpoints");
  }
  result.first_ = *first;
  return result;
}

std::size_t EndpointClasses::find(const Packet& packet) const {
  const Step* step = &steps_[first_];
  while (!step->is_class) {
    const auto found =
        std::lower_bound(step->lasts.begin(), step->lasts.end() - 1, packet[step->field]);
    step = &steps_[step->next[static_cast<std::size_t>(found - step->lasts.begin())]];
  }
  return step->index;
}

}  // namespace bulkhead::packet
