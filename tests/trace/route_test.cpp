// One row per fact about routing.
#include <gtest/gtest.h>

#include "trace/net.h"
#include "trace/verdicts.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT

struct RouteRow {
  const char* to;
  Verdict verdict;
  How how;
};

void expect(const Net& net, const char* from, const std::vector<RouteRow>& rows) {
  for (const RouteRow& row : rows) {
    const Answer a = net.ask(from, row.to, 80);
    EXPECT_EQ(a.verdict, row.verdict) << from << " to " << row.to << ": " << a.reason;
    EXPECT_EQ(a.how, row.how) << from << " to " << row.to << ": " << a.reason;
    EXPECT_EQ(a.reason.empty(), row.verdict == Verdict::kOpen) << row.to;
  }
}

TEST(Route, OwnNeighbouringAndRoutedAddressesAreReached) {
  expect(host_net(), "a",
         {{"127.0.0.1", kOpen, How::kAccepted},
          {"::1", kOpen, How::kAccepted},
          {"10.1.0.2", kOpen, How::kAccepted},
          {"fd01::2", kOpen, How::kAccepted},
          {"10.1.0.3", kOpen, How::kAccepted},
          {"fd01::3", kOpen, How::kAccepted},
          {"10.2.0.2", kOpen, How::kAccepted},
          {"fd02::2", kOpen, How::kAccepted},
          {"10.2.0.1", kOpen, How::kAccepted},
          {"fd02::1", kOpen, How::kAccepted},
          {"192.0.2.9", kOpen, How::kAccepted},
          {"fd09::9", kOpen, How::kAccepted}});
}

TEST(Route, AnAddressThatNobodyHasIsUnreachable) {
  expect(host_net(), "a",
         {{"10.1.0.77", kClosed, How::kUnreachable},
          {"fd01::77", kClosed, How::kUnreachable},
          {"10.2.0.77", kClosed, How::kUnreachable},
          {"fd02::77", kClosed, How::kUnreachable}});
}

TEST(Route, WithoutForwardingARouterIsSilent) {
  Net n = host_net();
  n.forwarding("host", false);
  expect(n, "a",
         {{"10.2.0.2", kClosed, How::kDropped},
          {"fd02::2", kClosed, How::kDropped},
          {"10.2.0.1", kOpen, How::kAccepted},
          {"fd02::1", kOpen, How::kAccepted}});
}

TEST(Route, ForwardingOfIpv4IsAskedOfTheIncomingInterface) {
  Net n = host_net();
  n.link("host", "br0").ipv4.forwarding = 0;
  expect(n, "a", {{"10.2.0.2", kClosed, How::kDropped}});
  expect(n, "out", {{"10.2.0.2", kOpen, How::kAccepted}});
}

TEST(Route, Ipv6ForwardingMayBeForcedPerInterface) {
  Net n = host_net();
  n.forwarding("host", false);
  n.link("host", "br0").ipv6->force_forwarding = 1;
  // The answer comes in by br1, where nothing is forced.
  expect(n, "a", {{"fd02::2", kClosed, How::kDropped}});
  n.link("host", "br1").ipv6->force_forwarding = 1;
  expect(n, "a", {{"fd02::2", kOpen, How::kAccepted}});
}

TEST(Route, ConnectFailsAtOnceWithoutARoute) {
  Net n = host_net();
  expect(n, "host",
         {{"198.51.100.1", kClosed, How::kUnreachable}, {"fd77::1", kClosed, How::kUnreachable}});
}

TEST(Route, TypesOfRoutesOnTheWayDecideWhatIsHeard) {
  struct Case {
    std::uint8_t type;
    How v4, v6;
  };
  for (const Case& c :
       {Case{6, How::kDropped, How::kDropped}, Case{7, How::kUnreachable, How::kUnreachable},
        Case{8, How::kUnreachable, How::kUnreachable}}) {
    Net n = host_net();
    n.route("host", "10.2.0.2/32", "", "", c.type);
    n.route("host", "fd02::2/128", "", "", c.type);
    expect(n, "a", {{"10.2.0.2", kClosed, c.v4}, {"fd02::2", kClosed, c.v6}});
    expect(n, "host",
           {{"10.2.0.2", kClosed, How::kUnreachable}, {"fd02::2", kClosed, How::kUnreachable}});
  }
}

TEST(Route, AThrowRouteLeavesTheTable) {
  Net n = host_net();
  n.route("host", "10.2.0.2/32", "", "", 9);
  expect(n, "a", {{"10.2.0.2", kClosed, How::kUnreachable}});
}

// fib_unmerge(): without custom rules the local table and main are one trie.
TEST(Route, ALongerPrefixInMainBeatsALocalOneUntilARuleIsAdded) {
  Net n = host_net();
  n.route("host", "10.2.0.0/25", "", "lo", 2, 255);  // AnyIP: the host answers for half of the net
  n.route("host", "10.2.0.2/32", "", "br1");
  expect(n, "a", {{"10.2.0.2", kOpen, How::kAccepted}});
  EXPECT_EQ(n.ask("a", "10.2.0.2", 80).socket_ns, n.id("c"));
  model::RoutingRule extra;
  extra.priority = 40000;
  extra.table = 77;
  n.policy("host", extra);
  EXPECT_EQ(n.ask("a", "10.2.0.2", 80).socket_ns, n.id("host"));
}

TEST(Route, RulesChooseTablesBySourceMarkAndPort) {
  Net n = host_net();
  model::RoutingRule by_source;
  by_source.priority = 100;
  by_source.action = 8;  // prohibit
  by_source.source = Prefix::parse("10.1.0.2/32").value();
  n.policy("host", by_source);
  expect(n, "a", {{"10.2.0.2", kClosed, How::kUnreachable}});
  expect(n, "b", {{"10.2.0.2", kOpen, How::kAccepted}});
  Net p = host_net();
  model::RoutingRule by_port;
  by_port.family = IpFamily::kV6;
  by_port.priority = 100;
  by_port.action = 6;  // blackhole
  by_port.protocol = IpProtocol::kTcp;
  by_port.destination_port = model::xt::PortRange{Port{80}, Port{80}};
  p.policy("host", by_port);
  expect(p, "a", {{"fd02::2", kClosed, How::kDropped}, {"10.2.0.2", kOpen, How::kAccepted}});
}

TEST(Route, AnInvertedRuleMatchesWhatDoesNotMatch) {
  Net n = host_net();
  model::RoutingRule rule;
  rule.priority = 100;
  rule.action = 7;  // unreachable
  rule.inverted = true;
  rule.source = Prefix::parse("10.1.0.2/32").value();
  n.policy("host", rule);
  // Its ICMP error looks for its way before it has a source, and so meets the rule as well.
  expect(n, "b", {{"10.2.0.2", kClosed, How::kDropped}});
}

TEST(Route, SuppressedPrefixLengthsGoOnToTheNextRule) {
  Net n = host_net();
  n.route("host", "default", "192.0.2.9", "up0");
  model::RoutingRule rule;
  rule.priority = 100;
  rule.table = 254;
  rule.suppress_prefix_length = 0;
  n.policy("host", rule);
  model::RoutingRule last;
  last.priority = 200;
  last.action = 8;
  n.policy("host", last);
  expect(n, "host", {{"198.51.100.1", kClosed, How::kUnreachable}});
  EXPECT_NE(n.ask("host", "198.51.100.1", 80).reason.find("EACCES"), std::string::npos);
}

TEST(Route, StrictReversePathFilterDropsWhatWouldGoBackAnotherWay) {
  Net n = host_net();
  n.route("host", "10.1.0.2/32", "", "br1");  // the way back to a leads elsewhere
  n.link("host", "br0").ipv4.rp_filter = 1;
  expect(n, "a",
         {{"10.2.0.1", kClosed, How::kUnreachable}});  // a's ARP question is refused already
  Net loose = host_net();
  loose.ns("host").sysctls.ipv4_all.rp_filter = 2;
  expect(loose, "a", {{"10.2.0.1", kOpen, How::kAccepted}});
}

// a's ARP question is refused, as the way back to it leads elsewhere but for what c sends: then the
// host asks on that link itself, and a knows it from then on.
TEST(Route, ANeighbourThatForwardsForOthersMayHaveAskedBefore) {
  Net n = host_net();
  n.route("host", "10.1.0.2/32", "", "br1");
  n.ns("host").routes.back().table = 101;
  model::RoutingRule elsewhere;
  elsewhere.priority = 100;
  elsewhere.table = 101;
  elsewhere.inverted = true;
  elsewhere.source = Prefix::parse("10.2.0.2/32").value();
  n.policy("host", elsewhere);
  n.link("host", "br0").ipv4.rp_filter = 1;
  expect(n, "a", {{"10.2.0.2", kUnknown, How::kUnknown}, {"10.2.0.1", kClosed, How::kUnreachable}});
}

TEST(Route, MoreThanOneNextHopIsUnknownWhereItMatters) {
  Net n = host_net();
  n.route("host", "10.9.0.0/24", "10.2.0.2", "br1");
  model::NextHop other;
  other.link = n.link("host", "br0").index;
  other.gateway = ip("10.1.0.3");
  n.ns("host").routes.back().next_hops.push_back(other);
  n.address("c", "lo", "10.9.0.1/32");
  expect(n, "a", {{"10.9.0.1", kUnknown, How::kUnknown}});
  n.address("b", "lo", "10.9.0.1/32");
  expect(n, "a", {{"10.9.0.1", kOpen, How::kAccepted}});
}

TEST(Route, ALoopOfRoutersEndsInTimeExceeded) {
  Net n = host_net();
  n.route("host", "10.9.0.0/24", "10.2.0.2", "br1");
  n.forwarding("c");
  expect(n, "a", {{"10.9.0.1", kClosed, How::kUnreachable}});
  EXPECT_NE(n.ask("a", "10.9.0.1", 80).reason.find("hop limit"), std::string::npos);
}

TEST(Route, TheSourceIsThePreferredOneOrThatOfTheSubnet) {
  Net n = host_net();
  n.address("host", "br0", "10.7.0.1/24");
  EXPECT_EQ(n.ask("host", "10.1.0.2", 80).source, ip("10.1.0.1"));
  EXPECT_EQ(n.ask("host", "fd01::2", 80).source, ip("fd01::1"));
  n.route("host", "10.1.0.2/32", "", "br0");
  n.ns("host").routes.back().preferred_source = ip("10.7.0.1");
  EXPECT_EQ(n.ask("host", "10.1.0.2", 80).source, ip("10.7.0.1"));
}

// RFC 6724 rule 8 and rule 6: the longest common prefix, a label of the same kind first.
TEST(Route, Ipv6SourcesFollowRfc6724) {
  Net n = host_net();
  n.address("host", "br0", "2001:db8::1/64").address("host", "br0", "2001:db8:0:1::1/64");
  n.route("host", "2001:db8:0:1::2/128", "", "br0");
  EXPECT_EQ(n.ask("host", "2001:db8:0:1::2", 80).source, ip("2001:db8:0:1::1"));
  EXPECT_EQ(n.ask("host", "fd01::2", 80).source, ip("fd01::1"));
  n.ns("host").addresses.back().flags = 0x20;  // deprecated
  EXPECT_EQ(n.ask("host", "2001:db8:0:1::2", 80).source, ip("2001:db8::1"));
}

TEST(Route, LoopbackFromTheNetworkIsAMartian) {
  Net n = host_net();
  Question q;
  q.from = OutsideOrigin{n.id("host"), n.link("host", "up0").index, ip("192.0.2.50"),
                         MacAddress({2, 9, 9, 9, 9, 9})};
  q.to = ip("127.0.0.1");
  q.port = Port{80};
  n.link("host", "up0").peer_ns.reset();
  n.link("host", "up0").peer_elsewhere = true;
  EXPECT_EQ(n.ask(q).verdict, kClosed);
  n.link("host", "up0").ipv4.route_localnet = 1;
  EXPECT_EQ(n.ask(q).verdict, kOpen);
}

}  // namespace
}  // namespace bulkhead::trace
