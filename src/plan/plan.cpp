#include "plan/plan.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <optional>

#include "plan/permits.h"
#include "plan/standing.h"
#include "views/survey.h"

namespace bulkhead::plan {
namespace {

using trace::Verdict;

// Without an earlier policy of ours; nullptr when there is none in it.
std::unique_ptr<model::Snapshot> without_ours(const model::Snapshot& snapshot) {
  const auto& tables = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  if (std::ranges::none_of(tables, compile::is_ours)) return nullptr;
  auto bare = std::make_unique<model::Snapshot>(snapshot);
  compile::install(*bare, {});
  return bare;
}

// What is open on the host as it is.
struct Stands {
  Standing before;
  std::unique_ptr<model::Snapshot> none;  // without any tables of ours, when there are some
  std::optional<Standing> bare;           // of that

  // What an earlier policy closed, another may open: ours can only narrow what others let through.
  static Result<Stands> of(const compile::Input& input) {
    auto before = Standing::of(input, input.snapshot);
    if (!before) return std::unexpected(before.error());
    Stands out{*std::move(before), without_ours(input.snapshot), std::nullopt};
    if (out.none == nullptr) return out;
    auto standing = Standing::of(input, *out.none);
    if (!standing) return std::unexpected(standing.error());
    out.bare = *std::move(standing);
    return out;
  }
};

// The host with the policy's rules. What it holds refers to its neighbours, so it stays where it
// is.
struct Then {
  static Result<std::unique_ptr<Then>> of(const compile::Input& input,
                                          const compile::Compiled& compiled,
                                          const Workers& workers) {
    auto out = std::make_unique<Then>(input.snapshot);
    compile::install(out->snapshot, compiled.tables);
    auto built = trace::World::build(out->snapshot);
    if (!built) return std::unexpected(built.error());
    out->world.emplace(*std::move(built));
    out->asker.emplace(*out->world, input.zones);
    auto made =
        views::Survey::make(*out->asker, input.config, {}, views::Detail::kReasons, workers);
    if (!made) return std::unexpected(made.error());
    out->survey.emplace(*std::move(made));
    return out;
  }
  explicit Then(const model::Snapshot& from) : snapshot(from) {}

  model::Snapshot snapshot;
  std::optional<trace::World> world;
  std::optional<query::Asker> asker;
  std::optional<views::Survey> survey;
};

class Comparison {
 public:
  Comparison(const compile::Input& input, Plan& plan, Stands& now)
      : permits_(input, plan.compiled), plan_(plan), now_(now) {}

  // The inventories are of one snapshot with other rules: seats and services are the same.
  Result<Ledger> run(views::Survey& survey) {
    Ledger ledger;
    const audit::Inventory& inventory = survey.inventory();
    to_.resize(inventory.services.size());
    const auto take = [&](std::size_t seat, const views::Row& row) {
      return compare(inventory, seat, row, ledger);
    };
    const Status done = survey.rows(views::seats_that_send(inventory), take);
    if (!done) return std::unexpected(done.error());
    return ledger;
  }

 private:
  Status compare(const audit::Inventory& inventory, std::size_t s, const views::Row& after,
                 Ledger& ledger) {
    Standing& before = now_.before;
    Standing& bare = now_.bare ? *now_.bare : before;
    const audit::SeatEntry& seat = inventory.seats[s];
    ledger.write(seat.text, after);
    from_ = seat.text;
    for (std::size_t i = 0; i < inventory.services.size(); ++i) {
      const audit::Service& service = inventory.services[i];
      if (views::Survey::own(seat, service)) continue;
      const views::Cell& cell = after[i];
      compare(seat, i, service, before.is_open(s, i), cell);
      if (cell.verdict != Verdict::kOpen) continue;
      const auto closed = bare.is_closed(s, i);
      if (!closed) return std::unexpected(closed.error());
      const auto was_closed = before.is_closed(s, i);
      if (!was_closed) return std::unexpected(was_closed.error());
      if (!*closed && !*was_closed) continue;
      (*closed ? plan_.opens : plan_.reopens).push_back(way(i, service, cell));
    }
    return {};
  }

  // From the seat of from_.
  Way way(std::size_t index, const audit::Service& service, const views::Cell& cell) {
    if (to_[index] == nullptr) to_[index] = std::make_shared<const audit::Subject>(service.subject);
    return {from_, to_[index], cell.reason};
  }

  void compare(const audit::SeatEntry& seat, std::size_t index, const audit::Service& service,
               bool was_open, const views::Cell& after) {
    const auto add = [&](std::vector<Way>& to, const views::Cell& cell) {
      to.push_back(way(index, service, cell));
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
  Stands& now_;
  SharedText from_;                                        // of the seat that is compared
  std::vector<std::shared_ptr<const audit::Subject>> to_;  // by service; null: not asked for yet
};

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

Result<Plan> make_plan(const compile::Input& input, bool as_attacker, const Workers& workers) {
  Plan plan;
  std::optional<Result<Stands>> now;
  std::optional<Result<std::unique_ptr<Then>>> then;
  std::exception_ptr thrown;
  const auto look = [&](std::size_t) {
    try {
      now = Stands::of(input);
    } catch (...) {
      thrown = std::current_exception();
    }
  };
  const auto prepare = [&] {
    auto compiled = compile::compile(input);
    if (!compiled) {
      then = std::unexpected(compiled.error());
      return;
    }
    plan.compiled = *std::move(compiled);
    then = Then::of(input, plan.compiled, workers);
  };
  // Neither needs the other, and they take about as long.
  if (!workers.run(1, look, prepare)) {
    look(0);
    prepare();
  }
  if (thrown) std::rethrow_exception(thrown);
  if (!*then) return std::unexpected(then->error());
  if (!*now) return std::unexpected(now->error());
  Then& with = ***then;
  // Members point into the snapshot as it was; containers are known by their places in the copy.
  const policy::Bound bound = policy::bind(input.config, with.snapshot);
  const compile::Input there{input.config,  bound,        input.zones,
                             with.snapshot, input.now_ms, input.enforce_audited};
  auto ledger = Comparison(there, plan, **now).run(*with.survey);
  if (!ledger) return std::unexpected(ledger.error());
  auto trials = try_policy({input.config, bound, input.zones}, *with.world, input.now_ms,
                           as_attacker, {&*with.survey, *std::move(ledger)});
  if (!trials) return std::unexpected(trials.error());
  plan.trials = *std::move(trials);
  if (auto found = find_awaiting(input, as_attacker, plan); !found)
    return std::unexpected(found.error());
  return plan;
}

}  // namespace bulkhead::plan
