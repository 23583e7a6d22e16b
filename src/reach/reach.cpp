#include "reach/reach.h"

#include "reach/walk/chain_hooks.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach {
namespace {

MarkMasks masks_of(const model::Snapshot& snapshot) {
  MarkMasks masks;
  for (const model::NetNs& ns : snapshot.namespaces) masks.add(ns.ruleset, snapshot.little_endian);
  return masks;
}

}  // namespace

struct Reach::State {
  State(const model::Snapshot& snapshot, IpFamily family)
      : topology(topology::Topology::build(snapshot)),
        fields(Fields::make(family, masks_of(snapshot))),
        space(fields.layout()),
        effects(space),
        algebra(fields, space),
        hooks(topology, algebra, effects),
        walk(topology, algebra, hooks) {}
  topology::Topology topology;
  Fields fields;
  packet::PacketSpace space;
  Effects effects;
  Algebra algebra;
  walks::ChainHooks hooks;
  walks::Walk walk;
};

Reach::Reach(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reach::~Reach() = default;
Reach::Reach(Reach&&) noexcept = default;
Reach& Reach::operator=(Reach&&) noexcept = default;

Reach Reach::build(const model::Snapshot& snapshot, IpFamily family) {
  return Reach(std::make_unique<State>(snapshot, family));
}

const Fields& Reach::fields() const {
  return state_->fields;
}

const packet::PacketSpace& Reach::space() const {
  return state_->space;
}

std::uint64_t Reach::work() const {
  return state_->algebra.work();
}

Result<Answer> Reach::from(const LocalRequest& request) {
  return answer(state_->walk.from(request));
}

Result<Answer> Reach::from(const OutsideRequest& request) {
  return answer(state_->walk.from(request));
}

Result<Answer> Reach::from(const ForgedRequest& request) {
  return answer(state_->walk.from(request));
}

Result<Answer> Reach::answer(std::vector<Outcome> outcomes) {
  Algebra& algebra = state_->algebra;
  const auto all_that_are = [&](Verdict verdict) {
    std::vector<packet::PacketSet> sets;
    for (const Outcome& o : outcomes) {
      if (o.verdict == verdict) sets.push_back(o.set);
    }
    return algebra.take(algebra.space().any_of(sets), algebra.none());
  };
  packet::PacketSet open = all_that_are(Verdict::kOpen), closed = all_that_are(Verdict::kClosed),
                    unknown = all_that_are(Verdict::kUnknown);
  // What may come to more than one verdict is not known.
  unknown = algebra.either(unknown, algebra.both(open, closed));
  open = algebra.without(open, unknown);
  closed = algebra.without(closed, unknown);
  if (const auto& error = algebra.error()) return std::unexpected(*error);
  return Answer(std::move(outcomes), std::move(open), std::move(closed), std::move(unknown));
}

Said agreed(std::vector<const Outcome*> outcomes) {
  Said said;
  bool how_set = false, agree = true, same_how = true;
  for (const Outcome* o : outcomes) {
    if (o == outcomes.front()) said.verdict = o->verdict;
    agree = agree && o->verdict == said.verdict;
    if (o->if_it_asked) continue;
    if (!how_set) said.how = o->how;
    same_how = same_how && o->how == said.how;
    how_set = true;
  }
  if (!agree) said.verdict = Verdict::kUnknown;
  if (!agree || !same_how) said.how = How::kUnknown;
  said.outcomes = std::move(outcomes);
  return said;
}

Said Answer::about(const packet::Packet& packet) const {
  std::vector<const Outcome*> of_it;
  for (const Outcome& o : outcomes_) {
    if (o.set.contains(packet)) of_it.push_back(&o);
  }
  return agreed(std::move(of_it));
}

}  // namespace bulkhead::reach
