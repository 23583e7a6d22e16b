// How rules and chains follow one another: verdicts, jumps, policies, order of hooks, sets.
#include <gtest/gtest.h>

#include "filter_trace/build.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::Hook;
using model::MetaKey;
using model::NfFamily;
using model::VerdictKind;

constexpr auto kForward = FilterPoint::kIpForward;

model::Ruleset forward(std::vector<model::Rule> rules, std::vector<model::Chain> others = {},
                       VerdictKind policy = VerdictKind::kAccept,
                       std::vector<model::SetDef> sets = {}) {
  std::vector<model::Chain> chains = std::move(others);
  chains.push_back(base("c", Hook::kForward, 0, std::move(rules), policy));
  return ruleset({table(NfFamily::kInet, std::move(chains), std::move(sets))});
}

Outcome outcome(const model::Ruleset& rules, FilterPoint point = kForward) {
  Scene scene;
  return run(rules, point, scene).outcome;
}

model::Statement never() {
  return is(meta(MetaKey::kL4proto), bytes({99}));
}

TEST(Chain, ThePolicyDecidesWhatNoRuleDoes) {
  EXPECT_EQ(outcome(forward({rule({never(), drop()})})), Outcome::kAccept);
  const auto rules = forward({rule({never(), accept()})}, {}, VerdictKind::kDrop);
  Scene scene;
  const HookResult result = run(rules, kForward, scene);
  EXPECT_EQ(result.outcome, Outcome::kDrop);
  EXPECT_EQ(result.decided_by.rule, nullptr);
  EXPECT_EQ(result.decided_by.chain->name, "c");
}

TEST(Chain, TheFirstVerdictEndsTheChainAndIsNamed) {
  const auto rules = forward({rule({never(), accept()}), rule({drop()}), rule({accept()})});
  Scene scene;
  const HookResult result = run(rules, kForward, scene);
  EXPECT_EQ(result.outcome, Outcome::kDrop);
  EXPECT_EQ(result.decided_by.rule, &rules.tables[0].chains[0].rules[1]);
}

TEST(Chain, ReturnsGoBackBehindTheJump) {
  EXPECT_EQ(outcome(forward({rule({jump("u")}), rule({drop()})},
                            {chain("u", {rule({go(VerdictKind::kReturn)}), rule({accept()})})})),
            Outcome::kDrop);
  EXPECT_EQ(outcome(forward({rule({jump("u")}), rule({drop()})}, {chain("u", {})})),
            Outcome::kDrop);
  EXPECT_EQ(outcome(forward({rule({jump("u")}), rule({drop()})}, {chain("u", {rule({accept()})})})),
            Outcome::kAccept);
}

TEST(Chain, ReturnInABaseChainMeansItsPolicy) {
  EXPECT_EQ(outcome(forward({rule({go(VerdictKind::kReturn)}), rule({accept()})}, {},
                            VerdictKind::kDrop)),
            Outcome::kDrop);
}

TEST(Chain, GotoReturnsToTheCallerOfTheChainThatWent) {
  // c jumps a; a goes to b; b ends: back to c behind the jump, not to a.
  const auto rules =
      forward({rule({jump("a")}), rule({accept()})},
              {chain("a", {rule({go(VerdictKind::kGoto, "b")}), rule({drop()})}), chain("b", {})},
              VerdictKind::kDrop);
  EXPECT_EQ(outcome(rules), Outcome::kAccept);
}

TEST(Chain, GotoFromABaseChainEndsInItsPolicy) {
  EXPECT_EQ(outcome(forward({rule({go(VerdictKind::kGoto, "b")}), rule({accept()})},
                            {chain("b", {})}, VerdictKind::kDrop)),
            Outcome::kDrop);
}

TEST(Chain, ContinueInAVerdictMapGoesOnWithinTheRule) {
  const std::vector<model::SetDef> sets = {
      set("v", 2, {element(be16(80), verdict(VerdictKind::kContinue))})};
  EXPECT_EQ(outcome(forward({rule({vmap(th(2, 2), "v"), drop()})}, {}, VerdictKind::kAccept, sets)),
            Outcome::kDrop);
}

TEST(Chain, AVerdictMapWithoutTheKeyEndsTheRuleOnly) {
  const std::vector<model::SetDef> sets = {
      set("v", 2, {element(be16(81), verdict(VerdictKind::kAccept))})};
  EXPECT_EQ(outcome(forward({rule({vmap(th(2, 2), "v"), drop()}), rule({never(), drop()})}, {},
                            VerdictKind::kAccept, sets)),
            Outcome::kAccept);
}

TEST(Chain, VerdictMapsJump) {
  const std::vector<model::SetDef> sets = {
      set("v", 2, {element(be16(80), verdict(VerdictKind::kJump, "u"))})};
  EXPECT_EQ(outcome(forward({rule({vmap(th(2, 2), "v")}), rule({drop()})}, {chain("u", {})},
                            VerdictKind::kAccept, sets)),
            Outcome::kDrop);
}

TEST(Hooks, RunByPriorityAndAcceptEndsOneChainOnly) {
  const auto two = [](std::int32_t first, std::int32_t second) {
    return ruleset({table(NfFamily::kInet, {base("a", Hook::kForward, first, {rule({accept()})})}),
                    table(NfFamily::kIp, {base("b", Hook::kForward, second, {rule({drop()})})})});
  };
  EXPECT_EQ(outcome(two(0, 10)), Outcome::kDrop);
  EXPECT_EQ(outcome(two(10, 0)), Outcome::kDrop);
}

TEST(Hooks, OfEqualPrioritiesTheLastRegisteredRunsFirst) {
  auto first = table(NfFamily::kInet, {base("a", Hook::kForward, 0, {rule({set_mark(1)})})});
  auto second = table(NfFamily::kInet, {base("b", Hook::kForward, 0, {rule({set_mark(2)})})});
  first.handle = 1;
  second.handle = 2;
  Scene scene;
  static_cast<void>(run(ruleset({first, second}), kForward, scene));
  EXPECT_EQ(scene.packet.mark, 1U);
}

TEST(Hooks, SlicesRunWhatLiesWithinThem) {
  const auto rules =
      ruleset({table(NfFamily::kInet, {base("a", Hook::kForward, -300, {rule({set_mark(1)})}),
                                       base("b", Hook::kForward, -200, {rule({drop()})})})});
  const Filter filter(rules, true);
  Scene scene;
  EXPECT_EQ(filter.run(kForward, -1000, -200, scene.context).outcome, Outcome::kAccept);
  EXPECT_EQ(scene.packet.mark, 1U);
  EXPECT_EQ(filter.run(kForward, -200, 1000, scene.context).outcome, Outcome::kDrop);
}

TEST(Hooks, AFamilySeesItsOwnPackets) {
  const auto drops = [](NfFamily family, Packet packet) {
    Scene scene(std::move(packet));
    const auto rules = ruleset({table(family, {base("c", Hook::kForward, 0, {rule({drop()})})})});
    return run(rules, kForward, scene).outcome == Outcome::kDrop;
  };
  EXPECT_TRUE(drops(NfFamily::kIp, tcp4()));
  EXPECT_FALSE(drops(NfFamily::kIp, tcp6()));
  EXPECT_FALSE(drops(NfFamily::kIp6, tcp4()));
  EXPECT_TRUE(drops(NfFamily::kIp6, tcp6()));
  EXPECT_TRUE(drops(NfFamily::kInet, tcp4()));
  EXPECT_TRUE(drops(NfFamily::kInet, tcp6()));
  EXPECT_FALSE(drops(NfFamily::kBridge, tcp4()));
}

TEST(Hooks, DormantTablesDoNotRunButStillTrack) {
  auto dormant =
      table(NfFamily::kIp,
            {base("c", Hook::kForward, 0,
                  {rule({is(ct(model::CtKey::kMark), le32(1)), accept()}), rule({drop()})})});
  dormant.dormant = true;
  const auto rules = ruleset({dormant});
  EXPECT_EQ(outcome(rules), Outcome::kAccept);
  EXPECT_TRUE(Filter(rules, true).tracks_connections(IpFamily::kV4));
}

TEST(Hooks, DeviceChainsRunForTheirDevices) {
  auto chain_of = [](NfFamily family, std::string device) {
    auto c = base("c", Hook::kIngress, 0, {rule({drop()})});
    c.base->devices = {std::move(device)};
    return ruleset({table(family, {c})});
  };
  EXPECT_EQ(outcome(chain_of(NfFamily::kNetdev, "eth0"), FilterPoint::kNetdevIngress),
            Outcome::kDrop);
  EXPECT_EQ(outcome(chain_of(NfFamily::kNetdev, "eth1"), FilterPoint::kNetdevIngress),
            Outcome::kAccept);
  EXPECT_EQ(outcome(chain_of(NfFamily::kNetdev, "eth*"), FilterPoint::kNetdevIngress),
            Outcome::kDrop);
  EXPECT_EQ(outcome(chain_of(NfFamily::kInet, "eth0"), FilterPoint::kInetIngress), Outcome::kDrop);
  Scene arp(arp_request());
  EXPECT_EQ(run(chain_of(NfFamily::kInet, "eth0"), FilterPoint::kInetIngress, arp).outcome,
            Outcome::kAccept);
  EXPECT_EQ(run(chain_of(NfFamily::kNetdev, "eth0"), FilterPoint::kNetdevIngress, arp).outcome,
            Outcome::kDrop);
}

// Notes the marks with which a route was asked for.
class MarksOfRoutes final : public Rerouter {
 public:
  explicit MarksOfRoutes(bool answer = true) : answer_(answer) {}
  bool reroute(Context& context) override {
    marks.push_back(context.packet->mark);
    return answer_;
  }
  std::vector<std::uint32_t> marks;

 private:
  bool answer_;
};

TEST(Hooks, ARouteChainAsksForANewRouteOnlyWhenItChangedSomething) {
  const auto rules = [](std::uint32_t mark, model::ChainType type) {
    return ruleset({table(NfFamily::kIp, {base("c", Hook::kOutput, 0, {rule({set_mark(mark)})},
                                               VerdictKind::kAccept, type)})});
  };
  const auto asks = [](const model::Ruleset& r) {
    Scene scene;
    MarksOfRoutes routes;
    scene.context.rerouter = &routes;
    static_cast<void>(run(r, FilterPoint::kIpOutput, scene));
    return !routes.marks.empty();
  };
  EXPECT_TRUE(asks(rules(1, model::ChainType::kRoute)));
  EXPECT_FALSE(asks(rules(0, model::ChainType::kRoute)));
  EXPECT_FALSE(asks(rules(1, model::ChainType::kFilter)));
}

TEST(Hooks, ARouteChainsRouteIsFoundBeforeLaterChainsChangeTheMark) {
  const auto chain = [](const char* name, std::int32_t priority, std::uint32_t mark,
                        model::ChainType type) {
    model::Chain c = base(name, Hook::kOutput, priority, {rule({set_mark(mark)})}, VerdictKind::kAccept,
                   type);
    return c;
  };
  const auto rules =
      ruleset({table(NfFamily::kIp, {chain("early", -150, 7, model::ChainType::kRoute),
                                     chain("late", 0, 9, model::ChainType::kFilter)})});
  Scene scene;
  MarksOfRoutes routes;
  scene.context.rerouter = &routes;
  EXPECT_EQ(run(rules, FilterPoint::kIpOutput, scene).outcome, Outcome::kAccept);
  EXPECT_EQ(routes.marks, std::vector<std::uint32_t>{7});
  EXPECT_EQ(scene.packet.mark, 9U);

  Scene lost;
  MarksOfRoutes none(false);
  lost.context.rerouter = &none;
  const HookResult result = run(rules, FilterPoint::kIpOutput, lost);
  EXPECT_EQ(result.outcome, Outcome::kDrop);
  EXPECT_TRUE(result.no_route);
  EXPECT_EQ(lost.packet.mark, 7U) << "the later chain never ran";
}

// -------------------------------------------------------------------------------------- sets

TEST(Sets, HoldExactKeysIntervalsAndConcatenations) {
  const std::vector<model::SetDef> sets = {
      set("exact", 4, {element(address("10.0.0.9")), element(address("10.0.0.2"))}),
      set("interval", 4, {element(address("10.0.0.0"), address("10.0.0.255"))}),
      set("v6", 16, {element(address("fd00::"), address("fd00::ff"))}),
      set("concat", 8, {element(joined({address("10.0.1.3"), be16(80)}))}, {4, 2}),
      set("pipapo", 8,
          {element(joined({address("10.0.1.0"), be16(1)}),
                   joined({address("10.0.1.255"), be16(79)})),
           element(joined({address("10.0.1.3"), be16(80)}),
                   joined({address("10.0.1.3"), be16(90)}))},
          {4, 2}),
      set("names", 16, {element(name("eth0")), element(name("lo"))}),
      set("empty", 4, {}),
  };
  struct Row {
    model::Term key;
    const char* set;
    bool in;
    Packet packet;
  };
  const std::vector<Row> rows = {
      {net(12, 4), "exact", true, tcp4()},
      {net(16, 4), "exact", false, tcp4()},
      {net(12, 4), "interval", true, tcp4()},
      {net(16, 4), "interval", false, tcp4()},
      {net(8, 16), "v6", true, tcp6()},
      {net(24, 16), "v6", false, tcp6()},
      {concat({net(16, 4), th(2, 2)}), "concat", true, tcp4()},
      {concat({net(12, 4), th(2, 2)}), "concat", false, tcp4()},
      {concat({net(16, 4), th(2, 2)}), "pipapo", true, tcp4()},
      {concat({net(16, 4), th(0, 2)}), "pipapo", false, tcp4()},
      {meta(MetaKey::kIifname), "names", true, tcp4()},
      {meta(MetaKey::kOifname), "names", false, tcp4()},
      {net(12, 4), "empty", false, tcp4()},
  };
  for (const Row& row : rows) {
    for (bool inverted : {false, true}) {
      Scene scene(row.packet);
      EXPECT_EQ(matches({in_set(row.key, row.set, inverted)}, scene, kForward, NfFamily::kInet,
                        Hook::kForward, sets),
                row.in != inverted)
          << row.set;
    }
  }
}

TEST(Sets, TheCatchAllElementIsUsedWhenNoOtherIs) {
  auto rest = element(Bytes(2), verdict(VerdictKind::kDrop));
  rest.catch_all = true;
  const std::vector<model::SetDef> sets = {
      set("v", 2, {rest, element(be16(80), verdict(VerdictKind::kAccept))})};
  EXPECT_EQ(outcome(forward({rule({vmap(th(2, 2), "v")})}, {}, VerdictKind::kDrop, sets)),
            Outcome::kAccept);
  EXPECT_EQ(outcome(forward({rule({vmap(th(0, 2), "v")})}, {}, VerdictKind::kAccept, sets)),
            Outcome::kDrop);
}

TEST(Sets, OnesThatRulesFillGoBothWays) {
  const std::vector<model::SetDef> sets = {set("s", 4, {element(address("10.0.0.2"))})};
  model::Statement update = model::UpdateSet{"s", 0, net(12, 4), std::nullopt};
  Scene scene;
  EXPECT_TRUE(matches({update, in_set(net(12, 4), "s")}, scene, kForward, NfFamily::kInet,
                      Hook::kForward, sets));
  EXPECT_TRUE(scene.choices.any());
}

TEST(Sets, MapsGiveValues) {
  auto entry = element(be16(80));
  entry.data = le32(0x51);
  const auto rules = forward({rule({model::SetMeta{MetaKey::kMark, map_of("m", th(2, 2))}})}, {},
                             VerdictKind::kAccept, {set("m", 2, {entry})});
  Scene scene;
  EXPECT_EQ(run(rules, kForward, scene).outcome, Outcome::kAccept);
  EXPECT_EQ(scene.packet.mark, 0x51U);
  Scene other;
  other.packet.destination_port = Port{81};
  EXPECT_EQ(run(rules, kForward, other).outcome, Outcome::kAccept);
  EXPECT_EQ(other.packet.mark, 0U);
}

// ------------------------------------------------------------------------------- statements

TEST(Statement, RejectsAnswerByFamilyAndProtocol) {
  struct Row {
    model::RejectKind kind;
    std::uint8_t code;
    Packet packet;
    Outcome outcome;
    bool reset;
    int type, icmp;
  };
  Packet rst = tcp4(), udp = tcp4(), error = tcp4();
  rst.tcp_flags = tcp::kRst;
  udp.protocol = IpProtocol::kUdp;
  error.protocol = IpProtocol::kIcmp;
  error.icmp_type = 3;
  using model::RejectKind;
  const std::vector<Row> rows = {
      {RejectKind::kIcmp, 10, tcp4(), Outcome::kReject, false, 3, 10},
      {RejectKind::kIcmp, 1, tcp6(), Outcome::kReject, false, 1, 1},
      {RejectKind::kIcmpx, 0, tcp4(), Outcome::kReject, false, 3, 0},
      {RejectKind::kIcmpx, 1, tcp4(), Outcome::kReject, false, 3, 3},
      {RejectKind::kIcmpx, 2, tcp4(), Outcome::kReject, false, 3, 1},
      {RejectKind::kIcmpx, 3, tcp4(), Outcome::kReject, false, 3, 13},
      {RejectKind::kIcmpx, 0, tcp6(), Outcome::kReject, false, 1, 0},
      {RejectKind::kIcmpx, 1, tcp6(), Outcome::kReject, false, 1, 4},
      {RejectKind::kIcmpx, 2, tcp6(), Outcome::kReject, false, 1, 3},
      {RejectKind::kIcmpx, 3, tcp6(), Outcome::kReject, false, 1, 1},
      {RejectKind::kTcpReset, 0, tcp4(), Outcome::kReject, true, 0, 0},
      {RejectKind::kTcpReset, 0, rst, Outcome::kDrop, false, 0, 0},
      {RejectKind::kTcpReset, 0, udp, Outcome::kDrop, false, 0, 0},
      {RejectKind::kIcmp, 3, error, Outcome::kDrop, false, 0, 0},
  };
  for (const Row& row : rows) {
    Scene scene(row.packet);
    const HookResult result =
        run(forward({rule({model::Reject{row.kind, row.code}})}), kForward, scene);
    ASSERT_EQ(result.outcome, row.outcome) << &row - rows.data();
    ASSERT_EQ(result.reject.has_value(), row.outcome == Outcome::kReject);
    if (!result.reject) continue;
    EXPECT_EQ(result.reject->tcp_reset, row.reset);
    EXPECT_EQ(result.reject->icmp_type, row.type);
    EXPECT_EQ(result.reject->icmp_code, row.icmp);
  }
}

TEST(Statement, NotrackHoldsForWhatConntrackHasNotSeen) {
  const auto rules = forward({rule({model::Notrack{}})});
  Scene fresh;
  static_cast<void>(run(rules, kForward, fresh));
  EXPECT_TRUE(fresh.view.untracked);
  Scene seen;
  seen.tracked();
  static_cast<void>(run(rules, kForward, seen));
  EXPECT_FALSE(seen.view.untracked);
}

TEST(Statement, PayloadWritesChangeThePacket) {
  const auto rules = forward({rule(
      {model::SetPayload{{model::PayloadBase::kNetwork, 16, 4}, constant(address("10.9.9.9"))},
       model::SetPayload{{model::PayloadBase::kTransport, 2, 2}, constant(be16(8080))},
       model::SetPayload{{model::PayloadBase::kNetwork, 10, 2}, constant(be16(1))}})});
  Scene scene;
  EXPECT_EQ(run(rules, kForward, scene).outcome, Outcome::kAccept);
  EXPECT_EQ(scene.packet.destination, ip("10.9.9.9"));
  EXPECT_EQ(scene.packet.destination_port.number, 8080);
}

TEST(Statement, QueuesPassWithBypassOnly) {
  model::Verdict queue = verdict(VerdictKind::kQueue);
  EXPECT_EQ(outcome(forward({rule({model::Decide{queue}})})), Outcome::kUnknown);
  queue.queue_bypass = true;
  EXPECT_EQ(outcome(forward({rule({model::Decide{queue}})})), Outcome::kAccept);
}

TEST(Statement, WhatIsNotUnderstoodCountsOnlyWhenReached) {
  const model::Statement opaque = model::OpaqueStatement{"frobnicate", {}};
  EXPECT_EQ(outcome(forward({rule({never(), opaque}), rule({drop()})})), Outcome::kDrop);
  Scene scene;
  const HookResult result = run(forward({rule({opaque})}), kForward, scene);
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.unknown, "expression 'frobnicate' not understood");
}

TEST(Statement, ExplainsJumpsMarksAndTheVerdict) {
  const auto rules = forward({rule({set_mark(1)}), rule({never(), drop()}), rule({jump("u")})},
                             {chain("u", {rule({accept()})})});
  Scene scene;
  static_cast<void>(run(rules, kForward, scene));
  const auto& t = rules.tables[0];
  ASSERT_EQ(scene.explained.size(), 3U);
  EXPECT_EQ(scene.explained[0].rule, &t.chains[1].rules[0]);
  EXPECT_EQ(scene.explained[1].rule, &t.chains[1].rules[2]);
  EXPECT_EQ(scene.explained[2].rule, &t.chains[0].rules[0]);
}

// ---------------------------------------------------------------------------------------- NAT

model::Ruleset nat_rules(NfFamily family, Hook hook, std::vector<model::Rule> rules,
                         std::vector<model::SetDef> sets = {}) {
  return ruleset({table(
      family,
      {base("n", hook, -100, std::move(rules), VerdictKind::kAccept, model::ChainType::kNat)},
      std::move(sets))});
}

TEST(Nat, TheFirstChainThatDecidesWins) {
  model::Nat dnat;
  dnat.kind = model::NatKind::kDnat;
  dnat.family = IpFamily::kV4;
  dnat.address = constant(address("172.17.0.2"));
  dnat.port = constant(be16(8080));
  const auto rules =
      nat_rules(NfFamily::kInet, Hook::kPrerouting, {rule({never(), dnat}), rule({dnat})});
  const Filter filter(rules, true);
  EXPECT_TRUE(filter.tracks_connections(IpFamily::kV4));
  EXPECT_TRUE(filter.has_nat(IpFamily::kV6));
  Scene scene;
  scene.tracked();
  std::optional<NatRequest> request;
  EXPECT_EQ(filter.run_nat(FilterPoint::kIpPrerouting, scene.context, request).outcome,
            Outcome::kAccept);
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->destination);
  EXPECT_EQ(request->first, ip("172.17.0.2"));
  EXPECT_EQ(request->port_first, Port{8080});
  EXPECT_EQ(request->rule.rule, &rules.tables[0].chains[0].rules[1]);
  // A statement of the other family does nothing, and the filter part does not run NAT chains.
  Scene six(tcp6());
  six.tracked();
  EXPECT_EQ(filter.run_nat(FilterPoint::kIpPrerouting, six.context, request).outcome,
            Outcome::kAccept);
  EXPECT_FALSE(request);
  EXPECT_EQ(filter.run(FilterPoint::kIpPrerouting, -1000, 1000, scene.context).outcome,
            Outcome::kAccept);
}

TEST(Nat, AddressesAndPortsComeFromMapsToo) {
  auto entry = element(be16(80));
  entry.data = joined({address("172.17.0.9"), be16(81)});
  model::Nat dnat;
  dnat.family = IpFamily::kV4;
  dnat.address = model::Term{model::MapTerm{"m", {th(2, 2)}, 0, 4}};
  dnat.port = model::Term{model::MapTerm{"m", {th(2, 2)}, 4, 2}};
  const auto rules =
      nat_rules(NfFamily::kIp, Hook::kPrerouting, {rule({dnat})}, {set("m", 2, {entry})});
  Scene scene;
  std::optional<NatRequest> request;
  static_cast<void>(
      Filter(rules, true).run_nat(FilterPoint::kIpPrerouting, scene.context, request));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->first, ip("172.17.0.9"));
  EXPECT_EQ(request->port_first, Port{81});
  scene.packet.destination_port = Port{82};
  static_cast<void>(
      Filter(rules, true).run_nat(FilterPoint::kIpPrerouting, scene.context, request));
  EXPECT_FALSE(request);
}

TEST(Nat, AcceptEndsItsChainAndTheNextOneIsAsked) {
  model::Nat masquerade;
  masquerade.kind = model::NatKind::kMasquerade;
  auto rules = nat_rules(NfFamily::kIp, Hook::kPostrouting, {rule({accept()})});
  rules.tables.push_back(
      nat_rules(NfFamily::kInet, Hook::kPostrouting, {rule({masquerade})}).tables[0]);
  Scene scene;
  std::optional<NatRequest> request;
  static_cast<void>(
      Filter(rules, true).run_nat(FilterPoint::kIpPostrouting, scene.context, request));
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->masquerade);
  EXPECT_FALSE(request->destination);
}

// ------------------------------------------------------------------------------------ conntrack

TEST(Tracking, StartsWithARuleThatNeedsIt) {
  const auto tracks = [](NfFamily family, model::Statement s) {
    const auto rules =
        ruleset({table(family, {base("c", Hook::kForward, 0, {rule({std::move(s)})})})});
    const Filter filter(rules, true);
    return std::pair(filter.tracks_connections(IpFamily::kV4),
                     filter.tracks_connections(IpFamily::kV6));
  };
  const auto both = std::pair(true, true), none = std::pair(false, false),
             four = std::pair(true, false);
  const auto state = masked(ct(model::CtKey::kState), le32(8));
  EXPECT_EQ(tracks(NfFamily::kInet, is_not(state, le32(0))), both);
  EXPECT_EQ(tracks(NfFamily::kIp, is_not(state, le32(0))), four);
  EXPECT_EQ(tracks(NfFamily::kInet, model::Notrack{}), none);
  EXPECT_EQ(tracks(NfFamily::kInet, is(th(2, 2), be16(80))), none);
  EXPECT_EQ(tracks(NfFamily::kInet, model::SetMeta{MetaKey::kMark, ct(model::CtKey::kMark)}), both);
  EXPECT_EQ(tracks(NfFamily::kIp, xt("state", model::xt::Conntrack{})), four);
  EXPECT_EQ(tracks(NfFamily::kIp, xt("connmark", model::xt::Mark{true, 1, 1, false})), four);
  EXPECT_EQ(tracks(NfFamily::kIp, target("CT", model::xt::CtTarget{true, 0, {}})), none);
  EXPECT_EQ(tracks(NfFamily::kIp, target("CT", model::xt::CtTarget{false, 1, {}})), four);
  EXPECT_EQ(tracks(NfFamily::kIp, target("MASQUERADE", model::xt::NatTarget{})), four);
}

// -------------------------------------------------------------------------------------- hostile

TEST(Hostile, JumpsInCirclesAreUnknown) {
  EXPECT_EQ(outcome(forward({rule({jump("a")})}, {chain("a", {rule({jump("a")})})})),
            Outcome::kUnknown);
  EXPECT_EQ(outcome(forward({rule({go(VerdictKind::kGoto, "a")})},
                            {chain("a", {rule({go(VerdictKind::kGoto, "a")})})})),
            Outcome::kUnknown);
}

TEST(Hostile, MissingChainsSetsAndDataAreUnknown) {
  EXPECT_EQ(outcome(forward({rule({jump("nowhere")})})), Outcome::kUnknown);
  EXPECT_EQ(outcome(forward({rule({in_set(net(12, 4), "none"), drop()})})), Outcome::kUnknown);
  EXPECT_EQ(outcome(forward({rule({vmap(net(12, 4), "none"), drop()})})), Outcome::kUnknown);
  EXPECT_EQ(outcome(forward({rule({model::SetMeta{MetaKey::kMark, map_of("none", th(2, 2))}})})),
            Outcome::kUnknown);
}

TEST(Hostile, BrokenTermsNeverDecide) {
  const std::vector<model::Term> terms = {
      {model::BitwiseTerm{}},
      {model::BooleanTerm{}},
      {model::ShiftTerm{}},
      {model::ByteOrderTerm{}},
      {model::ConcatTerm{}},
      {model::MapTerm{}},
      {model::PayloadTerm{model::PayloadBase::kNetwork, 0xfffffff0, 0xffffffff}},
      {model::ConstantTerm{Bytes(500, 1)}},
      {model::ArbitraryTerm{"x", 0, 0}},
      concat(std::vector<model::Term>(40, net(12, 4)))};
  for (const model::Term& t : terms) {
    for (const Bytes& right : {Bytes{}, Bytes(4), Bytes(64), Bytes(1000)}) {
      Scene scene;
      static_cast<void>(
          run(forward({rule({is(t, right), drop()}), rule({range(t, right, right), drop()}),
                       rule({in_set(t, "s"), drop()})},
                      {}, VerdictKind::kAccept, {set("s", 4, {element(Bytes{})}), set("z", 0, {})}),
              kForward, scene));
    }
  }
}

TEST(Hostile, DeepTermsAreUnknownNotAStackOverflow) {
  model::Term t = net(12, 4);
  for (int i = 0; i < 200; ++i) t = masked(std::move(t), Bytes(4, 0xff));
  Scene scene;
  static_cast<void>(matches({is(t, address("10.0.0.2"))}, scene));
  EXPECT_TRUE(scene.choices.any());
}

TEST(Hostile, WithoutChoicesWhatCannotBeKnownIsUnknown) {
  Scene scene;
  scene.context.choices = nullptr;
  const auto rules = forward({rule({is(net(4, 2), be16(1)), accept()})});
  EXPECT_EQ(run(rules, kForward, scene).outcome, Outcome::kUnknown);
}

}  // namespace
}  // namespace bulkhead::trace
