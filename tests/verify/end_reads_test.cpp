// What a record of one end of a connection must not be told of others (trace/end_reads.h): rules
// that made something of that end for which the record has no words.
#include "trace/end_reads.h"

#include <gtest/gtest.h>

#include "trace/net.h"

namespace bulkhead::verify {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::NfFamily;
using model::VerdictKind;
using trace::Verdict;

trace::Question from_a(const Net& n, const char* who, const char* to, std::uint16_t port = 80,
                       IpProtocol protocol = IpProtocol::kTcp) {
  trace::Question q;
  q.from = trace::LocalOrigin{n.id(who), 0, 0};
  q.to = ip(to);
  q.port = Port{port};
  q.protocol = protocol;
  return q;
}

// The first is stopped, the other is not.
void expect_told_apart(const Net& n, const char* closed, const char* open, std::uint16_t port = 80,
                       std::uint16_t open_port = 80, IpProtocol protocol = IpProtocol::kTcp) {
  const auto world = trace::World::build(n.snapshot).value();
  trace::EndReads record;
  trace::Question q = from_a(n, "a", closed, port, protocol);
  q.to_reads = &record;
  EXPECT_EQ(world.ask(q).verdict, Verdict::kClosed) << closed;
  const trace::Answer other = world.ask(from_a(n, "a", open, open_port, protocol));
  EXPECT_EQ(other.verdict, Verdict::kOpen) << other.reason;
  EXPECT_FALSE(record.same_to(ip(open), Port{open_port}));
  EXPECT_FALSE(record.same_to_from(ip(open), Port{open_port}));
}

model::Nat to_address(Bytes first, Bytes last = {}) {
  model::Nat nat;
  nat.kind = model::NatKind::kDnat;
  nat.family = IpFamily::kV4;
  nat.address = constant(std::move(first));
  if (!last.empty()) nat.address_max = constant(std::move(last));
  return nat;
}
model::Table translating(Hook hook, model::Nat nat) {
  return table(NfFamily::kIp, {base("nat", hook, hook == Hook::kPostrouting ? 100 : -100,
                                    {rule({is(meta(model::MetaKey::kL4proto), bytes({6})), nat})},
                                    VerdictKind::kAccept, model::ChainType::kNat)});
}
model::Statement to(const char* text) {
  return is(net(16, 4), address(text));
}
model::Statement of(const char* text) {
  return is(net(12, 4), address(text));
}
model::Table forward(std::vector<model::Rule> rules) {
  return table(NfFamily::kIp, {base("f", Hook::kForward, 0, std::move(rules))});
}

// It is where it would be sent: for others the connection is a translated one.
TEST(EndReads, ATranslationToWhereItIsBoundTellsItsTargetApart) {
  Net n = host_net();
  n.rules("host", translating(Hook::kPrerouting, to_address(address("10.2.0.2"))));
  n.rules("host",
          forward({rule({of("10.2.0.2"), accept()}),
                   rule({is_not(masked(ct(model::CtKey::kStatus), le32(32)), le32(0)), accept()}),
                   rule({drop()})}));
  expect_told_apart(n, "10.2.0.2", "10.2.0.9");
}

TEST(EndReads, ANetworkTranslatedIntoItselfTellsItsTargetApart) {
  Net n = host_net();
  model::Nat nat = to_address(address("10.2.0.0"), address("10.2.0.15"));
  nat.flags = 1U << 6;
  n.rules("host", translating(Hook::kPrerouting, nat));
  n.rules("host", forward({rule({to("10.2.0.2"), accept()}), rule({of("10.2.0.2"), accept()}),
                           rule({drop()})}));
  expect_told_apart(n, "10.2.0.5", "10.2.0.18");
}

TEST(EndReads, AWrittenDestinationIsNoLongerTheOneThatWasAskedFor) {
  Net n = host_net();
  n.listen("c", "0.0.0.0", 80, false, {}, IpProtocol::kUdp);
  n.rules("host",
          table(NfFamily::kIp, {base("pre", Hook::kPrerouting, -150,
                                     {rule({is(net(16, 3), bytes({10, 9, 0})),
                                            model::SetPayload{{model::PayloadBase::kNetwork, 16, 3},
                                                              constant(bytes({10, 2, 0}))}})})}));
  n.rules("host", forward({rule({to("10.2.0.2"), accept()}), rule({of("10.2.0.2"), accept()}),
                           rule({drop()})}));
  expect_told_apart(n, "10.9.0.5", "10.9.0.2", 80, 80, IpProtocol::kUdp);
}

TEST(EndReads, AWrittenPortIsNoLongerTheOneThatWasAskedFor) {
  Net n = host_net();
  n.listen("c", "0.0.0.0", 80, false, {}, IpProtocol::kUdp);
  n.rules("host", table(NfFamily::kIp,
                        {base("pre", Hook::kPrerouting, -150,
                              {rule({model::SetPayload{{model::PayloadBase::kTransport, 2, 1},
                                                       constant(bytes({0}))}})})}));
  n.rules("host", forward({rule({is(th(2, 2), be16(80)), accept()}),
                           rule({of("10.2.0.2"), accept()}), rule({drop()})}));
  expect_told_apart(n, "10.2.0.9", "10.2.0.2", 0x1f90, 0x1f50, IpProtocol::kUdp);
}

// Of two addresses of the way out, which hides a packet rests on where it goes.
TEST(EndReads, TheAddressThatHidesAPacketRestsOnItsDestination) {
  Net n = host_net();
  n.route("host", "10.5.0.0/24", "", "br1");
  for (const char* own : {"10.5.0.1/25", "10.5.0.129/25"}) {
    n.address("host", "br1", own);
    n.ns("host").routes.pop_back();
  }
  n.address("c", "eth0", "10.5.0.130/24");
  model::Nat hide;
  hide.kind = model::NatKind::kMasquerade;
  n.rules("host", translating(Hook::kPostrouting, hide));
  n.rules("host", table(NfFamily::kIp,
                        {base("late", Hook::kPostrouting, 150,
                              {rule({of("10.2.0.1"), drop()}), rule({of("10.5.0.1"), drop()})})}));
  expect_told_apart(n, "10.5.0.2", "10.5.0.130");
}

// Behind the end of a header stands the next one.
TEST(EndReads, WhatIsReadBehindAHeaderIsOfTheNextOne) {
  const auto at = [](model::PayloadBase base, std::uint32_t offset, std::uint32_t length) {
    return model::Term{model::PayloadTerm{base, offset, length}};
  };
  for (const bool by_port : {true, false}) {
    Net n = host_net();
    n.listen("c", "0.0.0.0", 81);
    n.rules("host",
            forward({by_port ? rule({is(at(model::PayloadBase::kNetwork, 22, 2), be16(80)), drop()})
                             : rule({is(at(model::PayloadBase::kLink, 30, 4), address("10.2.0.9")),
                                     drop()})}));
    if (by_port)
      expect_told_apart(n, "10.2.0.2", "10.2.0.2", 80, 81);
    else
      expect_told_apart(n, "10.2.0.9", "10.2.0.2");
  }
}

// ---- of sources

void expect_sources_apart(const Net& n, const char* dest, IpProtocol protocol = IpProtocol::kTcp) {
  const auto world = trace::World::build(n.snapshot).value();
  trace::EndReads record;
  trace::Question q = from_a(n, "a", dest, 80, protocol);
  q.reads = &record;
  const trace::Answer mine = world.ask(q);
  EXPECT_EQ(mine.verdict, Verdict::kOpen) << mine.reason;
  const trace::Answer theirs = world.ask(from_a(n, "b", dest, 80, protocol));
  EXPECT_EQ(theirs.verdict, Verdict::kClosed) << theirs.reason;
  EXPECT_FALSE(record.is_clear() && !record.is_singular() && record.same_for(ip("10.1.0.3")));
}

// c answers past the host.
Net two_paths() {
  Net n = host_net();
  n.joined("host", "br0", "vc1", "c", "eth1").address("c", "eth1", "10.1.0.20/24");
  n.listen("c", "0.0.0.0", 80, false, {}, IpProtocol::kUdp);
  return n;
}

TEST(EndReads, ASourceThatIsHiddenBehindItselfIsTheOnlyOne) {
  Net n = two_paths();
  model::Nat nat = to_address(address("10.1.0.2"));
  nat.kind = model::NatKind::kSnat;
  n.rules("host", translating(Hook::kPostrouting, nat));
  expect_sources_apart(n, "10.2.0.2");
}

// The same seen from one that is hidden: the other is whom it is hidden behind.
TEST(EndReads, ASourceIsNoWordOfTheOneThatItIsHiddenBehind) {
  Net n = host_net();
  model::Nat nat = to_address(address("10.1.0.3"));
  nat.kind = model::NatKind::kSnat;
  n.rules("host", translating(Hook::kPostrouting, nat));
  n.rules(
      "host",
      table(NfFamily::kIp,
            {base("late", Hook::kPostrouting, 150,
                  {rule({is(masked(ct(model::CtKey::kStatus), le32(16)), le32(0)), drop()})})}));
  expect_sources_apart(n, "10.2.0.2");
}

TEST(EndReads, ASourceThatIsWrittenIsTheOnlyOne) {
  Net n = two_paths();
  n.rules("host",
          table(NfFamily::kIp, {base("pre", Hook::kPrerouting, -150,
                                     {rule({model::SetPayload{{model::PayloadBase::kNetwork, 12, 4},
                                                              constant(address("10.1.0.2"))}})})}));
  expect_sources_apart(n, "10.2.0.2");
}

// What is written may be one of them.
TEST(EndReads, AWrittenDestinationMayBeTheSource) {
  Net n = host_net();
  n.listen("b", "0.0.0.0", 80, false, {}, IpProtocol::kUdp);
  n.rules(
      "host",
      table(NfFamily::kIp,
            {base("pre", Hook::kPrerouting, -150,
                  {rule({to("10.9.0.9"), model::SetPayload{{model::PayloadBase::kNetwork, 16, 4},
                                                           constant(address("10.1.0.3"))}})})}));
  n.rules("host", forward({rule({of("10.1.0.2"), accept()})}));
  expect_sources_apart(n, "10.9.0.9", IpProtocol::kUdp);
}

void remember(Net& n, const char* who, const char* dev, const char* whom, MacAddress mac) {
  model::Neighbour m;
  m.link = n.link(who, dev).index;
  m.address = ip(whom);
  m.mac = mac;
  m.state = model::nud::kReachable;
  n.ns(who).neighbours.push_back(m);
}

// What is known of `a` must not be told of `b`, of which it is not known.
void expect_unknown_of_b(const Net& n, Verdict of_a) {
  const auto world = trace::World::build(n.snapshot).value();
  trace::EndReads record;
  trace::Question q = from_a(n, "a", "10.2.0.2");
  q.reads = &record;
  EXPECT_EQ(world.ask(q).verdict, of_a);
  EXPECT_EQ(world.ask(from_a(n, "b", "10.2.0.2")).verdict, Verdict::kUnknown);
  EXPECT_FALSE(record.is_clear() && !record.is_singular() && record.same_for(ip("10.1.0.3")));
}

// The rules of the host drop questions from br0; b and the host remember each other.
TEST(EndReads, ANeighbourThatDoesNotAnswerMayBeRememberedByAnother) {
  Net n = host_net();
  n.rules("host", table(NfFamily::kArp,
                        {base("in", Hook::kInput, 0,
                              {rule({is(meta(model::MetaKey::kIifname), name("br0")), drop()})})}));
  remember(n, "b", "eth0", "10.1.0.1", n.link("host", "br0").mac);
  remember(n, "host", "br0", "10.1.0.3", n.link("b", "eth0").mac);
  expect_unknown_of_b(n, Verdict::kClosed);
}

constexpr MacAddress kNobodys{{0x02, 0, 0, 0, 0xee, 0xee}};

TEST(EndReads, ANeighbourMayBeRememberedWronglyByAnother) {
  Net n = host_net();
  remember(n, "b", "eth0", "10.1.0.1", kNobodys);
  expect_unknown_of_b(n, Verdict::kOpen);
}

// The answer takes another way than the packet, so that who sends it was not asked before.
TEST(EndReads, ASourceMayBeRememberedRightlyAndAnotherWrongly) {
  Net n = host_net();
  n.joined("host", "br0", "vc1", "c", "eth1").address("c", "eth1", "10.1.0.9/24");
  remember(n, "c", "eth1", "10.1.0.3", kNobodys);
  expect_unknown_of_b(n, Verdict::kOpen);
}

// What machines usually remember does not tell them apart, nor does what stayed of one that went.
TEST(EndReads, WhatIsRememberedAsItIsServesAll) {
  Net n = host_net();
  remember(n, "b", "eth0", "10.1.0.1", n.link("host", "br0").mac);
  remember(n, "host", "br0", "10.1.0.3", n.link("b", "eth0").mac);
  n.joined("host", "br0", "vc1", "c", "eth1").address("c", "eth1", "10.1.0.9/24");
  remember(n, "c", "eth1", "10.1.0.3", n.link("b", "eth0").mac);
  remember(n, "c", "eth1", "10.1.0.99", kNobodys);
  const auto world = trace::World::build(n.snapshot).value();
  trace::EndReads record;
  trace::Question q = from_a(n, "a", "10.2.0.2");
  q.reads = &record;
  EXPECT_EQ(world.ask(q).verdict, Verdict::kOpen);
  EXPECT_TRUE(record.is_clear() && !record.is_singular() && record.same_for(ip("10.1.0.3")));
}

// A comparison with one of many addresses, as a whitelist's: those around it are told apart.
TEST(EndReads, SpeaksForARangeThatNoComparisonCuts) {
  Net n = host_net();
  n.rules("host", forward({rule({of("10.1.0.5"), drop()}), rule({accept()})}));
  const auto world = trace::World::build(n.snapshot).value();
  trace::EndReads record;
  trace::Question q = from_a(n, "a", "10.2.0.2");
  q.reads = &record;
  EXPECT_EQ(world.ask(q).verdict, Verdict::kOpen);
  const auto within = [&](const char* first, const char* last) {
    return record.same_within({ip(first).v4_number(), ip(last).v4_number()});
  };
  EXPECT_TRUE(within("10.1.0.2", "10.1.0.2"));
  EXPECT_TRUE(within("10.1.0.2", "10.1.0.4"));
  EXPECT_FALSE(within("10.1.0.2", "10.1.0.5"));
  EXPECT_FALSE(within("10.1.0.2", "10.1.0.9"));
  EXPECT_FALSE(within("10.1.0.6", "10.1.0.9")) << "its own address is not among them";
}

}  // namespace
}  // namespace bulkhead::verify
