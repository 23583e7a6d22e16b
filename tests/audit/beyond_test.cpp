// What containers can send to beyond the host, of hand-made hosts.
#include "audit/beyond.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/ask.h"

namespace bulkhead::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing_hosts::audit_of;
using testing_hosts::from;
using testing_hosts::HostBuilder;

HostBuilder two_on_a_lan() {
  HostBuilder h;
  h.interface("eth1", "10.1.0.1", 24);
  h.network("n", "br-n", "172.18.0.1");
  h.container("api", "n", "172.18.0.2", "shop", "api");
  h.container("web", "n", "172.18.0.3", "shop", "web");
  return h;
}

std::vector<const Finding*> beyond(const Report& report) {
  std::vector<const Finding*> out;
  for (const Finding& f : report.findings)
    if (f.beyond) out.push_back(&f);
  return out;
}

std::string with(const std::string& target, const std::string& more = "") {
  return "bulkhead: 1\nscan: {targets: {nas: {" + target + "}}}\n" + more;
}

TEST(AuditBeyond, WhoGetsToATargetIsAFindingOfItsClass) {
  const auto h = two_on_a_lan();
  const std::pair<const char*, Kind> cases[] = {
      {"at: [10.1.0.5], ports: [445]", Kind::kT5},
      {"at: [10.1.0.5], ports: [2375]", Kind::kT2},
      {"at: [10.1.0.5], is: management", Kind::kT2},
      {"at: [10.1.0.5], ports: [2375], is: traditional", Kind::kT5},
      {"at: [10.1.0.5]", Kind::kT5},
  };
  for (const auto& [target, kind] : cases) {
    const Report report = audit_of(h.snapshot, with(target));
    const auto found = beyond(report);
    ASSERT_THAT(found, SizeIs(1)) << target;
    EXPECT_EQ(found[0]->kind, kind) << target;
    EXPECT_EQ(found[0]->subject.network, "nas");
    EXPECT_THAT(from(*found[0]), ElementsAre("container:docker/api", "container:docker/web"));
    EXPECT_EQ(found[0]->why.phrase, Phrase::kWhyBeyond);
    EXPECT_THAT(found[0]->why.values[0].second, "eth1");
  }
  const Report none = audit_of(h.snapshot);
  EXPECT_THAT(beyond(none), IsEmpty());
}

TEST(AuditBeyond, AMachineThatTwoTargetsNameIsOfBoth) {
  const Report report =
      audit_of(two_on_a_lan().snapshot,
               with("at: [10.1.0.5], ports: [445]}, rack: {at: [10.1.0.5], ports: [2375]"));
  std::vector<std::pair<std::string, Kind>> found;
  for (const Finding* one : beyond(report)) found.emplace_back(one->subject.network, one->kind);
  EXPECT_THAT(found, ::testing::UnorderedElementsAre(std::pair("nas", Kind::kT5),
                                                     std::pair("rack", Kind::kT2)));
}

TEST(AuditBeyond, AnAuditSendsNothingThere) {
  const Report report = audit_of(two_on_a_lan().snapshot, with("at: [10.1.0.5], ports: [445]"));
  ASSERT_THAT(beyond(report), SizeIs(1));
  for (const ProbeWish& wish : wanted_probes(report))
    EXPECT_NE(wish.to, testing_hosts::ip("10.1.0.5"));
}

TEST(AuditBeyond, WhatIsOfThisHostIsNotBeyondIt) {
  const Report report =
      audit_of(two_on_a_lan().snapshot, with("at: [10.1.0.1, 172.18.0.3], ports: [445]"));
  EXPECT_THAT(beyond(report), IsEmpty());
}

TEST(AuditBeyond, WhoIsPermittedIsNotCounted) {
  const Report report =
      audit_of(two_on_a_lan().snapshot,
               with("at: [10.1.0.5], ports: [445]",
                    "tenants: {shop: {egress: [{from: api, to: 10.1.0.5, port: 445/tcp}]}}\n"));
  const auto found = beyond(report);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(from(*found[0]), ElementsAre("container:docker/web"));
}

TEST(AuditBeyond, ARuleThatStopsItEndsIt) {
  auto h = two_on_a_lan();
  h.chain("filter", "DOCKER-USER").rules.push_back([&] {
    model::Rule r = h.rule();
    HostBuilder::add(r, HostBuilder::name_is(model::MetaKey::kOifname, "eth1"));
    HostBuilder::add(r, HostBuilder::decide(model::VerdictKind::kDrop));
    return r;
  }());
  const Report report = audit_of(h.snapshot, with("at: [10.1.0.5], ports: [445]"));
  EXPECT_THAT(beyond(report), IsEmpty());
}

// Of something that answers on every port, though nothing listens.
TEST(AuditContradictions, NeighbouringPortsOfWhichTheSameIsSaidAreOne) {
  const auto h = two_on_a_lan();
  policy::Config config;
  const MakeOracle make = world_oracle(config);
  auto oracle = make(h.snapshot);
  ASSERT_TRUE(oracle);
  Report report = audit_of(h.snapshot);
  std::vector<model::Observation> seen;
  for (std::uint16_t port = 7000; port < 7100; ++port) {
    if (port == 7050) continue;
    seen.push_back({.vantage = "lan",
                    .from = h.snapshot.host,
                    .to = testing_hosts::ip("192.0.2.10"),
                    .port = Port{port},
                    .protocol = IpProtocol::kTcp,
                    .how = "accepted"});
  }
  merge_outside(report, seen, **oracle);
  ASSERT_THAT(report.contradictions, SizeIs(2));
  EXPECT_EQ(report.contradictions[0].port, Port{7000});
  EXPECT_EQ(report.contradictions[0].last, Port{7049});
  EXPECT_EQ(report.contradictions[1].last, Port{7099});
  EXPECT_EQ(report.observed, 99U);
}

TEST(AuditBeyond, ItsCureClosesItInTheModel) {
  for (const char* at : {"at: [10.1.0.5]", "at: [10.1.0.0/28]"}) {
    const Report report =
        audit_of(two_on_a_lan().snapshot, with(std::string(at) + ", ports: [445, 2049, 111/udp]"));
    const auto found = beyond(report);
    ASSERT_THAT(found, SizeIs(1));
    ASSERT_FALSE(found[0]->cures.empty());
    EXPECT_TRUE(found[0]->cures[0].effect.gone);
    EXPECT_EQ(found[0]->cures[0].effect.closes, 0U);
  }
}

TEST(AuditBeyond, ContainersInTheHostsNetworkSendAsTheHostDoes) {
  auto h = two_on_a_lan();
  model::Container& agent = h.engine().containers.emplace_back();
  agent.name = "agent", agent.state = "running", agent.network_mode = "host";
  agent.netns = model::NsId{0};
  const Report report = audit_of(h.snapshot, with("at: [10.1.0.5], ports: [445]"));
  const auto found = beyond(report);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(from(*found[0]), ::testing::Contains("container:docker/agent"));
  EXPECT_THAT(from(*found[0]), SizeIs(3));
}

}  // namespace
}  // namespace bulkhead::audit
