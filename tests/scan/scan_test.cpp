// What a scan asks, and what its answers mean beside the model: from hosts made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scan/planned.h"

namespace bulkhead::scan {
namespace {

using packet::IntervalSet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Planned;
using testing::shop;
using ::testing::SizeIs;

std::vector<std::string> vantages(const Plan& plan) {
  std::vector<std::string> out;
  for (const Seat& seat : plan.seats) out.push_back(seat.vantage);
  return out;
}

TEST(ScanPlan, EachNamespaceIsOneSeatWithTheNamesOfAllWhoSitThere) {
  auto h = shop();
  model::Container& agent = h.engine().containers.emplace_back();
  agent.name = "agent", agent.state = "running", agent.netns = model::NsId{0};
  const Planned p(h.snapshot);
  EXPECT_THAT(vantages(p.plan), ElementsAre("host", "container:docker/web", "container:docker/api",
                                            "container:docker/db"));
  EXPECT_THAT(p.plan.seats[0].names, ElementsAre("host", "container:docker/agent"));
}

TEST(ScanPlan, ASeatFromWhichNothingCanBeSentIsNamed) {
  auto h = shop();
  model::Container& ghost = h.engine().containers.emplace_back();
  ghost.name = "ghost", ghost.state = "running";
  const Planned p(h.snapshot);
  ASSERT_THAT(p.plan.left_out, SizeIs(1));
  EXPECT_EQ(p.plan.left_out[0].what, "container:docker/ghost");
  EXPECT_NE(p.plan.left_out[0].why, "");
}

TEST(ScanPlan, CandidatesAreAskedWhereTheModelKnows) {
  const Planned p(shop().snapshot);
  const Aim* aim = p.aim("container:docker/api", "172.18.0.2");
  ASSERT_NE(aim, nullptr);
  EXPECT_TRUE(aim->doubt.empty());
  EXPECT_EQ(aim->open, IntervalSet::single(80));
  for (const std::uint16_t port : {25, 80, 5432, 7000, 8080})
    EXPECT_TRUE(aim->ports.contains(port)) << port;
  EXPECT_FALSE(aim->ports.contains(81));
  EXPECT_FALSE(aim->ports.contains(0));
}

TEST(ScanPlan, UdpIsAskedOnlyWhereSomethingMayAnswer) {
  const Planned p(shop().snapshot);
  const Aim* aim = p.aim("host", "172.19.0.2", IpProtocol::kUdp);
  ASSERT_NE(aim, nullptr);
  EXPECT_EQ(aim->ports, IntervalSet::single(53));
  EXPECT_EQ(p.aim("host", "172.18.0.2", IpProtocol::kUdp), nullptr);
}

TEST(ScanPlan, FullIsEachTcpPort) {
  Wanted wanted;
  wanted.full = true;
  const Planned p(shop().snapshot, wanted);
  for (const Aim& aim : p.plan.aims) {
    if (aim.protocol != IpProtocol::kTcp) continue;
    EXPECT_EQ(aim.ports, IntervalSet::range(1, 65535));
  }
}

TEST(ScanPlan, NarrowedToSeatAddressAndPorts) {
  Wanted wanted;
  wanted.from = {query::Vantage::parse("container:api").value()};
  wanted.to = {testing::ip("172.18.0.2")};
  wanted.ports = {{{79, 81}, {}}, {{53, 53}, IpProtocol::kUdp}};
  const Planned p(shop().snapshot, wanted);
  EXPECT_THAT(vantages(p.plan), SizeIs(1));
  ASSERT_THAT(p.plan.aims, SizeIs(2));
  EXPECT_EQ(p.plan.aims[0].ports, IntervalSet::range(79, 81));
  EXPECT_EQ(p.plan.aims[0].open, IntervalSet::single(80));
  EXPECT_EQ(p.plan.aims[1].protocol, IpProtocol::kUdp);
}

// One's own loopback is of interest where somebody else sits there too.
TEST(ScanPlan, LoopbackIsAskedInSharedNamespacesOnly) {
  auto h = shop();
  model::Container& side = h.engine().containers.emplace_back();
  side.name = "side", side.state = "running", side.netns = h.engine().containers[2].netns;
  const Planned p(h.snapshot);
  EXPECT_NE(p.aim("container:docker/db", "127.0.0.1"), nullptr);
  EXPECT_NE(p.aim("container:docker/db", "172.19.0.2"), nullptr);
  EXPECT_NE(p.aim("host", "127.0.0.1"), nullptr);
  EXPECT_EQ(p.aim("container:docker/web", "127.0.0.1"), nullptr);
  EXPECT_EQ(p.aim("container:docker/web", "172.18.0.2"), nullptr);
}

// The address of a namespace that is joined to nothing here may be anybody's out there.
TEST(ScanPlan, AddressesToWhichPacketsLeaveTheHostAreNotScanned) {
  auto h = shop();
  h.snapshot.namespaces.emplace_back();
  h.link(h.snapshot.namespaces.size() - 1, "eth0", "", 2);
  h.address(h.snapshot.namespaces.size() - 1, IfIndex{2}, "10.78.0.1", 24);
  const Planned p(h.snapshot);
  EXPECT_EQ(p.aim("host", "10.78.0.1"), nullptr);
  EXPECT_NE(p.aim("host", "172.18.0.2"), nullptr);
  Wanted named;
  named.to = {testing::ip("10.78.0.1")};
  EXPECT_NE(Planned(h.snapshot, named).aim("host", "10.78.0.1"), nullptr);
}

TEST(ScanPlan, WhatIsOutsideCannotBeAskedFrom) {
  const Planned p(shop().snapshot);
  Wanted wanted;
  wanted.from = {query::Vantage::parse("internet").value()};
  const auto plan = make_plan(p.asker, wanted);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, ErrorCode::kInvalidInput);
  wanted.from = {query::Vantage::parse("container:nobody").value()};
  EXPECT_EQ(make_plan(p.asker, wanted).error().code, ErrorCode::kNotFound);
}

// ------------------------------------------------------------------------------------- verdicts

constexpr PortRun open_at(std::uint16_t port) {
  return {{port, port}, State::kOpen, Proof::kAccepted, 0};
}

TEST(ScanJudge, WhatBothSayIsConfirmed) {
  const Planned p(shop().snapshot);
  const Aim* aim = p.aim("container:docker/api", "172.18.0.2");
  const Judged open = judge(p.asker, p.plan, p.swept(aim, open_at(80)));
  EXPECT_EQ(open.confirmed, 1U);
  EXPECT_THAT(open.disagreements, IsEmpty());
  const auto& ports = open.open[static_cast<std::size_t>(aim - p.plan.aims.data())];
  ASSERT_THAT(ports, SizeIs(1));
  EXPECT_EQ(ports[0].agreement, Agreement::kConfirmed);
  ASSERT_NE(ports[0].socket, nullptr);
  EXPECT_EQ(ports[0].socket->owners.front().command, "nginx");
  const Judged closed =
      judge(p.asker, p.plan, p.swept(aim, {{5432, 5432}, State::kClosed, Proof::kReset, 0}));
  EXPECT_EQ(closed.confirmed, 1U);
  EXPECT_THAT(closed.disagreements, IsEmpty());
}

TEST(ScanJudge, OpenAgainstTheModelIsADisagreementWithBothSides) {
  const Planned p(shop().snapshot);
  const Aim* aim = p.aim("container:docker/api", "172.18.0.2");
  const Judged judged = judge(p.asker, p.plan, p.swept(aim, open_at(5432)));
  ASSERT_THAT(judged.disagreements, SizeIs(1));
  const Disagreement& d = judged.disagreements[0];
  EXPECT_EQ(d.observed, open_at(5432));
  EXPECT_EQ(d.computed, trace::Verdict::kClosed);
  EXPECT_NE(d.reason, "");
  EXPECT_EQ(judged.disagreeing, 1U);
  EXPECT_EQ(judged.confirmed, 0U);
}

TEST(ScanJudge, ClosedAgainstTheModelIsADisagreement) {
  const Planned p(shop().snapshot);
  const Aim* aim = p.aim("container:docker/api", "172.18.0.2");
  const Judged judged =
      judge(p.asker, p.plan, p.swept(aim, {{7, 8080}, State::kFiltered, Proof::kSilence, 0}));
  ASSERT_THAT(judged.disagreements, SizeIs(1));
  EXPECT_EQ(judged.disagreements[0].observed.ports, (PortRange{80, 80}));
  EXPECT_EQ(judged.disagreements[0].computed, trace::Verdict::kOpen);
  EXPECT_EQ(judged.disagreeing, 1U);
  EXPECT_EQ(judged.confirmed, 8080U - 7U);
}

TEST(ScanJudge, WhatWasNotObservedSaysNothing) {
  const Planned p(shop().snapshot);
  const Aim* aim = p.aim("container:docker/api", "172.18.0.2");
  const Judged judged =
      judge(p.asker, p.plan, p.swept(aim, {{80, 81}, State::kUnknown, Proof::kLost, 0}));
  EXPECT_THAT(judged.disagreements, IsEmpty());
  EXPECT_EQ(judged.unproven, 2U);
  EXPECT_EQ(judged.confirmed + judged.resolved + judged.disagreeing, 0U);
}

TEST(ScanResult, OnlyASilentUdpPortMayStayUnknownInACompleteScan) {
  Result result;
  result.swept.resize(1);
  result.swept[0].runs = {{{53, 53}, State::kUnknown, Proof::kNoUdpAnswer, 0}};
  EXPECT_FALSE(is_incomplete(result));
  result.swept[0].runs[0].proof = Proof::kLost;
  EXPECT_TRUE(is_incomplete(result));
  result.swept[0].runs.clear();
  result.finished = false;
  EXPECT_TRUE(is_incomplete(result));
}

}  // namespace
}  // namespace bulkhead::scan
