// What the diagrams of one namespace's rules promise, by hand-written rules.
#include "reach/chain/chain.h"

#include <gtest/gtest.h>

#include "reach/compare.h"

namespace bulkhead::reach {
namespace {

using namespace testing;         // NOLINT
using namespace trace::testing;  // NOLINT
using model::MetaKey;
using model::VerdictKind;
namespace x = model::xt;

constexpr auto kForward = model::Hook::kForward;

// A SYN from 10.0.0.2 to 10.0.1.3 port 80 through eth0 and br-0123.
packet::Packet syn(const Pair& pair) {
  packet::Packet out = pair.fields().layout().packet();
  const auto set = [&](Quantity q, std::uint64_t n) { pair.fields().set(out, q, n); };
  const bool v4 = pair.fields().family() == IpFamily::kV4;
  pair.fields().set_address(out, Quantity::kSource, ip(v4 ? "10.0.0.2" : "fd00::2"));
  pair.fields().set_address(out, Quantity::kDestination, ip(v4 ? "10.0.1.3" : "fd00:1::3"));
  set(Quantity::kIif, pair.links().number(IfIndex{2}));
  set(Quantity::kOif, pair.links().number(IfIndex{3}));
  set(Quantity::kProtocol, 6);
  set(Quantity::kSourcePort, 40000);
  set(Quantity::kDestinationPort, 80);
  set(Quantity::kTcpFlags, 2);
  set(Quantity::kLength, 60);
  set(Quantity::kCtInfo, static_cast<std::uint64_t>(CtInfo::kNew));
  return out;
}

Leaf leaf_at(Pair& pair, const packet::Packet& packet, HookPoint point = HookPoint::kIpForward,
             bool nat = false) {
  const auto map = pair.map(point, nat);
  if (!map) throw std::runtime_error(map.error().message);
  return pair.effects().at(map->at(packet));
}

EffectKind kind_at(Pair& pair, const packet::Packet& packet) {
  const Leaf leaf = leaf_at(pair, packet);
  EXPECT_EQ(leaf.effects.size(), 1U);
  return leaf.effects.front().kind;
}

model::Ruleset forward(std::vector<model::Rule> rules, std::vector<model::Chain> more = {},
                       std::vector<model::SetDef> sets = {}) {
  std::vector<model::Chain> chains = {base("f", kForward, 0, std::move(rules))};
  for (model::Chain& c : more) chains.push_back(std::move(c));
  return ruleset({table(model::NfFamily::kInet, std::move(chains), std::move(sets))});
}

TEST(Chain, JumpReturnsAndGotoDoesNot) {
  const auto returning = chain("c", {rule({go(VerdictKind::kReturn)}), rule({drop()})});
  for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    Pair jumped(forward({rule({jump("c")}), rule({drop()})}, {returning}), family);
    EXPECT_EQ(kind_at(jumped, syn(jumped)), EffectKind::kDrop);
    Pair gone(forward({rule({go(VerdictKind::kGoto, "c")}), rule({drop()})}, {returning}), family);
    EXPECT_EQ(kind_at(gone, syn(gone)), EffectKind::kAccept);
  }
}

TEST(Chain, LaterRulesSeeTheMarkThatEarlierOnesSet) {
  Pair pair(forward({rule({is(th(2, 2), be16(80)), set_mark(5)}),
                     rule({is(trace::testing::meta(MetaKey::kMark), le32(5)), drop()})}),
            IpFamily::kV4);
  packet::Packet packet = syn(pair);
  EXPECT_EQ(kind_at(pair, packet), EffectKind::kDrop);
  pair.fields().set(packet, Quantity::kDestinationPort, 81);
  EXPECT_EQ(kind_at(pair, packet), EffectKind::kAccept);
  pair.fields().set(packet, Quantity::kMark, 5);
  EXPECT_EQ(kind_at(pair, packet), EffectKind::kDrop);
}

TEST(Chain, AcceptedPacketsLeaveWithTheirMark) {
  Pair pair(forward({rule({target("MARK", x::MarkTarget{0x10, 0xf0})}),
                     rule({target("CONNMARK", x::ConnmarkTarget{x::ConnmarkMode::kSave})})}),
            IpFamily::kV4);
  packet::Packet packet = syn(pair);
  pair.fields().set(packet, Quantity::kMark, 0xabc3);
  const Leaf leaf = leaf_at(pair, packet);
  ASSERT_EQ(leaf.effects.size(), 1U);
  const packet::Packet now =
      pair.effects().image(leaf.effects[0].image).apply(pair.fields(), packet);
  EXPECT_EQ(pair.fields().get(now, Quantity::kMark), 0xab13U);
  EXPECT_EQ(pair.fields().get(now, Quantity::kCtMark), 0xab13U);
}

TEST(Chain, AMatchThatMayHoldGivesBothOutcomesAndSaysWhy) {
  Pair pair(forward({rule({model::May{"limit", "rate 10/second", false}, accept()}), rule({drop()})}),
            IpFamily::kV4);
  const Leaf leaf = leaf_at(pair, syn(pair));
  ASSERT_EQ(leaf.effects.size(), 2U);
  EXPECT_EQ(leaf.effects[0].kind, EffectKind::kAccept);
  EXPECT_EQ(leaf.effects[1].kind, EffectKind::kDrop);
  ASSERT_EQ(leaf.reasons.size(), 1U);
  EXPECT_EQ(pair.effects().text(leaf.reasons[0]), "limit rate 10/second");
}

// Two rules with the same words are two limits, each with its own past.
TEST(Chain, EachMatchThatMayHoldGoesItsOwnWay) {
  const auto limit = model::May{"limit", "rate 10/second", false};
  Pair pair(forward({rule({limit, set_mark(1)}), rule({limit, drop()})}), IpFamily::kV4);
  EXPECT_EQ(leaf_at(pair, syn(pair)).effects.size(), 3U);  // dropped; accepted with mark 0 or 1
}

TEST(Chain, AMatchThatMayHoldButDecidesNothingLeavesNoDoubt) {
  Pair pair(forward({rule({model::May{"limit", "rate 10/second", false}, accept()})}), IpFamily::kV4);
  EXPECT_EQ(kind_at(pair, syn(pair)), EffectKind::kAccept);
}

TEST(Chain, WhatIsNotUnderstoodIsUnknownWithAReason) {
  Pair pair(forward({rule({model::OpaqueStatement{"weird", {}}})}), IpFamily::kV4);
  const Leaf leaf = leaf_at(pair, syn(pair));
  ASSERT_EQ(leaf.effects.size(), 1U);
  EXPECT_EQ(leaf.effects[0].kind, EffectKind::kUnknown);
  EXPECT_EQ(pair.effects().text(leaf.effects[0].reason), "expression 'weird' not understood");
}

TEST(Chain, CirclesAreUnknown) {
  Pair pair(forward({rule({jump("a")})}, {chain("a", {rule({jump("b")})}), chain("b", {rule({jump("a")})})}),
            IpFamily::kV4);
  EXPECT_EQ(kind_at(pair, syn(pair)), EffectKind::kUnknown);
}

TEST(Chain, AReplyIsAskedAboutInTheFieldsOfItsRequest) {
  Pair pair(forward({rule({is(net(12, 4), address("10.0.1.3")), is(th(0, 2), be16(80)), accept()}),
                     rule({drop()})}),
            IpFamily::kV4);
  EXPECT_EQ(kind_at(pair, syn(pair)), EffectKind::kDrop);
  const auto reply = pair.chains().filter(HookPoint::kIpForward, -1000, 1000,
                                          reply_image(pair.fields()));
  ASSERT_TRUE(reply);
  EXPECT_EQ(pair.effects().at(reply->at(syn(pair))).effects[0].kind, EffectKind::kAccept);
}

TEST(Chain, ConstantsOfTheImageAreSeen) {
  Pair pair(forward({rule({is(net(16, 4), address("172.17.0.9")), drop()})}), IpFamily::kV4);
  Image translated;
  translated.set(pair.fields(), Quantity::kDestination, constant_bits(ip("172.17.0.9")));
  const auto map = pair.chains().filter(HookPoint::kIpForward, -1000, 1000, translated);
  ASSERT_TRUE(map);
  EXPECT_EQ(map->leaves().size(), 1U);
  EXPECT_EQ(pair.effects().at(map->leaves()[0]).effects[0].kind, EffectKind::kDrop);
}

TEST(Chain, AStageEndsBehindARouteChain) {
  auto route = base("r", model::Hook::kOutput, -150, {rule({set_mark(5)})}, VerdictKind::kAccept,
                    model::ChainType::kRoute);
  auto filter = base("o", model::Hook::kOutput, 0, {rule({drop()})});
  Pair pair(ruleset({table(model::NfFamily::kIp, {route, filter})}), IpFamily::kV4);
  const auto stages = pair.chains().stages(HookPoint::kIpOutput, -1000, 1000);
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_TRUE(stages[0].reroutes);
  EXPECT_FALSE(stages[1].reroutes);
  const auto first = pair.chains().run(stages[0], Image());
  ASSERT_TRUE(first);
  EXPECT_EQ(pair.effects().at(first->at(syn(pair))).effects[0].kind, EffectKind::kAccept);
}

TEST(Chain, ABudgetThatIsMetIsAnErrorAndThenUnknown) {
  std::vector<model::Rule> rules;
  for (int i = 0; i < 200; ++i) {
    rules.push_back(rule({is(net(12, 4), bytes({10, 0, i, 1})), is(net(16, 4), bytes({10, i, 0, 1})),
                          is(th(2, 2), be16(static_cast<unsigned>(i))), drop()}));
  }
  packet::Limits small;
  small.nodes = 64;
  small.edges = 256;
  Pair pair(forward(rules), IpFamily::kV4, some_links(), small);
  const auto map = pair.map(HookPoint::kIpForward, false);
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, ErrorCode::kBudget);
  const auto unknown = pair.chains().unknown_map(map.error());
  EXPECT_EQ(pair.effects().at(unknown.leaves()[0]).effects[0].kind, EffectKind::kUnknown);
}

// 13 marks that are or-ed one after the other make 8,192 images.
TEST(Chain, TooManyWaysToMarkAPacketMeetABudget) {
  std::vector<model::Rule> rules;
  for (unsigned i = 0; i < 13; ++i) {
    rules.push_back(rule({is(masked(th(2, 2), be16(1U << i)), be16(1U << i)),
                          target("MARK", x::MarkTarget{1U << i, 1U << i})}));
  }
  Pair pair(forward(rules), IpFamily::kV4);
  const auto map = pair.map(HookPoint::kIpForward, false);
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, ErrorCode::kBudget);
}

TEST(Chain, NatWishesComeFromTheFirstChainThatDecides) {
  const auto dnat = [](const char* to) {
    model::Nat n;
    n.address = constant(address(to));
    n.port = constant(be16(8080));
    return model::Statement(n);
  };
  const auto nat_base = [](const char* chain_name, std::int32_t priority, model::Statement s) {
    return base(chain_name, model::Hook::kPrerouting, priority, {rule({is(th(2, 2), be16(80)), std::move(s)})},
                VerdictKind::kAccept, model::ChainType::kNat);
  };
  Pair pair(ruleset({table(model::NfFamily::kIp, {nat_base("late", -90, dnat("10.0.0.9")),
                                                  nat_base("early", -100, dnat("10.0.0.8"))})}),
            IpFamily::kV4);
  const Leaf leaf = leaf_at(pair, syn(pair), HookPoint::kIpPrerouting, true);
  ASSERT_EQ(leaf.effects.size(), 1U);
  ASSERT_NE(leaf.effects[0].nat, 0U);
  const NatRequest& wish = pair.effects().nat(leaf.effects[0]);
  EXPECT_TRUE(wish.destination);
  EXPECT_EQ(wish.first, ip("10.0.0.8"));
  EXPECT_EQ(wish.port_first, Port{8080});
}

TEST(Chain, TellsWhichRulesNeedConnectionTracking) {
  Pair plain(forward({rule({model::Notrack{}})}), IpFamily::kV4);
  EXPECT_FALSE(plain.chains().tracks_connections());
  Pair asks(forward({rule({is(trace::testing::ct(model::CtKey::kState), le32(2)), accept()})}),
            IpFamily::kV4);
  EXPECT_TRUE(asks.chains().tracks_connections());
}

}  // namespace
}  // namespace bulkhead::reach
