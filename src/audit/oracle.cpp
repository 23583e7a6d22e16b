#include "audit/oracle.h"

#include "policy/zones.h"
#include "trace/trace.h"

namespace bulkhead::audit {
namespace {

class WorldOracle final : public Oracle {
 public:
  WorldOracle(trace::World world, std::vector<policy::Zone> zones)
      : world_(std::move(world)), zones_(std::move(zones)), asker_(world_, zones_) {}

  Result<query::Seat> seat(const query::Vantage& vantage) const override { return asker_.seat(vantage); }
  query::Reply ask(const query::Seat& seat, const query::Target& target) const override {
    return asker_.ask(seat, target);
  }
  std::span<const policy::Zone> zones() const override { return zones_; }
  const model::Snapshot& snapshot() const override { return world_.snapshot(); }

 private:
  trace::World world_;
  std::vector<policy::Zone> zones_;
  query::Asker asker_;
};

}  // namespace

MakeOracle world_oracle(const policy::Config& config) {
  return [&config](const model::Snapshot& snapshot) -> Result<std::unique_ptr<Oracle>> {
    auto world = trace::World::build(snapshot);
    if (!world) return std::unexpected(world.error());
    return std::make_unique<WorldOracle>(std::move(*world), policy::resolve_zones(config, snapshot));
  };
}

}  // namespace bulkhead::audit
