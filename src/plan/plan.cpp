#include "plan/plan.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "plan/permits.h"
#include "plan/standing.h"
#include "views/survey.h"

namespace bulkhead::plan {
namespace {

using trace::Verdict;

class Comparison {
 public:
  Comparison(const compile::Input& input, Plan& plan)
      : permits_(input, plan.compiled), plan_(plan) {}

  // The inventories are of one snapshot with other rules: seats and services are the same. `bare`
  // is without any tables of ours.
  Result<Ledger> run(views::Survey& survey, Standing& bare, Standing& before) {
    Ledger ledger;
    const audit::Inventory& inventory = survey.inventory();
    for (std::size_t s = 0; s < inventory.seats.size(); ++s) {
      const audit::SeatEntry& seat = inventory.seats[s];
      if (seat.seat.origins.empty()) continue;
      const auto after = survey.row(seat.seat);
      if (!after) return std::unexpected(after.error());
      if (!seat.is_zone()) ledger.write(seat.text, *after);
      for (std::size_t i = 0; i < inventory.services.size(); ++i) {
        const audit::Service& service = inventory.services[i];
        if (views::Survey::own(seat, service)) continue;
        const views::Cell& cell = (*after)[i];
        compare(seat, service, before.is_open(s, i), cell);
        if (cell.verdict != Verdict::kOpen) continue;
        const auto closed = bare.is_closed(s, i);
        if (!closed) return std::unexpected(closed.error());
        const auto was_closed = before.is_closed(s, i);
        if (!was_closed) return std::unexpected(was_closed.error());
        if (!*closed && !*was_closed) continue;
        (*closed ? plan_.opens : plan_.reopens)
            .push_back({seat.text, service.subject, cell.reason});
      }
    }
    return ledger;
  }

 private:
  void compare(const audit::SeatEntry& seat, const audit::Service& service, bool was_open,
               const views::Cell& after) {
    const auto add = [&](std::vector<Way>& to, const views::Cell& cell) {
      to.push_back({seat.text, service.subject, cell.reason});
    };
    const bool is_open = after.verdict == Verdict::kOpen;
    if (was_open && after.verdict == Verdict::kClosed) add(plan_.closes, after);
    if (!permits_.governs(seat, service)) return;
    const bool permitted = permits_.permits(seat, service);
    if (is_open && !permitted) add(plan_.leaks, after);
    if (after.verdict == Verdict::kClosed && permitted) add(plan_.blocked, after);
    if (after.verdict == Verdict::kUnknown) add(plan_.unknown, after);
  }

  Permits permits_;
  Plan& plan_;
};

// Without an earlier policy of ours; nullptr when there is none in it.
std::unique_ptr<model::Snapshot> without_ours(const model::Snapshot& snapshot) {
  const auto& tables = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  if (std::ranges::none_of(tables, compile::is_ours)) return nullptr;
  auto bare = std::make_unique<model::Snapshot>(snapshot);
  compile::install(*bare, {});
  return bare;
}

// Those of `now` that do not hold and do in `later`, which are of the same rules.
void compare_trials(const std::vector<Trial>& now, const std::vector<Trial>& later,
                    std::vector<std::string>& out) {
  for (std::size_t i = 0; i < now.size() && i < later.size(); ++i) {
    if (now[i].outcome != Outcome::kHolds && later[i].outcome == Outcome::kHolds)
      out.push_back(now[i].text);
  }
}

// What is in mode audit is counted, not closed: what that breaks is asked again as if it were
// enforced.
Status find_awaiting(const compile::Input& input, bool as_attacker, Plan& plan) {
  const bool audits = !plan.compiled.audited.empty() || plan.compiled.host_audited;
  const Trials& now = plan.trials;
  if (!audits || now.count(Outcome::kHolds) == now.never.size() + now.tests.size()) return {};
  const compile::Input all{input.config,   input.bound,  input.zones,
                           input.snapshot, input.now_ms, /*enforce_audited=*/true};
  const auto compiled = compile::compile(all);
  if (!compiled) return std::unexpected(compiled.error());
  const auto changed = std::make_unique<model::Snapshot>(input.snapshot);
  compile::install(*changed, compiled->tables);
  const auto world = trace::World::build(*changed);
  if (!world) return std::unexpected(world.error());
  const policy::Bound bound = policy::bind(input.config, *changed);
  const auto later =
      try_policy({input.config, bound, input.zones}, *world, input.now_ms, as_attacker);
  if (!later) return std::unexpected(later.error());
  compare_trials(now.never, later->never, plan.awaits);
  compare_trials(now.tests, later->tests, plan.awaits);
  return {};
}

}  // namespace

bool Plan::fit() const {
  return opens.empty() && leaks.empty() && unknown.empty() &&
         trials.count(Outcome::kHolds) + awaits.size() == trials.never.size() + trials.tests.size();
}

Result<Plan> make_plan(const compile::Input& input, bool as_attacker) {
  Plan plan;
  auto compiled = compile::compile(input);
  if (!compiled) return std::unexpected(compiled.error());
  plan.compiled = *std::move(compiled);
  auto before = Standing::of(input, input.snapshot);
  if (!before) return std::unexpected(before.error());
  // What an earlier policy closed, another may open: ours can only narrow what others let through.
  const auto others = without_ours(input.snapshot);
  std::optional<Standing> bare;
  if (others) {
    auto standing = Standing::of(input, *others);
    if (!standing) return std::unexpected(standing.error());
    bare = *std::move(standing);
  }
  const auto changed = std::make_unique<model::Snapshot>(input.snapshot);
  compile::install(*changed, plan.compiled.tables);
  auto world = trace::World::build(*changed);
  if (!world) return std::unexpected(world.error());
  const query::Asker asker(*world, input.zones);
  auto survey = views::Survey::make(asker, input.config, {}, views::Detail::kReasons);
  if (!survey) return std::unexpected(survey.error());
  // Members point into the snapshot as it was; containers are known by their places in the copy.
  const policy::Bound bound = policy::bind(input.config, *changed);
  const compile::Input there{input.config, bound,        input.zones,
                             *changed,     input.now_ms, input.enforce_audited};
  auto ledger = Comparison(there, plan).run(*survey, bare ? *bare : *before, *before);
  if (!ledger) return std::unexpected(ledger.error());
  auto trials = try_policy({input.config, bound, input.zones}, *world, input.now_ms, as_attacker,
                           {&*survey, *std::move(ledger)});
  if (!trials) return std::unexpected(trials.error());
  plan.trials = *std::move(trials);
  if (auto found = find_awaiting(input, as_attacker, plan); !found)
    return std::unexpected(found.error());
  return plan;
}

}  // namespace bulkhead::plan
