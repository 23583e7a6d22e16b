// What mode audit has counted becomes flows, and lines.
#include "learn/audited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/books.h"
#include "learn/fates.h"

namespace bulkhead::learn {
namespace {

using compile::Refused;
using Kind = compile::Refusal;
using compile::shops::shop;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_books::kNow;
using testing_hosts::ip;

constexpr std::string_view kFile = R"(bulkhead: 1
mode: audit
host: {ssh: {port: 22/tcp, from: lan}}
tenants:
  shop:
    services: {web: {compose: web}, api: {compose: api}, db: {compose: db}}
  blog:
    services: {app: {compose: app}}
)";

class Audited : public ::testing::Test {
 protected:
  model::Snapshot snapshot = shop().snapshot;
  compile::Tally tally;
  std::set<IpAddress> moved;
  std::map<IpAddress, std::uint64_t> since;
  flows::Book book;

  void count(Kind kind, const char* from, const char* to, std::uint16_t port,
             IpProtocol protocol = IpProtocol::kTcp) {
    tally.refused.push_back({kind, ip(from), ip(to), protocol, Port{port}, 12, 60'000});
  }
  Proposal proposal(const std::string& text = std::string(kFile)) {
    const auto config = policy::parse_config(text, "bulkhead.yaml");
    EXPECT_TRUE(config);
    const auto zones = policy::resolve_zones(*config, snapshot);
    book = {};
    const auto added = add_audited(tally, {snapshot, zones, moved, since}, book);
    EXPECT_TRUE(added) << added.error().message;
    return propose(book, *config, text, zones, kNow);
  }
  static std::vector<std::string> lines(const Proposal& p) {
    std::vector<std::string> out;
    for (const NewLine& line : p.lines)
      out.push_back(line.tenant + " " + std::string(to_string(line.section)) + " " + line.text);
    return out;
  }
  static std::vector<std::string> declined(const Proposal& p) {
    std::vector<std::string> out;
    for (const Declined& one : p.declined)
      out.push_back(std::string(to_string(one.why.refusal)) + ": " + one.why.reason);
    return out;
  }
};

TEST_F(Audited, WhatWouldBeRefusedAndIsAnsweredBecomesLines) {
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 5432);
  count(Kind::kOutward, "172.20.0.3", "203.0.113.9", 443);
  const Proposal p = proposal();
  EXPECT_THAT(
      lines(p),
      ElementsAre(AllOf(HasSubstr("shop allow {from: web, to: db, port: 5432/tcp, why:"),
                        HasSubstr("12 packets that mode audit counted, last 2026-11-23 23:59 UTC")),
                  HasSubstr("shop egress {from: api, to: \"203.0.113.9\", port: 443/tcp")));
  EXPECT_THAT(declined(p), IsEmpty());
  EXPECT_THAT(p.unwritten, IsEmpty());
}

// The kernel counted what the published port was translated to, or what a proxy was dialled at.
TEST_F(Audited, WhatCameToAPublishedPortIsLetInByThatPortAlone) {
  const auto line = ElementsAre(
      HasSubstr("shop ingress {to: web, publish: 80/tcp, from: seen-shop-web, why: \"12 packets"));
  count(Kind::kInward, "198.51.100.7", "172.20.0.2", 8080);
  EXPECT_THAT(lines(proposal()), line);
  tally.refused[0].to = ip("192.0.2.10");
  tally.refused[0].port = Port{80};
  EXPECT_THAT(lines(proposal()), line);
}

TEST_F(Audited, WhatIsNoReasonForALineIsSaid) {
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 6379);
  EXPECT_THAT(declined(proposal()),
              ElementsAre("unanswered: mode audit counted it, and nobody would answer there as "
                          "things are now"));
  tally.refused.clear();
  count(Kind::kImpostor, "172.20.0.3", "172.20.0.4", 5432);
  EXPECT_THAT(declined(proposal()), ElementsAre(HasSubstr("nobody: ")));
  tally.refused.clear();
  count(Kind::kInside, "172.20.0.77", "172.20.0.4", 5432);
  EXPECT_THAT(declined(proposal()), ElementsAre(HasSubstr("nobody: ")));
  tally.refused.clear();
  count(Kind::kOutward, "172.20.0.3", "203.0.113.9", 2375);
  EXPECT_THAT(declined(proposal()), ElementsAre(HasSubstr("management: ")));
  EXPECT_THAT(lines(proposal()), IsEmpty());
}

// Who has the address now did not send what was counted.
TEST_F(Audited, AnAddressThatChangedHandsIsNobodys) {
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 5432);
  moved.insert(ip("172.20.0.2"));
  EXPECT_THAT(declined(proposal()), ElementsAre(HasSubstr("unsure: ")));
}

// Nobody wrote down who had the address before, but that the one of today came later.
TEST_F(Audited, WhoCameAfterThePacketDidNotSendIt) {
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 5432);  // a minute ago
  for (const char* newcomer : {"172.20.0.2", "172.20.0.4"}) {
    since = {{ip(newcomer), snapshot.taken_at_ms - 30'000}};
    EXPECT_THAT(declined(proposal()), ElementsAre(HasSubstr("unsure: "))) << newcomer;
    since = {{ip(newcomer), snapshot.taken_at_ms - 90'000}};
    EXPECT_THAT(lines(proposal()), ElementsAre(HasSubstr("{from: web, to: db"))) << newcomer;
  }
}

// Root in a container gives itself what addresses it likes.
TEST_F(Audited, WhoClaimsAnAddressIsNotItsHolder) {
  const auto app = snapshot.engines[0].containers[3].netns;
  ASSERT_TRUE(app);
  std::vector<model::Address>& claimed = snapshot.namespaces[app->value].addresses;
  claimed.insert(claimed.end(), 3, claimed.back());
  claimed.end()[-3].local = ip("203.0.113.9");
  claimed.end()[-2].local = ip("198.51.100.7");
  claimed.end()[-1].local = ip("172.20.0.2");
  count(Kind::kOutward, "172.20.0.3", "203.0.113.9", 443);
  EXPECT_THAT(lines(proposal()),
              ElementsAre(HasSubstr("shop egress {from: api, to: \"203.0.113.9")));
  tally.refused.clear();
  count(Kind::kInward, "198.51.100.7", "192.0.2.10", 80);
  EXPECT_THAT(lines(proposal()), ElementsAre(HasSubstr("shop ingress {to: web, publish: 80/tcp")));
  tally.refused.clear();
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 5432);
  const Proposal p = proposal();
  EXPECT_THAT(lines(p), IsEmpty());
  EXPECT_THAT(declined(p), ElementsAre(HasSubstr("unsure: ")));
}

TEST_F(Audited, WhatDoesNotFitIsCounted) {
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 0, IpProtocol::kIcmp);
  tally.missed = 7;
  EXPECT_THAT(lines(proposal()), IsEmpty());
  EXPECT_EQ(book.losses.others, 1U);
  EXPECT_EQ(book.losses.dropped, 7U);
}

// Ports that nobody answers at, one after another: what was open among them is no reason.
TEST_F(Audited, AScanIsNoReason) {
  for (std::uint16_t port = 1; port <= 60; ++port)
    count(Kind::kInside, "172.20.0.2", "172.20.0.4", port);
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 5432);
  EXPECT_THAT(lines(proposal()), IsEmpty());
}

TEST_F(Audited, OnceItIsEnforcedItBreaks) {
  count(Kind::kInside, "172.20.0.2", "172.20.0.4", 5432);
  (void)proposal();
  const compile::shops::Policy p(snapshot, kFile);
  for (const bool enforce : {true, false}) {
    const auto compiled = compile::compile(p.input(enforce));
    ASSERT_TRUE(compiled);
    const auto fates = fates_of(p.input(enforce), *compiled, book);
    ASSERT_TRUE(fates);
    EXPECT_EQ(fates->count(enforce ? Fate::kBreaks : Fate::kStays), 1U);
  }
}

}  // namespace
}  // namespace bulkhead::learn
