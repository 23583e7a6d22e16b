#include <optional>

#include "base/text.h"
#include "cli/audited.h"
#include "cli/bench.h"
#include "cli/files.h"
#include "cli/language.h"
#include "cli/targets.h"
#include "cli/verbs.h"
#include "compile/compile.h"
#include "flows/book.h"
#include "learn/fates.h"
#include "plan/first.h"
#include "plan/plan.h"
#include "plan/trials.h"
#include "policy/lint.h"
#include "report/json_policy.h"
#include "report/plan_text.h"
#include "report/policy_text.h"
#include "threads/processors.h"

namespace bulkhead::cli {
namespace {

Result<flows::Book> read_seen(const std::string& path) {
  const auto text = read_file(path, flows::kLargestBook);
  if (!text) return std::unexpected(text.error());
  return flows::read_book(*text, path);
}

}  // namespace

Exit run_policy_lint(const PolicyOptions& options) {
  const auto bench = open_bench(options);
  if (!bench) return complain(bench.error());
  const auto found =
      policy::lint(bench->session.config, bench->bound, bench->session.zones, bench->now_ms);
  bool errors = false;
  for (const policy::Lint& l : found) errors = errors || l.level == policy::LintLevel::kError;
  return print_report(options.output.json ? report::lint_json(bench->session.config, found)
                                          : report::lint_text(bench->session.config, found,
                                                              text_style(options.output)),
                      errors ? Exit::kFindings : Exit::kDone);
}

Exit run_policy_show(const PolicyOptions& options) {
  if (int{options.svg} + int{options.matrix} + int{options.output.json} > 1)
    return complain({ErrorCode::kInvalidInput,
                     "--svg, --matrix and --json exclude each other: write one of them"});
  const auto bench = open_bench(options);
  if (!bench) return complain(bench.error());
  const policy::Config& config = bench->session.config;
  const report::Style style = text_style(options.output);
  return print_report(options.output.json ? report::policy_json(config, bench->bound, bench->now_ms)
                      : options.svg ? report::policy_svg(config, bench->bound, bench->now_ms, style)
                      : options.matrix
                          ? report::policy_matrix_text(config, bench->bound, bench->now_ms, style)
                          : report::policy_text(config, bench->bound, bench->now_ms, style),
                      Exit::kDone);
}

Exit run_policy_test(const PolicyOptions& options) {
  const auto attacker = read_as(options.as);
  if (!attacker) return complain(attacker.error());
  const auto bench = open_bench(options);
  if (!bench) return complain(bench.error());
  auto world = trace::World::build(*bench->session.snapshot);
  if (!world) return complain(world.error());
  const auto trials = plan::try_policy(bench->scene(), *world, bench->now_ms, *attacker);
  if (!trials) return complain(trials.error());
  const policy::Config& config = bench->session.config;
  const bool broken =
      trials->count(plan::Outcome::kBroken) + trials->count(plan::Outcome::kVoid) > 0;
  const bool unknown = trials->count(plan::Outcome::kUnknown) > 0;
  return print_report(options.output.json
                          ? report::trials_json(config, *trials)
                          : report::trials_text(config, bench->session.snapshot->host_name, *trials,
                                                text_style(options.output)),
                      broken    ? Exit::kFindings
                      : unknown ? Exit::kIncomplete
                                : Exit::kDone);
}

Exit run_plan(const PlanOptions& options) {
  const auto attacker = read_as(options.policy.as);
  if (!attacker) return complain(attacker.error());
  std::optional<flows::Book> book;
  if (!options.seen.empty()) {
    auto read = read_seen(options.seen);
    if (!read) return complain(read.error());
    book = *std::move(read);
  }
  std::optional<enforce::Record> record;
  if (options.from_audit) {
    auto applied = audited_record();
    if (!applied) return complain(applied.error());
    record = *std::move(applied);
  }
  const auto bench = open_bench(options.policy);
  if (!bench) return complain(bench.error());
  if (record) {
    if (!book) book.emplace();
    const auto added = add_counted(*record, bench->session, *book);
    if (!added) return complain(added.error());
  }
  const compile::Input input = bench->input(options.enforce);
  const auto plan = plan::make_plan(input, *attacker, threads::processors());
  if (!plan) return complain(plan.error());
  std::optional<learn::Fates> fates;
  if (book) {
    auto told = learn::fates_of(input, plan->compiled, *book);
    if (!told) return complain(told.error());
    fates = *std::move(told);
  }
  const report::Seen seen{book ? &*book : nullptr, fates ? &*fates : nullptr};
  const bool breaks = fates && fates->count(learn::Fate::kBreaks) > 0;
  const bool unsure_of_flows = fates && fates->count(learn::Fate::kUnknown) > 0;
  const policy::Config& config = bench->session.config;
  const bool unsure = plan->trials.count(plan::Outcome::kUnknown) + plan->unknown.size() > 0 &&
                      plan->trials.count(plan::Outcome::kBroken) +
                              plan->trials.count(plan::Outcome::kVoid) + plan->opens.size() +
                              plan->leaks.size() ==
                          0;
  return print_report(options.policy.output.json
                          ? report::plan_json(config, *plan, seen)
                          : report::plan_text(config, bench->session.snapshot->host_name, *plan,
                                              text_style(options.policy.output), seen),
                      breaks || (!plan->fit() && !unsure) ? Exit::kFindings
                      : !plan->fit() || unsure_of_flows   ? Exit::kIncomplete
                                                          : Exit::kDone);
}

Exit run_policy_init(const PolicyInitOptions& options) {
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  plan::cut_at_zones(*session->snapshot, session->zones);
  auto world = trace::World::build(*session->snapshot);
  if (!world) return complain(world.error());
  const query::Asker asker(*world, session->zones);
  const auto text = plan::first_policy(asker, session->config, threads::processors());
  if (!text) return complain(text.error());
  if (auto written = write_file(options.file, *text); !written) return complain(written.error());
  return session->snapshot->complete ? Exit::kDone : Exit::kIncomplete;
}

}  // namespace bulkhead::cli
