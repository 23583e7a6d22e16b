// With the compiled rules beside Docker's in the model: what the policy permits is open, all else
// that it holds is closed.
#include "plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/text.h"
#include "compile/shop.h"
#include "report/json_policy.h"
#include "report/plan_text.h"
#include "report/policy_text.h"
#include "report/valid.h"
#include "threads/processors.h"

namespace bulkhead::plan {
namespace {

using compile::shops::kPolicy;
using compile::shops::Policy;
using compile::shops::shop;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Plan planned(const Policy& p, bool as_attacker = false, bool enforce = false) {
  const threads::Processors workers(2, 2);
  auto plan = make_plan(p.input(enforce), as_attacker, workers);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(Plan{});
}

std::vector<std::string> words(const std::vector<Way>& ways) {
  std::vector<std::string> out;
  for (const Way& w : ways)
    out.push_back(w.from.get() + " -> " + (w.to->container.empty() ? "host" : w.to->container) +
                  ":" + std::to_string(w.to->port.value_or(Port{}).number));
  return out;
}

// A narrower policy is loaded already: what it closed, this one may open.
TEST(Plan, TakesThePlaceOfANarrowerPolicy) {
  std::string narrow(kPolicy);
  narrow.replace(narrow.find("publish: 80/tcp"), 15, "publish: 99/tcp");
  Policy p;
  const auto earlier = compile::compile(Policy(shop().snapshot, narrow).input());
  ASSERT_TRUE(earlier);
  compile::install(p.snapshot, earlier->tables);
  p.bound = policy::bind(p.config, p.snapshot);
  const Plan plan = planned(p);
  EXPECT_THAT(words(plan.opens), IsEmpty());
  EXPECT_THAT(words(plan.closes), IsEmpty());
  EXPECT_TRUE(plan.fit());
}

TEST(Plan, WhatNoLinePermitsIsClosedAndWhatOneDoesStaysOpen) {
  const Policy p;
  const Plan plan = planned(p);
  EXPECT_THAT(words(plan.leaks), IsEmpty());
  EXPECT_THAT(words(plan.opens), IsEmpty());
  EXPECT_THAT(words(plan.unknown), IsEmpty());
  EXPECT_THAT(words(plan.blocked), IsEmpty());
  const auto closes = words(plan.closes);
  EXPECT_THAT(closes, Contains("container:docker/shop-db-1 -> shop-api-1:7000"));
  EXPECT_THAT(closes, Contains("lan -> host:22"));  // of the Internet, admins get there
  EXPECT_THAT(closes, Contains("internet -> blog-app-1:80"));
  EXPECT_THAT(closes, Not(Contains("internet -> shop-web-1:8080")));
  EXPECT_THAT(closes, Not(Contains("container:docker/shop-api-1 -> shop-db-1:5432")));
  EXPECT_THAT(closes, Not(Contains("container:docker/blog-app-1 -> host:9100")));
  for (const Trial& t : plan.trials.never) EXPECT_EQ(t.outcome, Outcome::kHolds) << t.text;
  for (const Trial& t : plan.trials.tests) EXPECT_EQ(t.outcome, Outcome::kHolds) << t.reason;
  EXPECT_TRUE(plan.fit());
}

// Unknown is what it may be: the model does not claim all that a forger may send.
TEST(Plan, ForgedPacketsDoNotBreakWhatItProves) {
  const Policy p;
  const Plan plan = planned(p, true);
  for (const Trial& t : plan.trials.never) EXPECT_NE(t.outcome, Outcome::kBroken) << t.text;
}

TEST(Plan, ANeverThatALineContradictsIsBrokenByAPacket) {
  std::string text(kPolicy);
  text.replace(text.find("{from: internet, to: shop/db}"), 29, "{from: shop/web, to: shop/db}");
  const Plan plan = planned(Policy(shop().snapshot, text));
  EXPECT_FALSE(plan.fit());
  ASSERT_EQ(plan.trials.never[0].outcome, Outcome::kBroken);
  EXPECT_EQ(plan.trials.never[0].witnesses.at(0).packet.port.number, 5432);
}

TEST(Plan, SaysWhatOthersCloseThoughALinePermitsIt) {
  std::string text(kPolicy);
  text.replace(text.find("    services: {app: {compose: app}}"), 35,
               "    services: {app: {compose: app}}\n"
               "    allow: [{from: shop/web, to: app, port: 80}]");
  const Plan plan = planned(Policy(shop().snapshot, text));
  ASSERT_THAT(words(plan.blocked), Contains("container:docker/shop-web-1 -> blog-app-1:80"));
  EXPECT_THAT(plan.blocked[0].reason.get(), HasSubstr("DOCKER-ISOLATION"));
}

// From enforcing to counting: what was closed opens, and that is said.
TEST(Plan, SaysWhatAnEarlierPolicyClosesAndThisOneOpens) {
  const auto earlier = compile::compile(Policy(shop().snapshot, kPolicy).input());
  ASSERT_TRUE(earlier);
  std::string text(kPolicy);
  text.replace(text.find("mode: enforce"), 13, "mode: audit  ");
  Policy p(shop().snapshot, text);
  compile::install(p.snapshot, earlier->tables);
  p.bound = policy::bind(p.config, p.snapshot);
  const Plan plan = planned(p);
  const auto reopens = words(plan.reopens);
  EXPECT_THAT(reopens, Contains("container:docker/shop-db-1 -> shop-api-1:7000"));
  EXPECT_THAT(reopens, Contains("internet -> blog-app-1:80"));
  EXPECT_THAT(reopens, Not(Contains("internet -> shop-web-1:8080"))) << "it was open";
  EXPECT_THAT(words(plan.opens), IsEmpty());
  EXPECT_THAT(words(plan.closes), IsEmpty());
  EXPECT_THAT(report::plan_text(p.config, "h", plan, {}), HasSubstr("an earlier policy keeps"));
  EXPECT_THAT(words(planned(Policy(shop().snapshot, text)).reopens), IsEmpty());
}

TEST(Plan, ATenantThatIsNotEnforcedIsLeftAlone) {
  std::string text(kPolicy);
  text.replace(text.find("mode: enforce"), 13, "mode: audit  ");
  const Policy p(shop().snapshot, text);
  EXPECT_THAT(planned(p).closes, IsEmpty());
  EXPECT_THAT(planned(p, false, true).closes, Not(IsEmpty()));
}

std::string with_mode(std::string text, const std::string& tenant, const std::string& mode) {
  const std::string head = "  " + tenant + ":\n";
  return text.replace(text.find(head), head.size(), head + "    mode: " + mode + "\n");
}

// The rules that count are beside all others, and nothing is open or closed by them: of no seat, to
// no service.
TEST(Plan, WhatIsCountedIsAnsweredAsWithoutTheRulesThatCount) {
  std::string text(kPolicy);
  text.replace(text.find("mode: enforce"), 13, "mode: audit  ");
  const Policy p(shop().snapshot, text);
  const auto compiled = compile::compile(p.input());
  ASSERT_TRUE(compiled);
  ASSERT_EQ(compiled->tables.size(), 1U);
  model::Snapshot counting = p.snapshot;
  compile::install(counting, compiled->tables);
  const auto rows = [&p](const model::Snapshot& snapshot) {
    std::vector<views::Row> out;
    const auto world = trace::World::build(snapshot);
    if (!world) return out;
    const query::Asker asker(*world, p.zones);
    auto survey = views::Survey::make(asker, p.config, {});
    if (!survey) return out;
    for (const audit::SeatEntry& seat : survey->inventory().seats) {
      if (seat.seat.origins.empty()) continue;
      const auto row = survey->row(seat.seat);
      EXPECT_TRUE(row) << row.error().message;
      if (row) out.push_back(*row);
    }
    return out;
  };
  const auto before = rows(p.snapshot), after = rows(counting);
  ASSERT_GT(before.size(), 4U);
  ASSERT_EQ(before.size(), after.size());
  std::size_t open = 0;
  for (std::size_t s = 0; s < before.size(); ++s) {
    ASSERT_EQ(before[s].size(), after[s].size());
    for (std::size_t i = 0; i < before[s].size(); ++i) {
      EXPECT_EQ(before[s][i].verdict, after[s][i].verdict) << s << " " << i;
      open += before[s][i].verdict == trace::Verdict::kOpen ? 1 : 0;
    }
  }
  EXPECT_GT(open, 10U);
}

// One tenant enforced, the other only counted: what the first is closed to stays closed.
TEST(Plan, WhatIsOnlyCountedWidensNothingThatIsEnforced) {
  const Policy p(shop().snapshot, with_mode(std::string(kPolicy), "blog", "audit"));
  const Plan plan = planned(p);
  EXPECT_THAT(plan.compiled.held, ::testing::SizeIs(3));
  EXPECT_THAT(plan.compiled.audited, ::testing::SizeIs(1));
  EXPECT_THAT(words(plan.leaks), IsEmpty());
  EXPECT_THAT(words(plan.opens), IsEmpty());
  EXPECT_THAT(words(plan.unknown), IsEmpty());
  EXPECT_TRUE(plan.fit());
  const auto closes = words(plan.closes);
  EXPECT_THAT(closes, Contains("container:docker/shop-db-1 -> shop-api-1:7000"));
  EXPECT_THAT(closes, Not(Contains("internet -> blog-app-1:80")));
}

// A never that only enforcement would make true does not keep the rules that count from being
// applied; one that enforcement breaks does.
TEST(Plan, ANeverOfWhatIsOnlyCountedAwaitsEnforcement) {
  std::string text = with_mode(std::string(kPolicy), "blog", "audit");
  text.replace(text.find("{from: internet, to: shop/db}"), 29, "{from: internet, to: blog/app}");
  const Plan plan = planned(Policy(shop().snapshot, text));
  ASSERT_EQ(plan.trials.never[0].outcome, Outcome::kBroken);
  EXPECT_THAT(plan.awaits, ::testing::ElementsAre("internet -> blog/app"));
  EXPECT_TRUE(plan.fit());
  text.replace(text.find("{from: internet, to: blog/app}"), 30, "{from: internet, to: shop/web}");
  const Plan other = planned(Policy(shop().snapshot, text));
  EXPECT_THAT(other.awaits, IsEmpty());
  EXPECT_FALSE(other.fit());
}

void expect_fits(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 80U) << line;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('{'), std::string::npos) << text;
}

TEST(PolicyText, FitsEightyColumnsInBothLanguagesAndItsJsonItsSchemas) {
  auto h = shop();
  h.engine().containers[0].name = "\x1b[31mred";
  h.container("stray", "shop", "172.20.0.9");
  std::string text(kPolicy);
  text.replace(text.find("{from: internet, to: shop/db}"), 29,
               "{from: [shop/web, shop/api], to: shop/db, why: data that is never to be seen}");
  text.replace(text.find("port: 7000/tcp}"), 15, "port: 7000, expires: 2026-11-23}");
  const Policy p(h.snapshot, text);
  const Plan plan = planned(p);
  const auto found = policy::lint(p.config, p.bound, p.zones, p.snapshot.taken_at_ms);
  const std::uint64_t now = p.snapshot.taken_at_ms;
  for (const auto language : {report::Language::kEnglish, report::Language::kJapanese}) {
    report::Style style;
    style.language = language;
    expect_fits(report::policy_text(p.config, p.bound, now, style));
    expect_fits(report::policy_matrix_text(p.config, p.bound, now, style));
    expect_fits(report::plan_text(p.config, "host", plan, style));
    expect_fits(report::trials_text(p.config, "host", plan.trials, style));
  }
  testing_json::expect_valid(report::policy_json(p.config, p.bound, now), "policy-show");
  testing_json::expect_valid(report::lint_json(p.config, found), "policy-lint");
  testing_json::expect_valid(report::trials_json(p.config, plan.trials), "policy-test");
  testing_json::expect_valid(report::plan_json(p.config, plan), "plan");
}

}  // namespace
}  // namespace bulkhead::plan
