#include "audit/oracle.h"

#include "policy/zones.h"
#include "trace/trace.h"

namespace bulkhead::audit {
namespace {

// What the oracle stands on; a base, so that it is there before the oracle is.
struct Model {
  Model(trace::World built, std::vector<policy::Zone> resolved)
      : world(std::move(built)), zones(std::move(resolved)), asker(world, zones) {}
  trace::World world;
  std::vector<policy::Zone> zones;
  query::Asker asker;
};

class WorldOracle final : private Model, public AskerOracle {
 public:
  WorldOracle(trace::World built, std::vector<policy::Zone> resolved)
      : Model(std::move(built), std::move(resolved)), AskerOracle(asker) {}
};

}  // namespace

MakeOracle world_oracle(const policy::Config& config) {
  return [&config](const model::Snapshot& snapshot) -> Result<std::unique_ptr<Oracle>> {
    auto world = trace::World::build(snapshot);
    if (!world) return std::unexpected(world.error());
    return std::make_unique<WorldOracle>(std::move(*world),
                                         policy::resolve_zones(config, snapshot));
  };
}

}  // namespace bulkhead::audit
