// Sockets, choices, gaps, explanations.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "trace/net.h"
#include "trace/verdicts.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::Hook;
using model::NfFamily;

TEST(Socket, EachKindOfListenerHearsItsOwnFamilyAddressAndDevice) {
  struct Row {
    const char* on;
    bool v6_only;
    const char* dev;
    bool v4, v6, local4;
  };
  for (const Row& r :
       {Row{"0.0.0.0", false, "", true, false, true}, Row{"::", false, "", true, true, true},
        Row{"::", true, "", false, true, false}, Row{"10.1.0.3", false, "", true, false, true},
        Row{"fd01::3", false, "", false, true, false},
        Row{"127.0.0.1", false, "", false, false, false},
        Row{"0.0.0.0", false, "eth0", true, false, true},
        Row{"::", false, "lo", false, false, false}}) {
    Net n = host_net();
    n.listen("b", r.on, 99, r.v6_only, r.dev);
    EXPECT_EQ(n.ask("a", "10.1.0.3", 99).verdict, r.v4 ? kOpen : kClosed) << r.on << r.dev;
    EXPECT_EQ(n.ask("a", "fd01::3", 99).verdict, r.v6 ? kOpen : kClosed) << r.on << r.dev;
    // Over lo a packet seems to come in by the device of the address (rt_iif).
    EXPECT_EQ(n.ask("b", "10.1.0.3", 99).verdict, r.local4 ? kOpen : kClosed) << r.on << r.dev;
    EXPECT_EQ(n.ask("a", "10.1.0.3", 99).how, r.v4 ? How::kAccepted : How::kRefused) << r.on;
  }
}

TEST(Socket, TheMoreSpecificOneAccepts) {
  Net n = host_net();
  n.listen("b", "10.1.0.3", 80);
  const Answer a = n.ask("a", "10.1.0.3", 80);
  ASSERT_NE(a.socket, nullptr);
  EXPECT_EQ(a.socket->address, ip("10.1.0.3"));
}

// inet_csk_route_req(): the answer of a device-bound listener may only leave by that device.
TEST(Socket, ABoundListenerAnswersByItsDeviceOnly) {
  Net n = host_net();
  n.listen("host", "0.0.0.0", 99, false, "br1");
  EXPECT_EQ(n.ask("c", "10.1.0.1", 99).verdict, kOpen);
  EXPECT_EQ(n.ask("a", "10.2.0.1", 99).verdict, kClosed);
}

TEST(Udp, AcceptedWhenASocketHearsItAndRefusedByPortUnreachable) {
  Net n = host_net();
  n.listen("b", "::", 53, false, "", IpProtocol::kUdp);
  for (const char* to : {"10.1.0.3", "fd01::3"}) {
    Question q;
    q.from = LocalOrigin{n.id("a"), 0, 0};
    q.to = ip(to);
    q.protocol = IpProtocol::kUdp;
    q.port = Port{53};
    EXPECT_EQ(n.ask(q).how, How::kAccepted);
    q.port = Port{54};
    EXPECT_EQ(n.ask(q).how, How::kRefused);
  }
}

TEST(Walk, ALimitIsUnknownOnlyWhereItMatters) {
  Net n = host_net();
  n.rules("host", table(NfFamily::kIp,
                        {base("fwd", Hook::kForward, 0,
                              {rule({is(th(2, 2), be16(80)),
                                     model::May{"limit", "rate 10/second", false}, drop()})})}));
  const Answer a = n.ask("a", "10.2.0.2", 80);
  EXPECT_EQ(a.verdict, kUnknown);
  EXPECT_NE(a.reason.find("limit"), std::string::npos) << a.reason;
  EXPECT_EQ(n.ask("a", "10.2.0.2", 81).how, How::kRefused);
}

TEST(Walk, WhatCouldNotBeReadIsNotGuessed) {
  Net rules = host_net();
  rules.ns("host").gaps.push_back({"nftables", "denied"});
  EXPECT_EQ(rules.ask("a", "10.2.0.2", 80).verdict, kUnknown);
  EXPECT_EQ(rules.ask("host", "10.1.0.2", 80).verdict, kUnknown);
  Net sockets = host_net();
  sockets.ns("c").gaps.push_back({"sockets", "denied"});
  EXPECT_EQ(sockets.ask("a", "10.2.0.2", 81).verdict, kUnknown);
  EXPECT_EQ(sockets.ask("a", "10.2.0.2", 80).verdict, kOpen) << "a socket that was seen is there";
}

TEST(Walk, TheDecidingRuleAndItsMachineAreNamed) {
  Net n = host_net();
  n.rules("host", table(NfFamily::kInet, {base("fwd", Hook::kForward, 0,
                                               {rule({is(th(2, 2), be16(80)), drop()})})}));
  const Answer a = n.ask("a", "10.2.0.2", 80);
  ASSERT_EQ(a.rules.size(), 1U);
  EXPECT_EQ(a.rules[0].chain->name, "fwd");
  EXPECT_EQ(a.rules_ns, n.id("host"));
  EXPECT_NE(a.reason.find("chain fwd in table inet t"), std::string::npos) << a.reason;
}

TEST(Walk, HostileNamesAreEscapedInReasons) {
  Net n = host_net();
  n.rules("host", table(NfFamily::kInet,
                        {base("f\x1b[31m", Hook::kForward, 0, {}, model::VerdictKind::kDrop)}));
  const Answer a = n.ask("a", "10.2.0.2", 80);
  EXPECT_EQ(a.reason.find('\x1b'), std::string::npos);
}

TEST(Walk, AnExplanationTellsTheWayAndTheSameAnswer) {
  Net n = host_net();
  Question q;
  q.from = LocalOrigin{n.id("a"), 0, 0};
  q.to = ip("10.2.0.2");
  q.port = Port{80};
  q.explain = true;
  const Answer a = n.ask(q);
  EXPECT_EQ(a.verdict, kOpen);
  EXPECT_GE(a.steps.size(), 5U);
  EXPECT_TRUE(std::ranges::any_of(a.steps, [](const Step& s) { return s.stage == "socket"; }));
  EXPECT_TRUE(std::ranges::any_of(a.steps, [](const Step& s) { return s.leg == Leg::kReply; }));
}

TEST(Walk, ManyThreadsGetTheSameAnswers) {
  const Net n = host_net();
  const auto world = World::build(n.snapshot);
  ASSERT_TRUE(world.has_value());
  std::vector<std::jthread> threads;
  std::array<int, 4> open{};
  for (std::size_t t = 0; t < open.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        Question q;
        q.from = LocalOrigin{n.id("a"), 0, 0};
        q.to = ip(i % 2 == 0 ? "10.2.0.2" : "fd02::2");
        q.port = Port{80};
        open[t] += world->ask(q).verdict == kOpen ? 1 : 0;
      }
    });
  }
  threads.clear();
  for (const int count : open) EXPECT_EQ(count, 200);
}

// net/ipv6/tcp_ipv6.c: connect() to a link-local address binds the socket to its interface.
TEST(Walk, ALinkLocalAddressIsReachedOverItsInterfaceAlone) {
  Net n = host_net();
  n.address("host", "br0", "fe80::1/64").address("host", "br1", "fe80::1/64");
  n.listen("host", "::", 81, false, "br0");
  const auto ask = [&](const char* from, const char* dev, std::uint16_t port) {
    Question q;
    q.from = LocalOrigin{n.id(from), 0, 0};
    q.to = ip("fe80::1");
    q.port = Port{port};
    q.scope = dev[0] == '\0' ? IfIndex{99} : n.link(from, dev).index;
    return n.ask(q).verdict;
  };
  EXPECT_EQ(ask("a", "eth0", 80), kOpen);
  EXPECT_EQ(ask("c", "eth0", 80), kOpen);
  EXPECT_EQ(ask("a", "eth0", 81), kOpen);
  EXPECT_EQ(ask("c", "eth0", 81), kClosed) << "bound to the other bridge";
  EXPECT_EQ(ask("a", "lo", 80), kClosed);
  EXPECT_EQ(ask("a", "", 80), kClosed) << "no such interface";
}

TEST(Walk, OddQuestionsAreAnsweredNotCrashedOn) {
  const Net n = host_net();
  EXPECT_EQ(n.ask("a", "0.0.0.0", 80).verdict, kOpen) << "0.0.0.0 is this machine";
  EXPECT_EQ(n.ask("a", "::", 80).verdict, kOpen);
  EXPECT_EQ(n.ask("a", "224.0.0.1", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "ff02::1", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "255.255.255.255", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "fe80::1", 80).verdict, kClosed);
  EXPECT_EQ(n.ask("a", "::ffff:10.2.0.2", 80).verdict, kOpen);
  Question q;
  q.from = LocalOrigin{model::NsId{99}, 0, 0};
  EXPECT_EQ(n.ask(q).verdict, kUnknown);
  q.from = OutsideOrigin{model::NsId{0}, IfIndex{77}, ip("1.2.3.4"), {}};
  EXPECT_EQ(n.ask(q).verdict, kUnknown);
}

}  // namespace
}  // namespace bulkhead::trace
