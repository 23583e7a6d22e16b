// What is proposed of what was seen, and what is not.
#include "learn/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/text.h"
#include "learn/books.h"
#include "learn/fates.h"
#include "report/json_policy.h"
#include "report/json_schema.h"
#include "report/learn_text.h"
#include "report/plan_text.h"

namespace bulkhead::learn {
namespace {

using compile::shops::shop;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing_books::BookOf;
using testing_books::kNow;
using testing_books::patched;
using testing_books::proposed;

const std::string kTenants = R"(bulkhead: 1
mode: enforce
trust: {admins: [198.51.100.0/28]}
host: {ssh: {port: 22/tcp, from: admins}}
tenants:
  shop:
    services: {web: {compose: web}, api: {compose: api}, db: {compose: db}}
  blog:
    services: {app: {compose: app}}
)";

struct Lines {
  std::vector<std::string> lines, refusals;
};

Lines of(const Proposal& proposal) {
  Lines out;
  for (const NewLine& line : proposal.lines)
    out.lines.push_back(
        (line.tenant.empty() ? "host" : line.tenant + " " + std::string(to_string(line.section))) +
        " " + line.text.substr(0, line.text.find(", why:")));
  for (const Declined& one : proposal.declined)
    out.refusals.emplace_back(to_string(one.why.refusal));
  EXPECT_EQ(proposal.unwritten, "");
  return out;
}

class Seen : public ::testing::Test {
 protected:
  model::Snapshot snapshot = shop().snapshot;
  BookOf seen{snapshot};
  Lines told(const std::string& text = kTenants) {
    proposal = proposed(seen.book, text, snapshot);
    EXPECT_EQ(patched(text, proposal.diff), proposal.text);
    return of(proposal);
  }
  Proposal proposal;
};

TEST_F(Seen, LinesAreOfServicesAndJoinedWhereThatSaysNoMore) {
  seen.add("shop-web-1", "shop-db-1", 5432);
  seen.add("shop-api-1", "shop-db-1", 5432);
  seen.add("shop-web-1", "shop-api-1", 7000);
  seen.add("shop-web-1", "shop-api-1", 7001);
  const auto lines = told();
  EXPECT_THAT(lines.lines,
              ElementsAre("shop allow {from: [api, web], to: db, port: 5432/tcp",
                          "shop allow {from: web, to: api, port: [7000/tcp, 7001/tcp]"));
  EXPECT_THAT(proposal.lines[0].text,
              HasSubstr("why: \"seen 6 times, 2026-11-23 23:59 to 2026-11-24 00:00 UTC\"}"));
}

TEST_F(Seen, ALineStandsWithTheTenantThatIsReached) {
  seen.add("blog-app-1", "shop-api-1", 7000);
  EXPECT_THAT(told().lines, ElementsAre("shop allow {from: blog/app, to: api, port: 7000/tcp"));
}

TEST_F(Seen, WhatALinePermitsIsNotSaidAgain) {
  seen.add("shop-web-1", "shop-db-1", 5432);
  seen.add("198.51.100.7", "host", 22);
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("shop-api-1", "203.0.113.7", 443);
  const std::string text = kTenants + "  more: {containers: [x]}\n" + "never: []\n";
  std::string with = text;
  with.replace(with.find("  blog:"), 0,
               "    allow: [{from: \"*\", to: db, port: 5432/tcp}]\n"
               "    ingress: [{to: web, publish: 80/tcp, from: internet}]\n"
               "    egress: [{from: api, to: 203.0.113.0/24, port: 443/tcp}]\n");
  EXPECT_THAT(told(with).lines, IsEmpty());
  EXPECT_EQ(proposal.covered, 4U);
  EXPECT_EQ(proposal.text, with);
  EXPECT_THAT(told(text).lines, Not(IsEmpty()));
}

TEST_F(Seen, FromOutsideOnlyTheVeryAddressesAreLetIn) {
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("192.0.2.77", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  EXPECT_THAT(told().lines,
              ElementsAre("shop ingress {to: web, publish: 80/tcp, from: seen-shop-web"));
  ASSERT_EQ(proposal.groups.size(), 1U);
  EXPECT_THAT(proposal.text, HasSubstr("seen-shop-web: [\"192.0.2.77\", \"198.51.100.7\"]"));
  EXPECT_THAT(proposal.text, Not(HasSubstr("from: internet")));
}

TEST_F(Seen, AGroupThatHoldsExactlyTheseIsUsedAndAWiderOneIsNot) {
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  std::string text = kTenants;
  text.replace(text.find("admins:"), 0, "one: [198.51.100.7], ");
  EXPECT_THAT(told(text).lines, ElementsAre(HasSubstr("from: one")));
}

TEST_F(Seen, MoreAddressesThanAreListedAreNotProposed) {
  for (int i = 1; i <= 33; ++i)
    seen.add("198.51.100." + std::to_string(i), "shop-web-1", 8080,
             {.dialled = 80, .at = "192.0.2.10"});
  const auto lines = told();
  EXPECT_THAT(lines.lines, IsEmpty());
  EXPECT_EQ(lines.refusals.size(), 33U);
  EXPECT_EQ(lines.refusals[0], "too-many");
}

TEST_F(Seen, EgressListsTheAddresses) {
  seen.add("shop-api-1", "203.0.113.7", 443);
  seen.add("shop-web-1", "203.0.113.7", 443);
  seen.add("shop-api-1", "203.0.113.9", 53, {.protocol = IpProtocol::kUdp});
  EXPECT_THAT(told().lines,
              ElementsAre("shop egress {from: [api, web], to: \"203.0.113.7\", port: 443/tcp",
                          "shop egress {from: api, to: \"203.0.113.9\", port: 53/udp"));
}

// Of what a rule sends elsewhere (a transparent proxy) rules see the address and the port after it.
TEST_F(Seen, WhatIsTranslatedIsPermittedAsRulesSeeIt) {
  seen.add("shop-api-1", "203.0.113.7", 3128, {.dialled = 80, .at = "198.51.100.9"});
  seen.add("blog-app-1", "host", 7777, {.dialled = 70, .at = "172.21.0.1"});
  EXPECT_THAT(told().lines,
              ElementsAre("shop egress {from: api, to: \"203.0.113.7\", port: 3128/tcp",
                          "host seen-7777-tcp: {port: 7777/tcp, from: blog/app"));
  std::string with = proposal.text;
  EXPECT_THAT(told(with).lines, IsEmpty());
  EXPECT_EQ(proposal.covered, 2U);
}

TEST_F(Seen, ServicesOfTheHostOnlyWhereTheFileSpeaksOfThem) {
  seen.add("blog-app-1", "host", 7777, {.at = "172.21.0.1"});
  EXPECT_THAT(told().lines, ElementsAre("host seen-7777-tcp: {port: 7777/tcp, from: blog/app"));
  std::string text = kTenants;
  text.erase(text.find("host:"), text.find("tenants:") - text.find("host:"));
  const auto lines = told(text);
  EXPECT_THAT(lines.lines, IsEmpty());
  EXPECT_THAT(lines.refusals, ElementsAre("host"));
}

TEST_F(Seen, WhatTheEnginesProxySendsNeedsNoLineOfItsOwn) {
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("host", "shop-web-1", 8080);
  seen.add("host", "shop-web-1", 9000);
  EXPECT_THAT(told().lines,
              ElementsAre("shop allow {from: host, to: web, port: 9000/tcp", HasSubstr("ingress")));
}

TEST_F(Seen, ManagementIsNeverProposed) {
  seen.add("shop-web-1", "host", 22, {.at = "172.20.0.1"});
  seen.add("192.0.2.77", "shop-web-1", 2375, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("shop-web-1", "shop-db-1", 2375);
  const auto lines = told();
  EXPECT_THAT(lines.lines, IsEmpty());
  EXPECT_THAT(lines.refusals, ElementsAre("management", "management", "management"));
  // A database that could run programs is what services are there for.
  seen.add("shop-web-1", "shop-db-1", 6379);
  EXPECT_EQ(told().lines.size(), 1U);
}

TEST_F(Seen, WhatTheFileSaysNeverOfIsNotProposed) {
  seen.add("blog-app-1", "shop-api-1", 7000);
  seen.add("shop-web-1", "blog-app-1", 80);
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("shop-web-1", "shop-db-1", 5432);
  const auto lines = told(kTenants +
                          "never:\n  - {from: shop/*, to: blog/*, both: true}\n"
                          "  - {from: internet, to: shop/web}\n"
                          "  - {from: \"*/*\", to: shop/db, except: shop/web}\n");
  EXPECT_THAT(lines.lines, ElementsAre("shop allow {from: web, to: db, port: 5432/tcp"));
  EXPECT_THAT(lines.refusals, ElementsAre("never", "never", "never"));
  EXPECT_THAT(proposal.declined[0].why.reason, HasSubstr("never of line 1"));
}

TEST_F(Seen, AScanIsNotProposedAndNeitherIsWhatItFound) {
  for (std::uint16_t port = 1000; port < 1040; ++port)
    seen.add("shop-web-1", "shop-db-1", port,
             {.answered = 0, .tries = 1, .first_ms = kNow - 5000, .last_ms = kNow - 5000});
  seen.add("shop-web-1", "shop-db-1", 5432,
           {.answered = 1, .tries = 1, .first_ms = kNow - 4900, .last_ms = kNow - 4900});
  seen.add("shop-web-1", "shop-api-1", 7000,
           {.answered = 50, .tries = 50, .first_ms = kNow - 900'000, .last_ms = kNow});
  const auto lines = told();
  EXPECT_THAT(lines.lines, ElementsAre(HasSubstr("to: api, port: 7000/tcp")));
  EXPECT_EQ(lines.refusals.size(), 41U);
  for (const std::string& why : lines.refusals) EXPECT_EQ(why, "scan");
}

TEST_F(Seen, ASlowScanOfOneTargetIsOneToo) {
  for (std::uint16_t i = 0; i < 30; ++i) {
    const std::uint64_t when = kNow - i * std::uint64_t{600'000};
    seen.add("shop-web-1", "shop-db-1", static_cast<std::uint16_t>(1000 + i),
             {.answered = 0, .tries = 1, .first_ms = when, .last_ms = when});
  }
  seen.add("shop-web-1", "shop-db-1", 5432, {.answered = 1, .tries = 1});
  seen.add("shop-web-1", "shop-db-1", 5433, {.answered = 100, .tries = 100});
  EXPECT_THAT(told().lines, ElementsAre(HasSubstr("port: 5433/tcp")));
}

TEST_F(Seen, AFewFailuresOverDaysAreNoScan) {
  for (std::uint16_t i = 0; i < 12; ++i) {
    const std::uint64_t when = kNow - i * std::uint64_t{3'600'000};
    seen.add("shop-web-1", "203.0.113." + std::to_string(i + 1), 443,
             {.answered = 0, .tries = 1, .first_ms = when, .last_ms = when});
  }
  seen.add("shop-web-1", "shop-db-1", 5432);
  const auto lines = told();
  EXPECT_THAT(lines.lines, ElementsAre(HasSubstr("port: 5432/tcp")));
  EXPECT_EQ(lines.refusals[0], "unanswered");
}

TEST_F(Seen, WhoIsNotKnownIsNeverGuessed) {
  auto flow = seen.add("shop-web-1", "shop-db-1", 5432);
  flow.from = {flows::PeerKind::kNobody, 0, testing_hosts::ip("172.20.0.99")};
  seen.book.add(flow, {.tries = 1, .answered = 1});
  flow.from.kind = flows::PeerKind::kUnsure;
  seen.book.add(flow, {.tries = 1, .answered = 1});
  flow.from = {flows::PeerKind::kOutside, 0, IpAddress::any(IpFamily::kV4)};
  flow.at = testing_hosts::ip("192.0.2.10");
  seen.book.add(flow, {.tries = 1, .answered = 1});
  EXPECT_THAT(told().refusals, ElementsAre("too-many", "nobody", "unsure"));
}

TEST_F(Seen, WhatNoLineCanSayIsRefusedWithItsReason) {
  auto h = shop();
  h.container("stray", "shop", "172.20.0.9");
  snapshot = h.snapshot;
  seen = BookOf(snapshot);
  seen.add("stray", "shop-db-1", 5432);
  seen.add("198.51.100.7", "shop-db-1", 5432);
  seen.add("host", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  EXPECT_THAT(told().refusals, ElementsAre("own-address", "no-tenant", "inside"));
  std::string text = kTenants;
  text.replace(text.find(", db: {compose: db}"), 19, "");
  seen = BookOf(snapshot);
  seen.add("shop-web-1", "shop-db-1", 5432);
  EXPECT_THAT(told(text).refusals, ElementsAre("no-service"));
  text = kTenants + "  other: {like: shop, projects: [zzz]}\n";
  text.replace(text.find("services: {app: {compose: app}}"), 31, "like: shop");
  seen = BookOf(snapshot);
  seen.add("shop-web-1", "blog-app-1", 80);
  EXPECT_EQ(told(text).refusals.size(), 1U);
}

TEST_F(Seen, HostileNamesStayText) {
  auto h = shop();
  h.engine().containers[0].service = "web\"}, {from: host, to: db";
  h.engine().containers[0].name = "\x1b[31mred\n- {from: internet}";
  snapshot = h.snapshot;
  seen = BookOf(snapshot);
  seen.add(h.engine().containers[0].name, "shop-db-1", 5432);
  std::string text = kTenants;
  text.replace(text.find("    services: {web"),
               text.find("  blog:") - text.find("    services: {web"), "    mode: audit\n");
  const auto lines = told(text);
  EXPECT_THAT(lines.lines, IsEmpty());
  EXPECT_THAT(lines.refusals, ElementsAre("name"));
  const report::Learnt learnt{seen.book, proposal, "b.yaml", proposal.diff, {}, {}};
  const std::string shown = report::learn_text(learnt);
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.find("\n- {from"), std::string::npos);
}

TEST_F(Seen, ItsJsonIsOfItsSchema) {
  seen.add("shop-web-1", "shop-db-1", 5432);
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("shop-web-1", "host", 22, {.at = "172.20.0.1"});
  seen.add("host", "shop-web-1", 8081, {.dialled = 81, .at = "192.0.2.10"});
  told();
  const report::Learnt learnt{seen.book, proposal, "b.yaml", proposal.diff, {"a gap"}, 3};
  std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/learn.schema.json");
  const auto json = report::learn_json(learnt);
  EXPECT_EQ(testing_json::Validator(nlohmann::json::parse(file)).check(nlohmann::json::parse(json)),
            "")
      << json;
  std::ifstream flows(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/flows.schema.json");
  const auto kept = flows::book_json(seen.book);
  EXPECT_EQ(
      testing_json::Validator(nlohmann::json::parse(flows)).check(nlohmann::json::parse(kept)), "")
      << kept;
}

TEST_F(Seen, APlanTellsWhatBecomesOfThem) {
  seen.add("shop-web-1", "shop-db-1", 5432);
  seen.add("blog-app-1", "203.0.113.7", 443);
  seen.add("198.51.100.7", "shop-web-1", 8080, {.dialled = 80, .at = "192.0.2.10"});
  seen.add("shop-web-1", "shop-db-1", 99, {.answered = 0});
  compile::shops::Policy p;
  const auto plan = plan::make_plan(p.input(), false);
  ASSERT_TRUE(plan);
  const auto fates = fates_of(p.input(), plan->compiled, seen.book);
  ASSERT_TRUE(fates) << fates.error().message;
  EXPECT_EQ(fates->count(Fate::kStays), 2U);
  EXPECT_EQ(fates->count(Fate::kBreaks), 1U);
  EXPECT_EQ(fates->count(Fate::kUnasked), 1U);
  const report::Seen told_of{&seen.book, &*fates};
  std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/plan.schema.json");
  const auto json = nlohmann::json::parse(report::plan_json(p.config, *plan, told_of));
  EXPECT_EQ(testing_json::Validator(nlohmann::json::parse(file)).check(json), "") << json;
  EXPECT_EQ(json["seen"]["flows"][0]["flow"], "blog-app-1 -> 203.0.113.7 443/tcp");
  for (const auto language : {report::Language::kEnglish, report::Language::kJapanese}) {
    report::Style style;
    style.language = language;
    const std::string text = report::plan_text(p.config, "host", *plan, style, told_of);
    EXPECT_THAT(text, HasSubstr("! blog-app-1 -> 203.0.113.7 443/tcp"));
    EXPECT_EQ(text.find('{'), std::string::npos) << text;
    std::istringstream rows(text);
    for (std::string row; std::getline(rows, row);) EXPECT_LE(display_width(row), 80U) << row;
  }
}

TEST_F(Seen, WithoutAFileTheWholePolicyIsDrafted) {
  auto h = shop();
  h.container("lone", "shop", "172.20.0.9");
  snapshot = h.snapshot;
  seen = BookOf(snapshot);
  seen.add("shop-web-1", "shop-db-1", 5432);
  seen.add("lone", "shop-api-1", 7000);
  const std::string text = draft(seen.book);
  EXPECT_THAT(text, HasSubstr("web: {compose: shop/web}"));
  EXPECT_THAT(told(text).lines, ElementsAre("shop allow {from: lone/lone, to: api, port: 7000/tcp",
                                            "shop allow {from: web, to: db, port: 5432/tcp"));
  EXPECT_TRUE(policy::parse_config(draft(flows::Book()), "b.yaml"));
}

// Names that mean something in the language, or nothing there, are still those of somebody.
TEST_F(Seen, ADraftReadsWhateverThingsAreCalled) {
  auto h = shop();
  const char* names[] = {"host", "internet", "lan", "80", "-x", "null", "a.b", "*", "x/y", "dmz"};
  int last = 100;
  for (const char* name : names) {
    h.container(name, "shop", "172.20.0." + std::to_string(last++));
    model::Container& one = h.engine().containers.back();
    one.project = one.service = "";
    h.container(std::string("of-") + name, "shop", "172.20.0." + std::to_string(last++));
    model::Container& other = h.engine().containers.back();
    other.project = other.service = name;
  }
  snapshot = h.snapshot;
  seen = BookOf(snapshot);
  for (const char* name : names) {
    seen.add(name, std::string("of-") + name, 7000);
    seen.add(std::string("of-") + name, "203.0.113.7", 443);
    seen.add("198.51.100.7", name, 7000, {.dialled = 7070, .at = "192.0.2.10"});
  }
  const auto lines = told(draft(seen.book));
  EXPECT_THAT(lines.refusals, IsEmpty());
  EXPECT_THAT(lines.lines, ::testing::SizeIs(::testing::Gt(10U)));
}

}  // namespace
}  // namespace bulkhead::learn
