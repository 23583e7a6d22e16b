#include "audit/oracle.h"

#include <functional>
#include <utility>

#include "policy/zones.h"
#include "trace/trace.h"
#include "verify/attacker.h"

namespace bulkhead::audit {
namespace {

// A symbolic walk takes milliseconds: a host with hundreds of containers must not wait for minutes.
constexpr std::size_t kMostSymbolicWalks = 2000;

// What the oracle stands on; a base, so that it is there before the oracle is.
struct Model {
  Model(trace::World built, std::vector<policy::Zone> resolved)
      : world(std::move(built)),
        zones(std::move(resolved)),
        asker(world, zones),
        attackers(asker, kMostSymbolicWalks) {
    asker.forged_by(std::bind_front(&verify::Attackers::ask, &attackers));
  }
  Model(const Model&) = delete;  // the asker refers to what stands beside it
  Model& operator=(const Model&) = delete;

  trace::World world;
  std::vector<policy::Zone> zones;
  query::Asker asker;
  verify::Attackers attackers;
};

// Without attackers: what they may forge is computed from the snapshot.
struct EditedModel {
  EditedModel(trace::World edited, std::span<const policy::Zone> zones)
      : world(std::move(edited)), asker(world, zones) {}
  EditedModel(const EditedModel&) = delete;
  EditedModel& operator=(const EditedModel&) = delete;

  trace::World world;
  query::Asker asker;
};

class EditedOracle final : private EditedModel, public AskerOracle {
 public:
  EditedOracle(trace::World edited, std::span<const policy::Zone> zones)
      : EditedModel(std::move(edited), zones), AskerOracle(asker) {}
};

class WorldOracle final : private Model, public AskerOracle {
 public:
  WorldOracle(trace::World built, std::vector<policy::Zone> resolved)
      : Model(std::move(built), std::move(resolved)), AskerOracle(asker) {}
};

}  // namespace

std::unique_ptr<Oracle> AskerOracle::edited(const trace::Edits& edits) const {
  return std::make_unique<EditedOracle>(asker_.world().edited(edits), asker_.zones());
}

MakeOracle world_oracle(const policy::Config& config) {
  return [&config](const model::Snapshot& snapshot) -> Result<std::unique_ptr<Oracle>> {
    auto world = trace::World::build(snapshot);
    if (!world) return std::unexpected(world.error());
    return std::make_unique<WorldOracle>(std::move(*world),
                                         policy::resolve_zones(config, snapshot));
  };
}

const std::shared_ptr<const query::Reply>& closed_reply() {
  static const std::shared_ptr<const query::Reply> kReply = [] {
    auto reply = std::make_shared<query::Reply>();
    reply->answer.verdict = trace::Verdict::kClosed;
    return reply;
  }();
  return kReply;
}

}  // namespace bulkhead::audit
