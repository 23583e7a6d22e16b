// What only attackers get who forge packets, beside what an ordinary connection gets.
#include "audit/attackers.h"

#include <gmock/gmock.h>

#include "audit/ask.h"

namespace bulkhead::audit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using namespace testing_hosts;

constexpr std::string_view kTrusted = "172.18.0.9";
// The container that the rules let in is let in by the policy as well.
constexpr std::string_view kPolicy =
    "bulkhead: 1\nhost: {db: {port: 5432, from: tenant.ops/*}}\ntenants: {ops: {}}\n";

// A database of the host for one container, told from its neighbours by its address alone.
HostBuilder by_source_address() {
  HostBuilder h;
  h.network("shared", "br-s", "172.18.0.1");
  h.container("ops-backup-1", "shared", kTrusted, "ops", "backup");
  h.container("web-app-1", "shared", "172.18.0.2", "web", "app");
  h.listen(0, 5432, "postgres", "172.18.0.1");
  h.closed_but_for({});
  auto& rules = h.chain("filter", "INPUT").rules;
  model::Rule accept = h.rule();
  HostBuilder::add(accept,
                   HostBuilder::equals({model::PayloadTerm{model::PayloadBase::kNetwork, 12, 4}},
                                       {172, 18, 0, 9}));
  HostBuilder::add(accept, HostBuilder::decide(model::VerdictKind::kAccept));
  rules.push_back(std::move(accept));
  model::Rule drop = h.rule();
  HostBuilder::add(drop, HostBuilder::name_is(model::MetaKey::kIifname, "br-s"));
  HostBuilder::add(drop, HostBuilder::decide(model::VerdictKind::kDrop));
  rules.push_back(std::move(drop));
  return h;
}

const Finding& the_only(const Report& report, Kind kind) {
  const auto found = of_kind(report, kind);
  EXPECT_THAT(found, SizeIs(1));
  static const Finding kNone{};
  return found.empty() ? kNone : *found.front();
}

TEST(Attackers, AForgedSourceStandsBesideTheOrdinaryWayIn) {
  const Report report = audit_of(by_source_address().snapshot);
  const Finding& t3 = the_only(report, Kind::kT3);
  EXPECT_THAT(from(t3), ElementsAre("container:docker/ops-backup-1", "container:docker/web-app-1"));
  EXPECT_FALSE(t3.reaches[0].forged);
  ASSERT_TRUE(t3.reaches[1].forged);
  const Forgery& f = *t3.reaches[1].forged;
  EXPECT_TRUE(f.foreign_source && f.frame);
  EXPECT_FALSE(f.foreign_mac || f.odd_port || f.tagged) << "the least that will do";
  EXPECT_EQ(t3.reaches[1].source, ip(kTrusted));
  ASSERT_THAT(f.stops, SizeIs(1));
  EXPECT_THAT(f.stops[0].place, HasSubstr("ip filter/INPUT"));
  EXPECT_EQ(t3.severity, Severity::kHigh) << "as it is without attackers";
  EXPECT_FALSE(only_forged(t3.reaches));
}

TEST(Attackers, WhatOnlyTheyGetIsAFindingOfItsOwnAndLower) {
  const Report report = audit_of(by_source_address().snapshot, kPolicy);
  const Finding& t3 = the_only(report, Kind::kT3);
  EXPECT_THAT(from(t3), ElementsAre("container:docker/web-app-1"));
  EXPECT_TRUE(only_forged(t3.reaches));
  EXPECT_EQ(t3.severity, Severity::kMedium);
  EXPECT_EQ(t3.severity_reasons.back().phrase, Phrase::kOnlyForged);
  EXPECT_NE(t3.id, the_only(audit_of(by_source_address().snapshot), Kind::kT3).id)
      << "a suppression of the one must not hide the other";
  EXPECT_EQ(t3.why.phrase, Phrase::kWhyForged);
  EXPECT_FALSE(t3.reaches[0].path.empty());
  EXPECT_EQ(report.attackers.asked, 2U) << "the LAN was asked about as well";
  EXPECT_EQ(report.attackers.open, 1U);
}

TEST(Attackers, TheCureTakesTheRightToForgeAndIsSeenToHelp) {
  const Report report = audit_of(by_source_address().snapshot, kPolicy);
  const Finding& t3 = the_only(report, Kind::kT3);
  ASSERT_FALSE(t3.cures.empty());
  EXPECT_EQ(t3.cures[0].say.phrase, Phrase::kCureDropRaw);
  EXPECT_THAT(t3.cures[0].paste, HasSubstr("app: {cap_drop: [NET_RAW]}"));
  EXPECT_TRUE(t3.cures[0].effect.computed && t3.cures[0].effect.gone);
  EXPECT_EQ(t3.cures[0].effect.closes, 0U);
}

TEST(Attackers, WhoMayNotForgeGetsNothing) {
  HostBuilder h = by_source_address();
  h.engine().containers[1].capabilities_dropped = {"NET_RAW"};
  const Report report = audit_of(h.snapshot, kPolicy);
  EXPECT_THAT(of_kind(report, Kind::kT3), IsEmpty());
  EXPECT_EQ(report.attackers.closed, 2U);
}

TEST(Attackers, OfAPrivilegedContainerTakingNetRawIsNoCure) {
  HostBuilder h = by_source_address();
  h.engine().containers[1].privileged = true;
  const Report report = audit_of(h.snapshot, kPolicy);
  for (const Cure& cure : the_only(report, Kind::kT3).cures)
    EXPECT_NE(cure.say.phrase, Phrase::kCureDropRaw);
}

TEST(Attackers, ANeighbourOnTheLanForgesAMac) {
  HostBuilder h;
  h.listen(0, 5432, "postgres");
  h.closed_but_for({});
  auto& rules = h.chain("filter", "INPUT").rules;
  model::Rule accept = h.rule();
  HostBuilder::add(accept,
                   HostBuilder::equals({model::PayloadTerm{model::PayloadBase::kLink, 6, 6}},
                                       {2, 0xaa, 0, 0, 0, 7}));
  HostBuilder::add(accept, HostBuilder::decide(model::VerdictKind::kAccept));
  rules.insert(rules.begin(), std::move(accept));
  const Report report = audit_of(h.snapshot);
  const Finding& t5 = the_only(report, Kind::kT5);
  EXPECT_THAT(from(t5), ElementsAre("lan"));
  ASSERT_TRUE(t5.reaches[0].forged);
  EXPECT_TRUE(t5.reaches[0].forged->foreign_mac);
  EXPECT_EQ(t5.reaches[0].forged->source_mac, MacAddress({2, 0xaa, 0, 0, 0, 7}));
  EXPECT_FALSE(t5.reaches[0].forged->foreign_source);
}

TEST(Attackers, RealConnectionsSayNothingAboutForgedOnes) {
  HostBuilder h = by_source_address();
  model::Observation o;
  o.vantage = "container:docker/web-app-1";
  o.to = ip("172.18.0.1"), o.port = Port{5432}, o.how = "dropped";
  h.snapshot.observations = {o};
  const Report report = audit_of(h.snapshot, kPolicy);
  EXPECT_EQ(the_only(report, Kind::kT3).state, State::kComputed);
  EXPECT_THAT(report.contradictions, IsEmpty());
  EXPECT_THAT(wanted_probes(report), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::audit
