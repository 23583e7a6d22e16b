// Held against a host: the never rules and the tests of a policy.
#include "plan/trials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"
#include "plan/first.h"
#include "policy/lint.h"

namespace bulkhead::plan {
namespace {

using compile::shops::Policy;
using compile::shops::shop;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Held {
  Policy policy;
  Trials trials;
  explicit Held(std::string_view text, model::Snapshot snapshot = shop().snapshot,
                bool as_attacker = false)
      : policy(std::move(snapshot), "bulkhead: 1\n" + std::string(text)) {
    auto world = trace::World::build(policy.snapshot);
    auto tried = try_policy({policy.config, policy.bound, policy.zones}, world.value(),
                            policy.snapshot.taken_at_ms, as_attacker);
    EXPECT_TRUE(tried) << tried.error().message;
    trials = tried.value_or(Trials{});
  }
};

constexpr std::string_view kTenants =
    "tenants: {shop: {services: {web: {compose: web}, api: {compose: api}, db: {compose: db}}}, "
    "blog: {services: {app: {compose: app}}}}\n";

struct Row {
  const char* name;
  const char* rule;
  Outcome outcome;
  const char* said;  // in the reason or the first witness's sender
};
class Trying : public ::testing::TestWithParam<Row> {};

TEST_P(Trying, ARuleOfThePolicy) {
  const Row& row = GetParam();
  const Held held(std::string(kTenants) + "trust: {admins: [198.51.100.0/28]}\n" +
                  "host: {ssh: {port: 22, from: admins}}\n" + row.rule);
  const auto& all = held.trials.never.empty() ? held.trials.tests : held.trials.never;
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].outcome, row.outcome) << all[0].reason;
  const std::string said = all[0].witnesses.empty() ? all[0].reason : all[0].witnesses.front().from;
  EXPECT_THAT(said, HasSubstr(row.said));
}

INSTANTIATE_TEST_SUITE_P(
    Each, Trying,
    ::testing::Values(
        Row{"closed_to_the_internet", "never: [{from: internet, to: shop/db}]", Outcome::kHolds,
            ""},
        Row{"published", "never: [{from: internet, to: \"*/*\"}]", Outcome::kBroken, "internet"},
        Row{"one_bridge", "never: [{from: shop/web, to: shop/db}]", Outcome::kBroken,
            "container:docker/shop-web-1"},
        Row{"other_port", "never: [{from: shop/web, to: shop/db, port: 5433}]", Outcome::kHolds,
            ""},
        Row{"excepted", "never: [{from: shop/*, to: shop/db, except: [shop/web, shop/api]}]",
            Outcome::kVoid, "nobody"},
        Row{"tenants", "never: [{from: shop/*, to: shop/db, except: shop/web}]", Outcome::kBroken,
            "container:docker/shop-api-1"},
        Row{"both", "never: [{from: shop/db, to: shop/web, port: 5432, both: true}]",
            Outcome::kBroken, "shop-web-1"},
        Row{"host", "never: [{from: internet, to: host.ssh}]", Outcome::kBroken, "internet"},
        Row{"egress", "never: [{from: shop/db, to: internet}]", Outcome::kBroken, "shop-db-1"},
        Row{"nobody", "never: [{from: internet, to: shop/*, except: internet}]", Outcome::kVoid,
            "nobody"},
        Row{"allow", "tests: [{from: shop/api, to: \"shop/db:5432\", expect: allow}]",
            Outcome::kHolds, ""},
        Row{"allow_closed", "tests: [{from: blog/app, to: \"shop/db:5432\", expect: allow}]",
            Outcome::kBroken, "blog-app-1"},
        Row{"allow_nothing", "tests: [{from: shop/api, to: \"shop/db:1\", expect: allow}]",
            Outcome::kBroken, "nothing listens"},
        Row{"deny", "tests: [{from: blog/app, to: \"shop/db:5432\", expect: deny}]",
            Outcome::kHolds, ""},
        Row{"deny_nothing", "tests: [{from: shop/api, to: \"shop/db:1\", expect: deny}]",
            Outcome::kHolds, "nothing listens"},
        Row{"deny_open", "tests: [{from: shop/api, to: \"shop/db:5432\", expect: deny}]",
            Outcome::kBroken, "shop-api-1"},
        Row{"out", "tests: [{from: shop/api, to: \"203.0.113.7:443\", expect: allow}]",
            Outcome::kHolds, ""},
        Row{"from_trust", "tests: [{from: admins, to: host.ssh, expect: allow}]", Outcome::kHolds,
            ""}),
    [](const auto& row) { return row.param.name; });

// What is excepted is left out, and nobody else: senders of the rest of the zone still break it.
TEST(Trials, AnExceptionTakesAPartOfAZone) {
  const std::string tail = std::string(kTenants) + "host: {ssh: {port: 22}}\n";
  const Held some("trust: {admins: [198.51.100.0/28]}\n" + tail +
                  "never: [{from: internet, to: host.ssh, except: admins}]");
  EXPECT_EQ(some.trials.never[0].outcome, Outcome::kBroken);
  const IpAddress source = some.trials.never[0].witnesses.at(0).packet.source.value();
  EXPECT_FALSE(Prefix::parse("198.51.100.0/28").value().contains(source));
  const Held all("trust: {admins: [0.0.0.0/0, \"::/0\"]}\n" + tail +
                 "never: [{from: internet, to: host.ssh, except: admins}]");
  EXPECT_EQ(all.trials.never[0].outcome, Outcome::kVoid);
}

// `lan` is a word for a role, and may be the name of a zone of another.
TEST(Trials, AZoneMayHaveTheNameOfAnotherRole) {
  const Held h("zones: {lan: {role: management, interface: eth0}}\n" + std::string(kTenants) +
               "host: {ssh: {port: 22}}\nnever: [{from: management, to: host.ssh}]");
  EXPECT_EQ(h.trials.never[0].outcome, Outcome::kBroken);
  EXPECT_EQ(h.trials.never[0].witnesses.at(0).from, "lan");
}

TEST(Plan, JudgesAZoneThatHasTheNameOfAnotherRole) {
  const Policy p(shop().snapshot,
                 "bulkhead: 1\nmode: enforce\nzones: {lan: {role: management, interface: eth0}}\n" +
                     std::string(kTenants) +
                     "host: {ssh: {port: 22}}\nnever: [{from: management, to: host.ssh}]");
  const auto plan = make_plan(p.input(), false);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->trials.never[0].outcome, Outcome::kHolds);
  EXPECT_TRUE(
      std::ranges::any_of(plan->closes, [](const Way& w) { return w.from.get() == "lan"; }));
}

TEST(FirstPolicy, LoadsIsCleanAndTrue) {
  Policy p(shop().snapshot, "bulkhead: 1\n");
  const auto world = trace::World::build(p.snapshot).value();
  const query::Asker asker(world, p.zones);
  const auto text = first_policy(asker, p.config);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, first_policy(asker, p.config).value());
  const Policy first(p.snapshot, *text);
  for (const policy::Lint& l :
       policy::lint(first.config, first.bound, first.zones, p.snapshot.taken_at_ms))
    EXPECT_NE(l.level, policy::LintLevel::kError) << l.what << "\n" << *text;
  EXPECT_THAT(*text, HasSubstr("{from: api, to: db, port: 5432/tcp}"));
  EXPECT_THAT(*text, HasSubstr("{to: web, publish: 80/tcp, from: internet}"));
  EXPECT_THAT(*text, HasSubstr("never:\n  - {from: internet, to: [shop/api, shop/db]}"));
  EXPECT_THAT(*text, HasSubstr("# not proposed: 22/tcp (sshd) is open to the Internet"));
  const auto tried =
      try_policy({first.config, first.bound, first.zones}, world, p.snapshot.taken_at_ms, false);
  ASSERT_TRUE(tried);
  EXPECT_EQ(tried->count(Outcome::kHolds), 1U);
}

TEST(FirstPolicy, TakesAnyNameThatAContainerCanHave) {
  auto h = shop();
  h.engine().containers[0].project = "a: [b\n*";
  h.engine().containers[1].project.clear();
  h.engine().containers[1].service.clear();
  h.engine().containers[1].name = "\xff\x1b[31m/x";
  Policy p(h.snapshot, "bulkhead: 1\n");
  const auto world = trace::World::build(p.snapshot).value();
  const query::Asker asker(world, p.zones);
  const auto text = first_policy(asker, p.config);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find('\x1b'), std::string::npos);
  EXPECT_TRUE(policy::parse_config(*text, "f")) << *text;
}

}  // namespace
}  // namespace bulkhead::plan
