#include "reach/reach.h"

#include <array>

#include "reach/walk/chain_hooks.h"
#include "reach/walk/underlay.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach {
namespace {

MarkMasks masks_of(const model::Snapshot& snapshot) {
  MarkMasks masks;
  for (const model::NetNs& ns : snapshot.namespaces) masks.add(ns.ruleset, snapshot.little_endian);
  return masks;
}

}  // namespace

namespace {

struct Engine;

// Walks the packets around frames, each within an engine of its own, as they may be of the other
// family and a Walk does one thing at a time.
class Below final : public walks::Underlay {
 public:
  Below(const model::Snapshot& snapshot, const topology::Topology& topology, unsigned depth);
  ~Below() override;
  [[nodiscard]] const topology::VxlanCarried& carry(const topology::VxlanPacket& packet) override;

 private:
  struct Known {
    topology::VxlanPacket packet;
    topology::VxlanCarried carried;
  };
  const model::Snapshot& snapshot_;
  const topology::Topology& topology_;
  unsigned depth_;  // how many packets are around one of these, and itself
  std::array<std::unique_ptr<Engine>, 2> engines_;  // by family; null: not needed yet
  std::vector<std::unique_ptr<const Known>> known_;
};

struct Engine {
  static constexpr unsigned kMostWithin = 3;

  Engine(const model::Snapshot& snapshot, const topology::Topology& topology, IpFamily family,
         unsigned within)
      : fields(Fields::make(family, masks_of(snapshot))),
        space(fields.layout()),
        effects(space),
        algebra(fields, space),
        hooks(topology, algebra, effects),
        below(within < kMostWithin ? std::make_unique<Below>(snapshot, topology, within + 1)
                                   : nullptr),
        walk(topology, algebra, hooks, below.get()) {}
  Fields fields;
  packet::PacketSpace space;
  Effects effects;
  Algebra algebra;
  walks::ChainHooks hooks;
  std::unique_ptr<Below> below;  // null: too deep
  walks::Walk walk;
};

Below::Below(const model::Snapshot& snapshot, const topology::Topology& topology, unsigned depth)
    : snapshot_(snapshot), topology_(topology), depth_(depth) {}

Below::~Below() = default;

const topology::VxlanCarried& Below::carry(const topology::VxlanPacket& packet) {
  for (const auto& known : known_) {
    if (known->packet == packet) return known->carried;
  }
  const IpFamily family = packet.remote.to.family();
  auto& engine = engines_[family == IpFamily::kV4 ? 0 : 1];
  if (!engine) engine = std::make_unique<Engine>(snapshot_, topology_, family, depth_);
  topology::VxlanCarried carried = engine->walk.from(packet);
  return known_.emplace_back(std::make_unique<const Known>(Known{packet, std::move(carried)}))
      ->carried;
}

}  // namespace

struct Reach::State {
  State(const model::Snapshot& snapshot, IpFamily family)
      : topology(topology::Topology::build(snapshot)), engine(snapshot, topology, family, 0) {}
  topology::Topology topology;
  Engine engine;
};

Reach::Reach(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reach::~Reach() = default;
Reach::Reach(Reach&&) noexcept = default;
Reach& Reach::operator=(Reach&&) noexcept = default;

Reach Reach::build(const model::Snapshot& snapshot, IpFamily family) {
  return Reach(std::make_unique<State>(snapshot, family));
}

const Fields& Reach::fields() const {
  return state_->engine.fields;
}

const packet::PacketSpace& Reach::space() const {
  return state_->engine.space;
}

std::uint64_t Reach::work() const {
  return state_->engine.algebra.work();
}

Result<Answer> Reach::from(const LocalRequest& request) {
  return answer(state_->engine.walk.from(request));
}

Result<Answer> Reach::from(const OutsideRequest& request) {
  return answer(state_->engine.walk.from(request));
}

Result<Answer> Reach::from(const ForgedRequest& request) {
  return answer(state_->engine.walk.from(request));
}

Result<Answer> Reach::answer(std::vector<Outcome> outcomes) {
  Algebra& algebra = state_->engine.algebra;
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
