// What a person would say of a small container host, computed for all packets at once.
#include <gtest/gtest.h>

#include "reach/reach.h"
#include "trace/net.h"
#include "trace/trace.h"

namespace bulkhead::reach::testing {
namespace {

using trace::testing::accept;
using trace::testing::base;
using trace::testing::be16;
using trace::testing::bytes;
using trace::testing::constant;
using trace::testing::drop;
using trace::testing::host_net;
using trace::testing::ip;
using trace::testing::is;
using trace::testing::meta;
using trace::testing::Net;
using trace::testing::rule;
using trace::testing::table;
using trace::testing::th;

class Seat {
 public:
  Seat(const Net& net, const std::string& from, IpFamily family,
       IpProtocol protocol = IpProtocol::kTcp)
      : reach_(Reach::build(net.snapshot, family)), protocol_(protocol) {
    LocalRequest request;
    request.ns = net.id(from);
    request.protocol = protocol;
    request.source_port = Port{49152};
    answer_ = reach_.from(request).value();
  }

  Said about(std::string_view source, std::string_view to, std::uint16_t port) {
    const Fields& fields = reach_.fields();
    packet::Packet p = fields.layout().packet();
    fields.set(p, Quantity::kProtocol, static_cast<std::uint8_t>(protocol_));
    fields.set_address(p, Quantity::kSource, ip(source));
    fields.set_address(p, Quantity::kDestination, ip(to));
    fields.set(p, Quantity::kSourcePort, 49152);
    fields.set(p, Quantity::kDestinationPort, port);
    return answer_->about(p);
  }
  const Answer& answer() { return *answer_; }
  const Fields& fields() { return reach_.fields(); }

 private:
  Reach reach_;
  IpProtocol protocol_;
  std::optional<Answer> answer_;
};

struct Row {
  IpFamily family;
  const char *a, *b, *c, *host, *nobody;
};
const Row kRows[] = {{IpFamily::kV4, "10.1.0.2", "10.1.0.3", "10.2.0.2", "10.1.0.1", "10.1.0.99"},
                     {IpFamily::kV6, "fd01::2", "fd01::3", "fd02::2", "fd01::1", "fd01::99"}};

model::Rule nat_to(std::uint16_t port, const char* address, std::uint16_t to) {
  model::Nat n;
  n.kind = model::NatKind::kDnat;
  n.family = ip(address).family();
  n.address = constant(trace::testing::address(address));
  n.port = constant(be16(to));
  return rule({is(meta(model::MetaKey::kL4proto), bytes({6})), is(th(2, 2), be16(port)), n});
}

TEST(Walk, AGuestReachesItsNeighbourAndTheOtherBridgeAndTheHost) {
  const Net net = host_net();
  for (const Row& row : kRows) {
    Seat a(net, "a", row.family);
    for (const char* to : {row.b, row.c, row.host}) {
      EXPECT_EQ(a.about(row.a, to, 80).how, How::kAccepted) << to;
      EXPECT_EQ(a.about(row.a, to, 81).how, How::kRefused) << to;
    }
    EXPECT_EQ(a.about(row.a, row.nobody, 80).how, How::kUnreachable);
  }
}

TEST(Walk, AnAnswerHoldsEveryPacketOnce) {
  const Net net = host_net();
  Seat a(net, "a", IpFamily::kV4);
  const Answer& answer = a.answer();
  EXPECT_TRUE(answer.open().intersect(answer.closed()).value().empty());
  EXPECT_TRUE(answer.open().intersect(answer.unknown()).value().empty());
  const packet::PacketSet all =
      answer.open().unite(answer.closed()).value().unite(answer.unknown()).value();
  // Whatever the destination and its port, some source sends it or nothing can.
  std::vector<packet::FieldId> source;
  for (const auto& part : a.fields().parts(Quantity::kSource)) source.push_back(part.field);
  packet::Product asked;
  asked.where(a.fields().only(Quantity::kProtocol), packet::IntervalSet::single(6));
  asked.where(a.fields().only(Quantity::kSourcePort), packet::IntervalSet::single(49152));
  const packet::PacketSet projected = all.project(source).value();
  packet::Packet p = a.fields().layout().packet();
  a.fields().set(p, Quantity::kProtocol, 6);
  a.fields().set(p, Quantity::kSourcePort, 49152);
  for (std::uint32_t n = 0; n < 4096; ++n) {
    a.fields().set(p, Quantity::kDestination, n * 1048583U);
    a.fields().set(p, Quantity::kDestinationPort, n % 65536);
    EXPECT_TRUE(projected.contains(p)) << n;
  }
}

TEST(Walk, OpenIsExactlyThePortsThatListenBehindTheRule) {
  Net net = host_net();
  net.listen("c", "0.0.0.0", 443).listen("c", "0.0.0.0", 22);
  net.rules("host",
            table(model::NfFamily::kIp, {base("FORWARD", model::Hook::kForward, 0,
                                              {rule({is(meta(model::MetaKey::kL4proto), bytes({6})),
                                                     is(th(2, 2), be16(22)), drop()})})}));
  Seat a(net, "a", IpFamily::kV4);
  EXPECT_EQ(a.about("10.1.0.2", "10.2.0.2", 80).verdict, Verdict::kOpen);
  EXPECT_EQ(a.about("10.1.0.2", "10.2.0.2", 443).verdict, Verdict::kOpen);
  EXPECT_EQ(a.about("10.1.0.2", "10.2.0.2", 22).how, How::kDropped);
  packet::Product to_c;
  to_c.where(a.fields().only(Quantity::kDestination),
             packet::IntervalSet::single(ip("10.2.0.2").v4_number()));
  packet::PacketSet open = a.answer().open();
  packet::Packet p = a.fields().layout().packet();
  const packet::IntervalSet ports =
      open.cofactor(a.fields().only(Quantity::kDestination),
                    packet::IntervalSet::single(ip("10.2.0.2").v4_number()))
          .value()
          .values(a.fields().only(Quantity::kDestinationPort));
  EXPECT_EQ(ports, packet::IntervalSet::of({{80, 80}, {443, 443}}));
}

TEST(Walk, APublishedPortReachesTheGuestAndItsAnswerComesBackTranslated) {
  for (const bool v4 : {true, false}) {
    Net net = host_net();
    net.rules("host", table(v4 ? model::NfFamily::kIp : model::NfFamily::kIp6,
                            {base("PREROUTING", model::Hook::kPrerouting, -100,
                                  {nat_to(8080, v4 ? "10.1.0.2" : "fd01::2", 80)},
                                  model::VerdictKind::kAccept, model::ChainType::kNat)}));
    Seat out(net, "out", v4 ? IpFamily::kV4 : IpFamily::kV6);
    const Said said = out.about(v4 ? "192.0.2.9" : "fd09::9", v4 ? "192.0.2.1" : "fd09::1", 8080);
    ASSERT_EQ(said.verdict, Verdict::kOpen);
    EXPECT_EQ(said.outcomes.front()->socket_ns, net.id("a"));
    EXPECT_EQ(out.about(v4 ? "192.0.2.9" : "fd09::9", v4 ? "192.0.2.1" : "fd09::1", 8081).how,
              How::kRefused);
  }
}

TEST(Walk, AnySourcePortMeansAllOfThemAtOnce) {
  Net net = host_net();
  net.rules("host",
            table(model::NfFamily::kIp, {base("INPUT", model::Hook::kInput, 0,
                                              {rule({is(meta(model::MetaKey::kL4proto), bytes({6})),
                                                     is(th(0, 2), be16(53)), accept()}),
                                               rule({drop()})})}));
  Reach reach = Reach::build(net.snapshot, IpFamily::kV4);
  LocalRequest request;
  request.ns = net.id("a");
  request.any_source_port = true;
  const auto answer = reach.from(request);
  ASSERT_TRUE(answer);
  const Fields& fields = reach.fields();
  const packet::FieldId to = fields.only(Quantity::kDestination);
  const packet::PacketSet open =
      answer->open().cofactor(to, packet::IntervalSet::single(ip("10.1.0.1").v4_number())).value();
  EXPECT_EQ(open.values(fields.only(Quantity::kSourcePort)), packet::IntervalSet::single(53));
  EXPECT_EQ(open.values(fields.only(Quantity::kDestinationPort)), packet::IntervalSet::single(80));
}

TEST(Walk, WhatLeavesTheModelIsUnknownAndSaysWhere) {
  Net net = host_net();
  net.device("host", "wan0")
      .address("host", "wan0", "198.51.100.2/24")
      .route("host", "203.0.113.0/24", "198.51.100.1", "wan0");
  Seat a(net, "a", IpFamily::kV4);
  const Said said = a.about("10.1.0.2", "203.0.113.7", 80);
  ASSERT_EQ(said.verdict, Verdict::kUnknown);
  ASSERT_TRUE(said.outcomes.front()->exit);
  EXPECT_EQ(said.outcomes.front()->exit->link,
            net.snapshot.namespaces[net.id("host").value].links.back().index);
}

TEST(Walk, ANamespaceThatCouldNotBeReadIsUnknown) {
  Net net = host_net();
  net.ns("a").links.clear();
  net.ns("a").gaps.push_back({"links", "EPERM"});
  Seat a(net, "a", IpFamily::kV4);
  EXPECT_TRUE(a.answer().open().empty());
  EXPECT_TRUE(a.answer().closed().empty());
  EXPECT_FALSE(a.answer().unknown().empty());
}

TEST(Walk, ANatRuleWhereItCannotStandIsUnknown) {
  Net net = host_net();
  model::Nat masquerade;
  masquerade.kind = model::NatKind::kMasquerade;
  masquerade.family = IpFamily::kV4;
  net.rules("host", table(model::NfFamily::kIp,
                          {base("INPUT", model::Hook::kInput, 100, {rule({masquerade})},
                                model::VerdictKind::kAccept, model::ChainType::kNat)}));
  Seat a(net, "a", IpFamily::kV4);
  EXPECT_EQ(a.about("10.1.0.2", "10.1.0.1", 80).verdict, Verdict::kUnknown);
}

TEST(Walk, PacketsThatOneLimitLetsThroughAreUnknown) {
  Net net = host_net();
  net.rules("host",
            table(model::NfFamily::kIp, {base("INPUT", model::Hook::kInput, 0,
                                              {rule({model::May{}, accept()}), rule({drop()})})}));
  Seat a(net, "a", IpFamily::kV4);
  const Said said = a.about("10.1.0.2", "10.1.0.1", 80);
  EXPECT_EQ(said.verdict, Verdict::kUnknown);
  EXPECT_GE(said.outcomes.size(), 2U);  // the SYN may be dropped, the ACK may be
}

// What rules of every kind make of ARP, each time as trace says. The guest a asks for its neighbour
// b.
model::Statement arp_bytes(std::uint32_t offset, Bytes right) {
  return is(trace::testing::net(offset, static_cast<std::uint32_t>(right.size())), right);
}

struct ArpRules {
  const char* name;
  const char* where;
  model::NfFamily family;
  model::Hook hook;
  std::vector<model::Statement> rule;
  Verdict verdict;
};

std::vector<ArpRules> arp_rules() {
  using enum model::NfFamily;
  using enum model::Hook;
  const auto a = trace::testing::address("10.1.0.2"), b = trace::testing::address("10.1.0.3");
  const auto arp = is(meta(model::MetaKey::kProtocol), be16(0x0806));
  const auto is_ip = is(meta(model::MetaKey::kProtocol), be16(0x0800));
  const auto l4 = is(meta(model::MetaKey::kL4proto), bytes({6}));
  const auto question = arp_bytes(6, be16(1)), answer = arp_bytes(6, be16(2));
  constexpr auto kOpen = Verdict::kOpen, kClosed = Verdict::kClosed,
                 kUnknown = Verdict::kUnknown;  // open once b has asked for a
  return {
      {"all frames", "host", kBridge, kForward, {drop()}, kClosed},
      {"ARP", "host", kBridge, kForward, {arp, drop()}, kClosed},
      {"IP alone", "host", kBridge, kPrerouting, {is_ip, accept()}, kOpen},
      {"a layer 4 that ARP has not", "host", kBridge, kForward, {l4, accept()}, kOpen},
      {"questions for another",
       "host",
       kBridge,
       kForward,
       {question, arp_bytes(24, a), drop()},
       kOpen},
      {"questions for b",
       "host",
       kBridge,
       kForward,
       {question, arp_bytes(24, b), drop()},
       kUnknown},
      {"answers of b", "host", kBridge, kForward, {answer, arp_bytes(14, b), drop()}, kUnknown},
      {"answers of a", "host", kBridge, kForward, {answer, arp_bytes(14, a), drop()}, kOpen},
      {"what b hears", "b", kArp, kInput, {drop()}, kClosed},
      {"what b hears of itself", "b", kArp, kInput, {arp_bytes(14, b), drop()}, kOpen},
      {"what b says", "b", kArp, kOutput, {answer, drop()}, kUnknown},
      {"what a hears", "a", kArp, kInput, {answer, drop()}, kUnknown},
      {"what a asks", "a", kArp, kOutput, {question, drop()}, kUnknown},
      {"what b would ask", "b", kArp, kOutput, {question, arp_bytes(24, b), drop()}, kOpen},
      {"past its end", "b", kArp, kInput, {arp_bytes(28, bytes({0})), drop()}, kOpen},
      {"a bridge that asks no arptables", "host", kArp, kForward, {drop()}, kOpen},
  };
}

TEST(Walk, ArpPassesTheRulesThatFramesMeet) {
  for (const ArpRules& row : arp_rules()) {
    Net net = host_net();
    net.rules(row.where, table(row.family, {base("chain", row.hook, 0, {rule(row.rule)})}));
    Seat a(net, "a", IpFamily::kV4);
    const Said said = a.about("10.1.0.2", "10.1.0.3", 80);
    EXPECT_EQ(said.verdict, row.verdict) << row.name;
    const auto world = trace::World::build(net.snapshot);
    trace::Question q;
    q.from = trace::LocalOrigin{net.id("a"), 0, 0};
    q.to = ip("10.1.0.3");
    q.port = Port{80};
    EXPECT_EQ(world->ask(q).verdict, said.verdict) << row.name;
  }
}

TEST(Walk, ArpRulesThatAreNotFollowedAreUnknown) {
  model::XtMatch match;
  match.name = "among";
  for (const std::vector<model::Statement>& statements :
       {std::vector<model::Statement>{match, drop()},
        {model::May{}, drop()},
        {arp_bytes(18, bytes({0, 0, 0, 0, 0, 0})), drop()}}) {
    Net net = host_net();
    net.rules("host", table(model::NfFamily::kBridge,
                            {base("forward", model::Hook::kForward, 0, {rule(statements)})}));
    Seat a(net, "a", IpFamily::kV4);
    EXPECT_EQ(a.about("10.1.0.2", "10.1.0.3", 80).verdict, Verdict::kUnknown);
  }
}

// Legacy tables and nft chains of one priority: a snapshot does not tell which come first. Where it
// makes no difference flows are not doubled at each hook.
TEST(Walk, AnOrderThatDoesNotMatterDoublesNothing) {
  Net net = host_net();
  const auto drops = [](std::uint16_t port) {
    std::vector<model::Chain> chains;
    for (const auto& [name, hook] :
         {std::pair("INPUT", model::Hook::kInput), std::pair("FORWARD", model::Hook::kForward),
          std::pair("OUTPUT", model::Hook::kOutput)}) {
      chains.push_back(base(name, hook, 0,
                            {rule({is(meta(model::MetaKey::kL4proto), bytes({6})),
                                   is(th(2, 2), be16(port)), drop()})}));
    }
    return table(model::NfFamily::kIp, std::move(chains));
  };
  model::Table legacy = drops(81);
  legacy.backend = model::TableBackend::kLegacy;
  net.rules("host", drops(82)).rules("host", std::move(legacy));
  Seat a(net, "a", IpFamily::kV4);
  for (const std::uint16_t port : {81, 82})
    EXPECT_EQ(a.about("10.1.0.2", "10.2.0.2", port).how, How::kDropped);
  EXPECT_EQ(a.about("10.1.0.2", "10.2.0.2", 80).outcomes.size(), 1U);
}

}  // namespace
}  // namespace bulkhead::reach::testing
