// One row per fact about bridges, neighbours and links.
#include <gtest/gtest.h>

#include "trace/net.h"
#include "trace/verdicts.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::Hook;
using model::NfFamily;

model::Table forward_drop(NfFamily family) {
  return table(family, {base("fwd", Hook::kForward, 0,
                             {rule({is(meta(model::MetaKey::kL4proto), bytes({6})), drop()})})});
}

TEST(Bridge, IpRulesSeeBridgedPacketsOnlyWhenToldTo) {
  for (const bool calls : {false, true}) {
    Net n = host_net();
    n.rules("host", forward_drop(NfFamily::kInet)).bridge_calls("host", calls);
    for (const char* to : {"10.1.0.3", "fd01::3"}) {
      EXPECT_EQ(n.ask("a", to, 80).verdict, calls ? kClosed : kOpen) << to << " calls " << calls;
    }
    EXPECT_EQ(n.ask("a", "10.2.0.2", 80).verdict, kClosed) << "routed packets are always seen";
  }
}

TEST(Bridge, OneBridgeMayCallIpRulesOnItsOwn) {
  Net n = host_net();
  n.rules("host", forward_drop(NfFamily::kInet)).bridge_calls("host", false);
  n.link("host", "br0").bridge->nf_call_iptables = true;
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "fd01::3", 80).verdict, kOpen);
}

TEST(Bridge, BridgeRulesSeeSwitchedPackets) {
  Net n = host_net();
  n.rules("host", forward_drop(NfFamily::kBridge));
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "fd01::3", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "10.2.0.2", 80).verdict, kOpen) << "routed packets go up, not through";
}

// br_nf_hook_thresh(): a bridge chain at priority 0 made after the bridge runs before br_netfilter.
TEST(Bridge, BridgeRulesRunBesideBrNetfilter) {
  for (const std::int32_t priority : {-200, 0, 100}) {
    Net n = host_net();
    n.rules("host",
            table(NfFamily::kBridge,
                  {base("fwd", Hook::kForward, priority,
                        {rule({is(meta(model::MetaKey::kL4proto), bytes({6})), drop()})})}));
    n.bridge_calls("host", true);
    EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kClosed) << priority;
  }
}

TEST(Bridge, IsolatedPortsReachTheHostButNotEachOther) {
  Net n = host_net();
  n.link("host", "va").port->isolated = true;
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kOpen) << "one isolated port is not enough";
  n.link("host", "vb").port->isolated = true;
  for (const char* to : {"10.1.0.3", "fd01::3"}) {
    EXPECT_EQ(n.ask("a", to, 80).verdict, kClosed) << to;
    EXPECT_EQ(n.ask("a", to, 80).how, How::kUnreachable) << "no neighbour answers: " << to;
  }
  EXPECT_EQ(n.ask("a", "10.1.0.1", 80).verdict, kOpen);
}

TEST(Bridge, APortThatDoesNotForwardIsSilent) {
  Net n = host_net();
  n.link("host", "vb").port->state = 4;
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kClosed);
}

TEST(Bridge, VlanFilteringIsUnknown) {
  Net n = host_net();
  n.link("host", "br0").bridge->vlan_filtering = true;
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kUnknown);
}

TEST(Neighbour, ArpIgnoreHidesAddressesOfOtherInterfaces) {
  Net n = host_net();
  n.address("b", "lo", "10.1.0.200/32");
  EXPECT_EQ(n.ask("a", "10.1.0.200", 80).verdict, kOpen);
  n.ns("b").sysctls.ipv4_all.arp_ignore = 1;
  EXPECT_NE(n.ask("a", "10.1.0.200", 80).verdict, kOpen);
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kOpen);
}

TEST(Neighbour, ProxyArpAnswersForWhatIsRoutedElsewhere) {
  Net n = host_net();
  for (auto& r : n.ns("a").routes) {
    if (r.destination == Prefix::parse("10.1.0.0/24").value())
      r.destination = Prefix::parse("10.0.0.0/8").value();
  }
  EXPECT_EQ(n.ask("a", "10.2.0.2", 80).how, How::kUnreachable);
  n.link("host", "br0").ipv4.proxy_arp = 1;
  EXPECT_EQ(n.ask("a", "10.2.0.2", 80).verdict, kOpen);
}

TEST(Neighbour, PermanentEntriesNeedNoAnswer) {
  Net n = host_net();
  n.rules("b", table(NfFamily::kArp, {base("in", Hook::kInput, 0, {}, model::VerdictKind::kDrop)}));
  EXPECT_NE(n.ask("a", "10.1.0.3", 80).verdict, kOpen);
  model::Neighbour known;
  known.link = n.link("a", "eth0").index;
  known.address = ip("10.1.0.3");
  known.mac = n.link("b", "eth0").mac;
  known.state = 128;
  n.ns("a").neighbours.push_back(known);
  model::Neighbour back = known;
  back.link = n.link("b", "eth0").index;
  back.address = ip("10.1.0.2");
  back.mac = n.link("a", "eth0").mac;
  n.ns("b").neighbours.push_back(back);
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kOpen);
}

TEST(Neighbour, ARememberedOneThatWouldNotAnswerAgainIsUnknown) {
  Net n = host_net();
  n.rules("b", table(NfFamily::kArp, {base("in", Hook::kInput, 0, {}, model::VerdictKind::kDrop)}));
  model::Neighbour known;
  known.link = n.link("a", "eth0").index;
  known.address = ip("10.1.0.3");
  known.mac = n.link("b", "eth0").mac;
  known.state = 2;
  n.ns("a").neighbours.push_back(known);
  model::Neighbour back = known;
  back.link = n.link("b", "eth0").index;
  back.address = ip("10.1.0.2");
  back.mac = n.link("a", "eth0").mac;
  back.state = 128;
  n.ns("b").neighbours.push_back(back);
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kUnknown);
}

TEST(Neighbour, NdPassesTheIpv6Hooks) {
  Net n = host_net();
  n.rules("b", table(NfFamily::kIp6, {base("in", Hook::kInput, 0, {}, model::VerdictKind::kDrop)}));
  EXPECT_EQ(n.ask("a", "fd01::3", 80).verdict, kClosed);
  Net ok = host_net();
  ok.rules("b", table(NfFamily::kIp6,
                      {base("in", Hook::kInput, 0,
                            {rule({is(meta(model::MetaKey::kL4proto), bytes({58})), accept()}),
                             rule({is(th(2, 2), be16(80)), accept()})},
                            model::VerdictKind::kDrop)}));
  EXPECT_EQ(ok.ask("a", "fd01::3", 80).verdict, kOpen);
}

// RFC 4861: the target follows the eight bytes of ICMPv6, in the question as in the answer.
TEST(Neighbour, RulesSeeWhomAQuestionIsFor) {
  for (const auto& [target, verdict] :
       {std::pair("fd01::3", kOpen), std::pair("fd01::4", kClosed)}) {
    const IpAddress address = *IpAddress::parse(target);
    const auto octets = address.octets();
    for (const char* where : {"a", "b"}) {  // the answer, the question
      Net n = host_net();
      n.rules(where,
              table(NfFamily::kIp6,
                    {base("in", Hook::kInput, 0,
                          {rule({is(th(8, 16), Bytes(octets.begin(), octets.end())), accept()}),
                           rule({is(meta(model::MetaKey::kL4proto), bytes({6})), accept()})},
                          model::VerdictKind::kDrop)}));
      EXPECT_EQ(n.ask("a", "fd01::3", 80).verdict, verdict) << target << " " << where;
    }
  }
}

// neigh_event_ns(): who is asked remembers the asker, though it would not answer his question.
TEST(Neighbour, OneThatOnlyAsksAndNeverAnswersIsUnknown) {
  Net n = host_net();
  n.link("host", "br0").ipv4.rp_filter = 1;
  model::RoutingRule rule;  // a is reached only in the name of another of the host's addresses
  rule.priority = 100;
  rule.action = 6;
  rule.source = Prefix::parse("10.1.0.1/32").value();
  rule.destination = Prefix::parse("10.1.0.2/32").value();
  n.policy("host", rule).address("host", "br0", "10.7.0.1/24");
  n.route("a", "10.7.0.1/32", "10.1.0.1", "eth0");
  EXPECT_EQ(n.ask("a", "10.7.0.1", 80).verdict, kUnknown);
}

TEST(Link, AMacvlanReachesItsSiblingsAndNotItsParent) {
  Net n = host_net();
  n.machine("m1").machine("m2");
  std::uint8_t last = 20;
  for (const char* m : {"m1", "m2"}) {
    n.device(m, "eth0", "macvlan");
    model::Link& l = n.link(m, "eth0");
    l.peer = n.link("host", "up0").index;
    l.peer_ns = n.id("host");
    l.detail.macvlan_mode = 4;
    n.address(m, "eth0", "192.0.2." + std::to_string(++last) + "/24");
    n.address(m, "eth0", "fd09::" + std::to_string(last) + "/64").listen(m, "::", 80);
  }
  EXPECT_EQ(n.ask("m1", "192.0.2.22", 80).verdict, kOpen);
  EXPECT_EQ(n.ask("m1", "fd09::22", 80).verdict, kOpen);
  EXPECT_EQ(n.ask("m1", "192.0.2.1", 80).verdict, kClosed) << "the parent's own address";
  EXPECT_EQ(n.ask("m1", "192.0.2.9", 80).verdict, kOpen) << "a machine on the wire";
  EXPECT_EQ(n.ask("out", "192.0.2.21", 80).verdict, kOpen);
}

TEST(Link, WhatLeavesTheModelIsUnknownAndSaysWhere) {
  Net n = host_net();
  n.device("host", "wan0");
  n.address("host", "wan0", "198.51.100.2/24");
  const Answer a = n.ask("a", "198.51.100.7", 80);
  EXPECT_EQ(a.verdict, kUnknown);
  ASSERT_TRUE(a.exit.has_value());
  EXPECT_EQ(a.exit->link, n.link("host", "wan0").index);
  EXPECT_EQ(a.exit->destination, ip("198.51.100.7"));
}

TEST(Link, ANeighbourOutsideReachesPrivateAddressesByTheMac) {
  Net n = host_net();
  n.device("host", "wan0");
  n.address("host", "wan0", "198.51.100.2/24")
      .address("host", "wan0", "fd0a::2/64")
      .forwarding("host");
  Question q;
  q.from = OutsideOrigin{n.id("host"), n.link("host", "wan0").index, ip("198.51.100.66"),
                         MacAddress({2, 9, 9, 9, 9, 9})};
  q.port = Port{80};
  q.to = ip("10.1.0.2");
  EXPECT_EQ(n.ask(q).verdict, kOpen);
  q.port = Port{81};
  EXPECT_EQ(n.ask(q).how, How::kRefused);
  q.from = OutsideOrigin{n.id("host"), n.link("host", "wan0").index, ip("fd0a::66"),
                         MacAddress({2, 9, 9, 9, 9, 9})};
  q.to = ip("fd01::2");
  q.port = Port{80};
  EXPECT_EQ(n.ask(q).verdict, kOpen);
}

TEST(Link, ATcFilterOrXdpProgramIsUnknown) {
  Net n = host_net();
  n.link("host", "va").tc_filters = true;
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, kUnknown);
  Net x = host_net();
  x.link("host", "va").xdp = true;
  EXPECT_EQ(x.ask("a", "10.1.0.3", 80).verdict, kUnknown);
}

}  // namespace
}  // namespace bulkhead::trace
