#include "plan/standing.h"

#include <memory>
#include <utility>
#include <vector>

#include "audit/reachability.h"
#include "plan/redirects.h"
#include "views/survey.h"

namespace bulkhead::plan {

using trace::Verdict;

// What it holds refers to its neighbours, so it stays where it is.
struct Standing::State {
  State(trace::World built, const compile::Input& input)
      : world(std::move(built)), asker(world, input.zones) {}

  Status compute(std::size_t seat) {
    auto row = survey->row(survey->inventory().seats[seat].seat);
    if (!row) return std::unexpected(row.error());
    std::vector<Verdict>& out = computed[seat];
    out.clear();
    for (const views::Cell& cell : *row) out.push_back(cell.verdict);
    return {};
  }

  // As far as was asked.
  [[nodiscard]] bool all_open(std::size_t seat) const {
    const audit::Inventory& inventory = survey->inventory();
    for (std::size_t i = 0; i < inventory.services.size(); ++i) {
      if (!open[seat][i] && !views::Survey::own(inventory.seats[seat], inventory.services[i]))
        return false;
    }
    return true;
  }

  trace::World world;
  query::Asker asker;
  std::unique_ptr<views::Survey> survey;
  // Asked: by seat and service. A packet got in, also where computing does not look (link-local
  // addresses of the host).
  std::vector<std::vector<bool>> open;
  std::vector<std::vector<Verdict>> computed;  // by seat; empty: not yet
};

Standing::Standing(std::unique_ptr<State> state) : state_(std::move(state)) {}
Standing::~Standing() = default;
Standing::Standing(Standing&&) noexcept = default;
Standing& Standing::operator=(Standing&&) noexcept = default;

Result<Standing> Standing::of(const compile::Input& input, const model::Snapshot& snapshot) {
  auto world = trace::World::build(snapshot);
  if (!world) return std::unexpected(world.error());
  auto state = std::make_unique<State>(*std::move(world), input);
  auto survey = views::Survey::make(state->asker, input.config, {}, views::Detail::kReasons);
  if (!survey) return std::unexpected(survey.error());
  state->survey = std::make_unique<views::Survey>(*std::move(survey));
  const audit::Inventory& inventory = state->survey->inventory();
  state->computed.resize(inventory.seats.size());
  state->open.assign(inventory.seats.size(), std::vector<bool>(inventory.services.size(), false));
  const bool ask = only_published_ports_lead(snapshot);
  if (ask) {
    const audit::Reachability asked = ask_all(inventory, audit::AskerOracle(state->asker));
    for (std::size_t service = 0; service < asked.of.size(); ++service) {
      for (const audit::Asked& a : asked.of[service].open) state->open[a.seat][service] = true;
    }
  }
  for (std::size_t seat = 0; seat < inventory.seats.size(); ++seat) {
    const bool by_loopback = inventory.seats[seat].ns == snapshot.host && !state->all_open(seat);
    if (ask && !by_loopback) continue;
    if (Status s = state->compute(seat); !s) return std::unexpected(s.error());
  }
  return Standing(std::move(state));
}

bool Standing::is_open(std::size_t seat, std::size_t service) const {
  const std::vector<Verdict>& computed = state_->computed[seat];
  return state_->open[seat][service] || (!computed.empty() && computed[service] == Verdict::kOpen);
}

Result<bool> Standing::is_closed(std::size_t seat, std::size_t service) {
  if (is_open(seat, service)) return false;
  if (state_->computed[seat].empty()) {
    if (Status s = state_->compute(seat); !s) return std::unexpected(s.error());
  }
  return state_->computed[seat][service] == Verdict::kClosed;
}

}  // namespace bulkhead::plan
