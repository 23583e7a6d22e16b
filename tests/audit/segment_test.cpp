// What passes between tenants who share a link-layer segment, and what stops it.
#include <gmock/gmock.h>

#include "audit/ask.h"
#include "audit/link_layer.h"

namespace bulkhead::audit {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using namespace testing_hosts;

// Two tenants on one bridge; each listens.
HostBuilder shared() {
  HostBuilder h;
  h.network("shared", "br-s", "172.18.0.1");
  const auto a = h.container("a-app-1", "shared", "172.18.0.2", "a", "app");
  const auto b = h.container("b-app-1", "shared", "172.18.0.3", "b", "app");
  h.listen(a.ns, 7070, "app");
  h.listen(b.ns, 7070, "app");
  return h;
}

model::Table drop_all(model::NfFamily family, model::Hook hook) {
  model::Table table;
  table.family = family;
  table.name = "guard";
  table.chains.push_back(
      HostBuilder::base("all", hook, model::ChainType::kFilter, -10, model::VerdictKind::kDrop));
  return table;
}

// Of the shared segment's finding: "connections open", ... and its severity.
struct Segment {
  std::map<LinkWay, Verdict> ways;
  std::map<LinkWay, std::vector<Phrase>> stops;
  Severity severity = Severity::kInfo;
};

Segment look(const HostBuilder& h) {
  const Report report = audit_of(h.snapshot);
  const auto found = of_kind(report, Kind::kT6);
  EXPECT_THAT(found, SizeIs(1));
  Segment out;
  if (found.empty()) return out;
  out.severity = found[0]->severity;
  for (const LinkCrossing& c : found[0]->crossings) {
    EXPECT_EQ(c.open + c.closed + c.unknown, 2U) << "two tenants, two directions";
    out.ways[c.way] = c.verdict();
    for (const Text& stop : c.stops) out.stops[c.way].push_back(stop.phrase);
  }
  return out;
}

using Ways = std::map<LinkWay, Verdict>;
constexpr auto kO = Verdict::kOpen, kC = Verdict::kClosed, kU = Verdict::kUnknown;

Ways ways(Verdict connections, Verdict forged, Verdict arp, Verdict frames) {
  return {{LinkWay::kConnections, connections},
          {LinkWay::kForged, forged},
          {LinkWay::kArp, arp},
          {LinkWay::kFrames, frames}};
}

TEST(Segments, WithoutBridgeFilteringAllPasses) {
  HostBuilder h = shared();
  h.host().sysctls.bridge_nf_call_iptables = 0;
  const Segment seen = look(h);
  EXPECT_EQ(seen.ways, ways(kO, kO, kO, kO));
  EXPECT_EQ(seen.severity, Severity::kHigh);
}

// As icc=false does it: what br_netfilter shows to iptables is stopped, ARP and other frames not.
TEST(Segments, IccFalseStopsWhatIptablesSeesAndNoFrames) {
  HostBuilder h = shared();
  auto& rules = h.chain("filter", "FORWARD").rules;
  model::Rule drop = h.rule();
  HostBuilder::add(drop, HostBuilder::name_is(model::MetaKey::kIifname, "br-s"));
  HostBuilder::add(drop, HostBuilder::name_is(model::MetaKey::kOifname, "br-s"));
  HostBuilder::add(drop, HostBuilder::decide(model::VerdictKind::kDrop));
  rules.insert(rules.begin(), std::move(drop));
  Segment seen = look(h);
  EXPECT_EQ(seen.ways[LinkWay::kConnections], kC);
  EXPECT_EQ(seen.stops[LinkWay::kConnections], std::vector{Phrase::kStopRule});
  EXPECT_NE(seen.ways[LinkWay::kForged], kO) << "TCP does not come back";
  EXPECT_EQ(seen.ways[LinkWay::kArp], kO);
  EXPECT_EQ(seen.ways[LinkWay::kFrames], kO);
  EXPECT_EQ(seen.severity, Severity::kMedium);
}

TEST(Segments, PortIsolationStopsEverything) {
  HostBuilder h = shared();
  for (model::Link& link : h.host().links) {
    if (link.port) link.port->isolated = true;
  }
  Segment seen = look(h);
  EXPECT_EQ(seen.ways, ways(kC, kC, kC, kC));
  EXPECT_EQ(seen.stops[LinkWay::kArp], (std::vector{Phrase::kStopIsolated, Phrase::kStopIsolated}));
  EXPECT_EQ(seen.severity, Severity::kLow) << "a segment all the same";
}

TEST(Segments, WhoMayNotForgeSendsNoFrames) {
  HostBuilder h = shared();
  h.host().sysctls.bridge_nf_call_iptables = 0;
  for (model::Container& c : h.engine().containers) c.capabilities_dropped = {"ALL"};
  Segment seen = look(h);
  EXPECT_EQ(seen.ways[LinkWay::kConnections], kO);
  EXPECT_EQ(seen.ways[LinkWay::kArp], kC);
  EXPECT_EQ(seen.ways[LinkWay::kFrames], kC);
  EXPECT_EQ(seen.stops[LinkWay::kFrames],
            (std::vector{Phrase::kStopNoRight, Phrase::kStopNoRight}));
}

TEST(Segments, RulesForFramesAreUnderstoodOnlyWhereTheyAreNone) {
  HostBuilder h = shared();
  model::Table table = drop_all(model::NfFamily::kBridge, model::Hook::kForward);
  h.host().ruleset.tables.push_back(table);
  Segment seen = look(h);
  EXPECT_EQ(seen.ways[LinkWay::kFrames], kC);
  EXPECT_EQ(seen.stops[LinkWay::kFrames], std::vector{Phrase::kStopRules});
  model::Rule accept = h.rule();
  HostBuilder::add(accept, HostBuilder::decide(model::VerdictKind::kAccept));
  h.host().ruleset.tables.back().chains[0].rules.push_back(accept);
  seen = look(h);
  EXPECT_EQ(seen.ways[LinkWay::kFrames], kU);
  EXPECT_EQ(seen.stops[LinkWay::kFrames], std::vector{Phrase::kStopMayRules});
}

TEST(Segments, AnArpTableCountsOnlyWhereArpIsShownToIt) {
  HostBuilder h = shared();
  h.host().ruleset.tables.push_back(drop_all(model::NfFamily::kArp, model::Hook::kForward));
  h.host().sysctls.bridge_nf_call_arptables = 0;
  EXPECT_EQ(look(h).ways[LinkWay::kArp], kO);
  h.host().sysctls.bridge_nf_call_arptables = 1;
  EXPECT_EQ(look(h).ways[LinkWay::kArp], kC);
  EXPECT_EQ(look(h).ways[LinkWay::kFrames], kO);
}

TEST(Segments, AChainMayNameItsDevicesByTheirBeginning) {
  for (const auto& [hook, devices, verdict] :
       {std::tuple(model::Hook::kIngress, std::vector<std::string>{"veth*"}, kC),
        {model::Hook::kEgress, {"nobody", "ve*"}, kC},
        {model::Hook::kIngress, {"eth*"}, kO}}) {
    HostBuilder h = shared();
    for (model::Link& link : h.host().links) {
      if (link.port) link.name = "veth" + std::to_string(link.index.value);
    }
    model::Table table = drop_all(model::NfFamily::kNetdev, hook);
    table.chains[0].base->devices = devices;
    h.host().ruleset.tables.push_back(table);
    EXPECT_EQ(look(h).ways[LinkWay::kFrames], verdict) << devices.back();
  }
}

// Nine tenants are 72 pairs, of which 64 are asked: closed is said of none but these.
TEST(Segments, WhatIsBeyondABoundIsUnknown) {
  HostBuilder h;
  h.network("shared", "br-s", "172.18.0.1");
  for (int i = 0; i < 9; ++i) {
    const std::string tenant(1, static_cast<char>('a' + i));
    h.container(tenant + "-app-1", "shared", "172.18.0." + std::to_string(2 + i), tenant, "app");
  }
  for (model::Link& link : h.host().links) {
    if (link.port) link.port->isolated = true;
  }
  const Report report = audit_of(h.snapshot);
  const auto found = of_kind(report, Kind::kT6);
  ASSERT_THAT(found, SizeIs(1));
  for (const LinkCrossing& c : found[0]->crossings) {
    if (c.way != LinkWay::kFrames) continue;
    EXPECT_EQ(c.closed, 64U);
    EXPECT_EQ(c.unknown, 8U);
    EXPECT_EQ(c.verdict(), kU);
  }
}

TEST(Segments, VlanFilteringIsNotComputed) {
  HostBuilder h = shared();
  for (model::Link& link : h.host().links) {
    if (link.bridge) link.bridge->vlan_filtering = true;
  }
  const Segment seen = look(h);
  EXPECT_EQ(seen.ways.at(LinkWay::kFrames), kU);
  EXPECT_EQ(seen.ways.at(LinkWay::kArp), kU);
}

}  // namespace
}  // namespace bulkhead::audit
