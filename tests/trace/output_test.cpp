// One row per fact about what a machine sends: routes found again at OUTPUT, the address in which
// it asks for a neighbour, and what send() itself says.
#include <gtest/gtest.h>

#include "trace/net.h"
#include "trace/verdicts.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::ChainType;
using model::Hook;
using model::NfFamily;
using model::VerdictKind;

constexpr std::uint32_t kMark = 7, kTable = 100;

// Packets of the host with the mark are looked up in kTable first.
void marked_use_the_table(Net& n) {
  model::RoutingRule rule;
  rule.family = IpFamily::kV4;
  rule.priority = 10;
  rule.mark = kMark;
  rule.mark_mask = 0xffffffff;
  rule.table = kTable;
  n.policy("host", rule);
}

// Packets with the mark go to `out` on the uplink, whatever their destination.
void marked_leave_by_the_uplink(Net& n) {
  marked_use_the_table(n);
  n.route("host", "default", "192.0.2.9", "up0", 1, kTable);
}

model::Table marks_at_output(std::int32_t priority, std::uint32_t mark, ChainType type) {
  return table(NfFamily::kIp, {base("mark", Hook::kOutput, priority, {rule({set_mark(mark)})},
                                    VerdictKind::kAccept, type)});
}

// ip_route_me_harder() keeps the device to which the socket is bound (sk->sk_bound_dev_if).
TEST(Output, AnAnswerIsRoutedAgainButABoundSocketKeepsItsDevice) {
  for (const bool bound : {false, true}) {
    Net n = host_net();
    marked_leave_by_the_uplink(n);
    n.listen("host", "0.0.0.0", 99, false, bound ? "br1" : "");
    EXPECT_EQ(n.ask("c", "10.2.0.1", 99).verdict, kOpen) << "nothing marks yet";
    n.rules("host", marks_at_output(-150, kMark, ChainType::kRoute));
    EXPECT_EQ(n.ask("c", "10.2.0.1", 99).verdict, bound ? kOpen : kClosed) << bound;
  }
}

// nft_chain_route.c routes again when its chain has run; a filter chain's mark comes too late.
TEST(Output, OnlyTheMarkThatARouteChainLeftCounts) {
  struct Row {
    std::uint32_t by_route_chain, by_later_filter_chain;
    bool goes_astray;
  };
  for (const Row& row : {Row{kMark, 0, true}, Row{1, kMark, false}, Row{kMark, 1, true}}) {
    Net n = host_net();
    marked_leave_by_the_uplink(n);
    n.rules("host", marks_at_output(-150, row.by_route_chain, ChainType::kRoute));
    if (row.by_later_filter_chain != 0)
      n.rules("host", marks_at_output(0, row.by_later_filter_chain, ChainType::kFilter));
    EXPECT_EQ(n.ask("c", "10.2.0.1", 80).verdict, row.goes_astray ? kClosed : kOpen)
        << row.by_route_chain << " then " << row.by_later_filter_chain;
    EXPECT_EQ(n.ask("host", "10.2.0.2", 80).verdict, row.goes_astray ? kClosed : kOpen);
  }
}

TEST(Output, AMarkThatLeadsNowhereLosesThePacket) {
  Net n = host_net();
  marked_use_the_table(n);
  n.route("host", "10.2.0.0/16", "", "", 7, kTable);  // unreachable
  n.rules("host", marks_at_output(-150, kMark, ChainType::kRoute));
  const Answer a = n.ask("host", "10.2.0.2", 80);
  EXPECT_EQ(a.verdict, kClosed);
  EXPECT_NE(a.reason.find("no route after the packet was changed"), std::string::npos) << a.reason;
}

// A datagram that OUTPUT drops is an error of send() (EPERM); a SYN is sent again and again.
TEST(Output, ADropIsToldToTheSenderOfADatagramOnly) {
  Net n = host_net();
  n.rules("a", table(NfFamily::kInet, {base("out", Hook::kOutput, 0, {}, VerdictKind::kDrop)}));
  for (const char* to : {"10.1.0.3", "fd01::3"}) {
    Question q;
    q.from = LocalOrigin{n.id("a"), 0, 0};
    q.to = ip(to);
    q.port = Port{80};
    EXPECT_EQ(n.ask(q).how, How::kDropped) << to;
    q.protocol = IpProtocol::kUdp;
    const Answer a = n.ask(q);
    EXPECT_EQ(a.how, How::kUnreachable) << to;
    EXPECT_NE(a.reason.find("EPERM"), std::string::npos) << a.reason;
  }
}

// arp_solicit(): with arp_announce 0 it asks in the packet's own source when that is local, and
// arp_process() at the other end refuses a question whose source it would not route back.
TEST(Output, ANeighbourIsAskedInThePacketsOwnSource) {
  const auto ask = [](int announce, int rp_filter) {
    Net n = host_net();
    n.address("a", "lo", "10.9.9.9/32");
    n.link("b", "eth0").ipv4.rp_filter = rp_filter;
    n.ns("a").sysctls.ipv4_all.arp_announce = announce;
    n.ns("b").routes.erase(
        std::remove_if(n.ns("b").routes.begin(), n.ns("b").routes.end(),
                       [](const model::Route& r) { return r.destination.length() == 0; }),
        n.ns("b").routes.end());
    Question q;
    q.from = LocalOrigin{n.id("a"), 0, 0};
    q.to = ip("10.1.0.3");
    q.port = Port{80};
    q.source = ip("10.9.9.9");
    return n.ask(q);
  };
  EXPECT_EQ(ask(0, 1).how, How::kUnreachable) << "the question itself is refused";
  EXPECT_EQ(ask(2, 1).how, How::kDropped) << "asked in 10.1.0.2; then the SYN is refused";
}

// __udp4_lib_mcast_deliver(): a datagram for the subnet's broadcast address is heard.
TEST(Output, ADatagramForABroadcastAddressIsHeard) {
  Net n = host_net();
  n.listen("host", "0.0.0.0", 53, false, "", IpProtocol::kUdp);
  n.link("host", "up0").peer_ns.reset();
  n.link("host", "up0").peer_elsewhere = true;
  model::Route broadcast;
  broadcast.table = 255;
  broadcast.type = 3;
  broadcast.protocol = 2;
  broadcast.scope = 253;
  broadcast.destination = Prefix::single(ip("192.0.2.255"));
  broadcast.next_hops = {model::NextHop{n.link("host", "up0").index, {}, 1, 0, false}};
  n.ns("host").routes.push_back(broadcast);
  Question q;
  q.from = OutsideOrigin{n.id("host"), n.link("host", "up0").index, ip("192.0.2.50"),
                         MacAddress({2, 9, 9, 9, 9, 9})};
  q.to = ip("192.0.2.255");
  q.port = Port{53};
  q.protocol = IpProtocol::kUdp;
  EXPECT_EQ(n.ask(q).how, How::kAccepted);
  q.protocol = IpProtocol::kTcp;
  q.port = Port{80};
  EXPECT_EQ(n.ask(q).verdict, kClosed) << "TCP knows no broadcast";
}

// ip6_forward() asks the device in IP6CB(skb)->iif. Where the bridge's netfilter has routed the
// packet already, ip6_rcv_core() takes the device of that route: the one by which the packet will
// leave.
TEST(Output, ForcedIpv6ForwardingIsAskedOfTheDeviceInTheControlBlock) {
  for (const bool calls : {false, true}) {
    for (const char* forced : {"br0", "br1"}) {
      Net n = host_net();
      n.bridge_calls("host", calls);
      n.forwarding("host", false);
      n.link("host", forced).ipv6->force_forwarding = 1;
      n.listen("c", "::", 53, false, "", IpProtocol::kUdp);
      model::Nat nat;
      nat.kind = model::NatKind::kDnat;
      nat.family = IpFamily::kV6;
      nat.address = constant(address("fd02::2"));
      nat.port = constant(be16(53));
      n.rules("host", table(NfFamily::kIp6, {base("nat", Hook::kPrerouting, -100,
                                                  {rule({is(th(2, 2), be16(5353)), nat})},
                                                  VerdictKind::kAccept, ChainType::kNat)}));
      Question q;
      q.from = LocalOrigin{n.id("a"), 0, 0};
      q.to = ip("fd01::1");
      q.port = Port{5353};
      q.protocol = IpProtocol::kUdp;  // one way: the answer would ask the other device
      const bool open = std::string_view(forced) == (calls ? "br1" : "br0");
      EXPECT_EQ(n.ask(q).verdict, open ? kOpen : kClosed) << forced << " calls " << calls;
    }
  }
}

}  // namespace
}  // namespace bulkhead::trace
