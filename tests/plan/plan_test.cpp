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
  auto plan = make_plan(p.input(enforce), as_attacker);
  EXPECT_TRUE(plan) << plan.error().message;
  return plan.value_or(Plan{});
}

std::vector<std::string> words(const std::vector<Way>& ways) {
  std::vector<std::string> out;
  for (const Way& w : ways)
    out.push_back(w.from + " -> " + (w.to.container.empty() ? "host" : w.to.container) + ":" +
                  std::to_string(w.to.port.value_or(Port{}).number));
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
  EXPECT_THAT(plan.blocked[0].reason, HasSubstr("DOCKER-ISOLATION"));
}

TEST(Plan, ATenantThatIsNotEnforcedIsLeftAlone) {
  std::string text(kPolicy);
  text.replace(text.find("mode: enforce"), 13, "mode: audit  ");
  const Policy p(shop().snapshot, text);
  EXPECT_THAT(planned(p).closes, IsEmpty());
  EXPECT_THAT(planned(p, false, true).closes, Not(IsEmpty()));
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
