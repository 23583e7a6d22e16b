// Laws: the fast forms say what the general evaluation says, for any rule and any packet; and
// x_tables matches that the kernel of a test machine may lack.
#include <gtest/gtest.h>

#include <random>

#include "filter_trace/build.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
namespace x = model::xt;

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool flip() { return below(2) == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(static_cast<std::uint32_t>(list.size()))];
  }

  Bytes some_bytes(std::size_t size) {
    Bytes out(size);
    for (auto& b : out)
      b = static_cast<std::uint8_t>(of<std::uint32_t>({0, 1, 2, 6, 10, 80, 255, below(256)}));
    return out;
  }

  model::Term leaf(std::size_t& width) {
    if (below(3) == 0) {
      using K = model::MetaKey;
      const std::vector<std::pair<K, std::size_t>> keys = {
          {K::kL4proto, 1}, {K::kNfproto, 1}, {K::kProtocol, 2}, {K::kPkttype, 1},  {K::kMark, 4},
          {K::kIif, 4},     {K::kOif, 4},     {K::kIifname, 16}, {K::kOifname, 16}, {K::kSkuid, 4}};
      const auto& [key, size] = of(keys);
      width = size;
      return meta(key);
    }
    if (below(5) == 0) {
      width = 4;
      return ct(flip() ? model::CtKey::kState : model::CtKey::kStatus);
    }
    const std::vector<std::pair<std::uint32_t, std::uint32_t>> places = {
        {0, 2},  {2, 2},  {13, 1},  {6, 1},  {9, 1},  {12, 4},
        {16, 4}, {8, 16}, {24, 16}, {12, 2}, {12, 3}, {24, 6}};
    const auto& [offset, size] = of(places);
    width = size;
    return payload(static_cast<model::PayloadBase>(below(3)), offset, size);
  }

  model::Statement statement() {
    std::size_t width = 0;
    model::Term t = leaf(width);
    if (below(3) == 0) t = masked(std::move(t), some_bytes(width));
    const std::size_t compared =
        below(4) == 0 ? 1 + below(static_cast<std::uint32_t>(width)) : width;
    if (below(4) == 0) {
      Bytes a = some_bytes(compared), b = some_bytes(compared);
      if (b < a) std::swap(a, b);
      return range(std::move(t), a, b, flip());
    }
    return cmp(std::move(t), static_cast<CompareOp>(below(6)), some_bytes(compared));
  }

  model::Statement xt_statement() {
    switch (below(4)) {
      case 0: {
        x::Tcp m;
        m.destination = {Port{static_cast<std::uint16_t>(below(100))},
                         Port{static_cast<std::uint16_t>(80 + below(100))}};
        m.destination_inverted = flip();
        m.flag_mask = static_cast<std::uint8_t>(below(64));
        m.flag_value = static_cast<std::uint8_t>(below(64)) & m.flag_mask;
        m.flags_inverted = flip();
        return xt("tcp", m);
      }
      case 1: {
        x::Conntrack m;
        m.state_mask = static_cast<std::uint16_t>(random_() & 0x1ff);
        m.state_inverted = flip();
        return xt("conntrack", m);
      }
      case 2: return model::Observe{"counter", {}, {}, {}};
      default: break;
    }
    model::XtHeader h;
    const bool v4 = flip();
    if (flip())
      h.source = ip(v4 ? "10.0.0.0" : "fd00::"), h.source_mask = ip(v4 ? "255.0.0.0" : "ffff::");
    if (flip())
      h.destination = ip(v4 ? "10.0.1.3" : "fd00:1::3"),
      h.destination_mask = ip(v4 ? "255.255.255.255" : "ffff:ffff::");
    h.source_inverted = h.source && flip();
    h.destination_inverted = h.destination && flip();
    h.in_interface = of<std::string>({"", "eth0", "et+", "+", "eth", "averyverylongone"});
    h.out_interface = of<std::string>({"", "br-0123", "br+", "lo"});
    h.in_inverted = flip();
    h.out_inverted = flip();
    if (flip())
      h.protocol = of<IpProtocol>({IpProtocol::kTcp, IpProtocol::kUdp, IpProtocol::kHopByHop});
    h.protocol_inverted = h.protocol && flip();
    return h;
  }

  Packet packet() {
    Packet p = flip() ? tcp4() : tcp6();
    if (below(8) == 0) return arp_request();
    p.protocol = of<IpProtocol>({IpProtocol::kTcp, IpProtocol::kTcp, IpProtocol::kUdp,
                                 IpProtocol::kIcmp, IpProtocol::kSctp});
    p.tcp_flags = static_cast<std::uint8_t>(below(64));
    p.destination_port =
        Port{static_cast<std::uint16_t>(of<std::uint32_t>({0, 1, 80, 256, 65535}))};
    p.mark = of<std::uint32_t>({0, 1, 0x01000000, 0xffffffff});
    p.type = static_cast<PacketType>(below(4));
    return p;
  }

 private:
  std::mt19937 random_;
};

TEST(Law, FastFormsSayWhatTheGeneralEvaluationSays) {
  const std::vector<std::pair<FilterPoint, model::NfFamily>> places = {
      {FilterPoint::kIpForward, model::NfFamily::kInet},
      {FilterPoint::kBridgeForward, model::NfFamily::kBridge}};
  int dropped = 0, doubts = 0;
  constexpr std::uint32_t kRounds = 20000;
  for (std::uint32_t seed = 1; seed <= kRounds; ++seed) {
    Dice dice(seed);
    const auto& [point, family] = dice.of(places);
    std::vector<model::Statement> statements;
    for (std::uint32_t n = 1 + dice.below(2); n > 0; --n) {
      const bool old = family == model::NfFamily::kInet && dice.below(3) == 0;
      statements.push_back(old ? dice.xt_statement() : dice.statement());
    }
    statements.push_back(drop());
    const auto rules =
        ruleset({table(family, {base("c", model::Hook::kForward, 0, {rule(statements)})})});
    const Packet packet = dice.packet();
    if (!packet.is_ip() && point == FilterPoint::kIpForward) continue;
    Scene fast(packet), general(packet);
    if (dice.flip()) fast.tracked(), general.tracked();
    const auto a = Filter(rules, true).run(point, -1000, 1000, fast.context).outcome;
    const auto b =
        Filter::without_fast_forms(rules, true).run(point, -1000, 1000, general.context).outcome;
    ASSERT_EQ(a, b) << "seed " << seed;
    ASSERT_EQ(fast.choices.reasons(), general.choices.reasons()) << "seed " << seed;
    dropped += a == Outcome::kDrop;
    doubts += fast.choices.any();
  }
  EXPECT_GT(dropped, 2000);
  EXPECT_GT(doubts, 200);
}

// Rules as a long chain has them: most ask for one of few values, some change what later ones ask.
model::Rule some_rule(Dice& dice) {
  std::vector<model::Statement> statements;
  for (std::uint32_t n = dice.below(4); n > 0; --n) {
    const auto octet = static_cast<int>(dice.below(4));
    switch (dice.below(9)) {
      case 0: statements.push_back(is(net(12, 4), bytes({10, 0, 0, octet}))); break;
      case 1: statements.push_back(is(net(16, 4), bytes({10, 0, 1, octet}))); break;
      case 2: statements.push_back(is(net(12, 3), bytes({10, 0, octet}))); break;
      case 3: statements.push_back(is(th(2, 2), be16(79U + dice.below(3)))); break;
      case 4: statements.push_back(is(meta(model::MetaKey::kMark), le32(dice.below(3)))); break;
      case 5: {
        const auto key = dice.flip() ? model::MetaKey::kIifname : model::MetaKey::kOifname;
        const std::string text = dice.of<std::string>({"eth0", "eth1", "br-0123", "lo"});
        statements.push_back(cmp(meta(key),
                                 dice.below(4) == 0 ? CompareOp::kNotEqual : CompareOp::kEqual,
                                 name(text, dice.flip())));
        break;
      }
      case 6: statements.push_back(is(meta(model::MetaKey::kL4proto), bytes({6}))); break;
      case 7: statements.push_back(dice.xt_statement()); break;
      default: statements.push_back(dice.statement()); break;
    }
  }
  switch (dice.below(12)) {
    case 0: statements.push_back(drop()); break;
    case 1: statements.push_back(accept()); break;
    case 2: statements.push_back(go(model::VerdictKind::kReturn)); break;
    case 3: statements.push_back(jump("second")); break;
    case 4: statements.push_back(go(model::VerdictKind::kGoto, "second")); break;
    default: statements.push_back(set_mark(dice.below(3))); break;
  }
  return rule(std::move(statements));
}

std::vector<const model::Rule*> told(const Scene& scene) {
  std::vector<const model::Rule*> out;
  for (const RuleRef& ref : scene.explained) out.push_back(ref.rule);
  return out;
}

TEST(Law, LongChainsSayWhatAskingEachRuleSays) {
  constexpr std::uint32_t kRounds = 4000;
  int dropped = 0, marked = 0, jumped = 0;
  for (std::uint32_t seed = 1; seed <= kRounds; ++seed) {
    Dice dice(seed);
    std::vector<model::Rule> first, second;
    for (std::uint32_t n = 14 + dice.below(40); n > 0; --n) first.push_back(some_rule(dice));
    for (std::uint32_t n = 14 + dice.below(20); n > 0; --n) {
      second.push_back(some_rule(dice));
      if (const auto* last = std::get_if<model::Decide>(&second.back().statements.back());
          last != nullptr && !last->verdict.chain.empty())
        second.back().statements.back() = drop();  // no circles
    }
    const auto rules =
        ruleset({table(model::NfFamily::kInet,
                       {base("c", model::Hook::kForward, 0, first), chain("second", second)})});
    Packet packet = dice.packet();
    if (!packet.is_ip()) continue;
    if (packet.source.is_v4()) {
      packet.source = IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(dice.below(4)));
      packet.destination = IpAddress::v4(10, 0, 1, static_cast<std::uint8_t>(dice.below(4)));
    }
    Scene fast(packet), general(packet);
    if (dice.flip()) fast.tracked(), general.tracked();
    const HookResult a = Filter(rules, true).run(FilterPoint::kIpForward, -1, 1, fast.context);
    const HookResult b = Filter::without_fast_forms(rules, true)
                             .run(FilterPoint::kIpForward, -1, 1, general.context);
    ASSERT_EQ(a.outcome, b.outcome) << "seed " << seed;
    ASSERT_EQ(a.decided_by.rule, b.decided_by.rule) << "seed " << seed;
    ASSERT_EQ(fast.packet.mark, general.packet.mark) << "seed " << seed;
    ASSERT_EQ(fast.choices.reasons(), general.choices.reasons()) << "seed " << seed;
    ASSERT_EQ(told(fast), told(general)) << "seed " << seed;
    dropped += a.outcome == Outcome::kDrop;
    marked += fast.packet.mark != packet.mark;
    jumped += fast.explained.size() > 1;
  }
  EXPECT_GT(dropped, 400);
  EXPECT_GT(marked, 400);
  EXPECT_GT(jumped, 100);
}

// ------------------------------------------------------------------------------------- x_tables

bool xt_says(x::Match match, Scene& scene, FilterPoint point = FilterPoint::kIpForward) {
  return matches({xt("m", std::move(match))}, scene, point);
}

TEST(XtMatch, ConnectionStateDecidesAloneWithoutAnEntry) {
  x::Conntrack m;
  m.state_mask = 1;  // INVALID
  m.original_destination = x::AddressMask{ip("9.9.9.9"), ip("255.255.255.255")};
  Scene none;
  EXPECT_TRUE(xt_says(m, none));
  Scene seen;
  seen.tracked();
  m.state_mask = 8;
  EXPECT_FALSE(xt_says(m, seen));
}

TEST(XtMatch, MacNeedsAnEthernetDevice) {
  x::Mac m{MacAddress({2, 0, 0, 0, 0, 1}), false};
  Scene ethernet, loopback;
  EXPECT_TRUE(xt_says(m, ethernet));
  loopback.in = link(1, "lo", 772);
  EXPECT_FALSE(xt_says(m, loopback));
  m.inverted = true;
  EXPECT_FALSE(xt_says(m, loopback));
}

TEST(XtMatch, PhysdevKnowsBridgedPackets) {
  const model::Link veth = link(7, "veth1");
  x::Physdev in;
  in.in = "veth+";
  x::Physdev bridged;
  bridged.is_bridged = true;
  Scene plain;
  EXPECT_FALSE(xt_says(in, plain));
  EXPECT_FALSE(xt_says(bridged, plain));
  bridged.is_bridged_inverted = true;
  EXPECT_TRUE(xt_says(bridged, plain));
  Scene switched;
  switched.context.bridged = true;
  switched.context.physical_in = switched.context.physical_out = &veth;
  EXPECT_TRUE(xt_says(in, switched));
  EXPECT_FALSE(xt_says(bridged, switched));
}

TEST(XtMatch, WhatDependsOnThePastGoesBothWays) {
  for (const x::Match& m : {x::Match(x::May{"limit"}), x::Match(x::Opaque{})}) {
    Scene scene;
    static_cast<void>(xt_says(m, scene));
    EXPECT_TRUE(scene.choices.any());
  }
}

model::IpSet ipset(std::string type, std::vector<model::IpSetEntry> entries) {
  model::IpSet out;
  out.name = "s";
  out.index = 5;
  out.type = std::move(type);
  out.entries = std::move(entries);
  return out;
}

bool set_says(model::IpSet set, std::vector<bool> sides, bool* doubt = nullptr) {
  x::Set match;
  match.index = 5;
  match.dimension_source = std::move(sides);
  auto rules =
      ruleset({table(model::NfFamily::kIp,
                     {base("c", model::Hook::kForward, 0, {rule({xt("set", match), drop()})})})});
  rules.ipsets = {std::move(set)};
  Scene scene;
  const bool in = run(rules, FilterPoint::kIpForward, scene).outcome == Outcome::kDrop;
  if (doubt != nullptr) *doubt = scene.choices.any();
  return in;
}

TEST(IpSet, TypesThatTheTestKernelLacks) {
  const auto net = [](const char* a, const char* b, bool nomatch) {
    model::IpSetEntry e;
    e.prefix = Prefix::parse(a).value();
    e.prefix2 = Prefix::parse(b).value();
    e.nomatch = nomatch;
    return e;
  };
  EXPECT_TRUE(
      set_says(ipset("hash:net,net", {net("10.0.0.0/8", "10.0.0.0/8", false)}), {true, false}));
  EXPECT_FALSE(set_says(ipset("hash:net,net", {net("10.0.0.0/8", "10.0.0.0/8", false),
                                               net("10.0.0.0/8", "10.0.1.0/24", true)}),
                        {true, false}));
  EXPECT_FALSE(
      set_says(ipset("hash:net,net", {net("10.0.0.0/8", "10.9.0.0/16", false)}), {true, false}));
  EXPECT_FALSE(set_says(ipset("hash:net,net", {net("10.0.0.0/8", "10.0.0.0/8", false)}), {true}));
  model::IpSetEntry mac;
  mac.mac = MacAddress({2, 0, 0, 0, 0, 1});
  EXPECT_TRUE(set_says(ipset("hash:mac", {mac}), {true}));
  EXPECT_FALSE(set_says(ipset("hash:mac", {mac}), {false}));
  mac.prefix = Prefix::parse("10.0.0.2").value();
  EXPECT_TRUE(set_says(ipset("hash:ip,mac", {mac}), {true, true}));
  model::IpSetEntry marked;
  marked.prefix = Prefix::parse("10.0.0.2").value();
  marked.mark = 0;
  EXPECT_TRUE(set_says(ipset("hash:ip,mark", {marked}), {true, true}));
  marked.mark = 1;
  EXPECT_FALSE(set_says(ipset("hash:ip,mark", {marked}), {true, true}));
}

TEST(IpSet, BrokenOnesGoBothWays) {
  bool doubt = false;
  static_cast<void>(set_says(ipset("hash:weird", {}), {true}, &doubt));
  EXPECT_TRUE(doubt);
  model::IpSetEntry self;
  self.member_set = "s";
  static_cast<void>(set_says(ipset("list:set", {self}), {true}, &doubt));
  EXPECT_TRUE(doubt);
  auto other = ipset("hash:ip", {});
  other.index = 6;
  static_cast<void>(set_says(other, {true}, &doubt));
  EXPECT_TRUE(doubt);
}

// ------------------------------------------------------------------------------------ targets

TEST(XtTarget, MarksAndConnectionMarks) {
  const auto rules = [](x::Target t) {
    return ruleset({table(model::NfFamily::kIp, {base("c", model::Hook::kForward, 0,
                                                      {rule({target("T", std::move(t))})})})});
  };
  Scene scene;
  scene.tracked();
  scene.packet.mark = 0xf0;
  static_cast<void>(run(rules(x::MarkTarget{0x1, 0x10}), FilterPoint::kIpForward, scene));
  EXPECT_EQ(scene.packet.mark, 0xe1U);
  static_cast<void>(
      run(rules(x::ConnmarkTarget{x::ConnmarkMode::kSave}), FilterPoint::kIpForward, scene));
  EXPECT_EQ(scene.entry.mark, 0xe1U);
  scene.packet.mark = 0;
  static_cast<void>(
      run(rules(x::ConnmarkTarget{x::ConnmarkMode::kRestore}), FilterPoint::kIpForward, scene));
  EXPECT_EQ(scene.packet.mark, 0xe1U);
}

TEST(XtTarget, NetmapTurnsTheSideOfItsHook) {
  for (model::Hook hook : {model::Hook::kPrerouting, model::Hook::kPostrouting}) {
    x::NatTarget netmap;
    netmap.kind = x::NatTargetKind::kNetmap;
    netmap.addresses = x::AddressRange{ip("10.5.0.0"), ip("10.5.0.255")};
    auto c = base("n", hook, -100, {rule({target("NETMAP", netmap)})}, model::VerdictKind::kAccept,
                  model::ChainType::kNat);
    const auto rules = ruleset({table(model::NfFamily::kIp, {c})});
    Scene scene;
    std::optional<NatRequest> request;
    static_cast<void>(
        Filter(rules, true).run_nat(static_cast<FilterPoint>(hook), scene.context, request));
    ASSERT_TRUE(request);
    EXPECT_TRUE(request->netmap);
    EXPECT_EQ(request->destination, hook == model::Hook::kPrerouting);
    EXPECT_EQ(request->last, ip("10.5.0.255"));
  }
}

TEST(XtTarget, WhatIsNotUnderstoodIsUnknown) {
  const auto rules = ruleset(
      {table(model::NfFamily::kIp,
             {base("c", model::Hook::kForward, 0, {rule({target("WEIRD", x::Opaque{})})})})});
  Scene scene;
  const HookResult result = run(rules, FilterPoint::kIpForward, scene);
  EXPECT_EQ(result.outcome, Outcome::kUnknown);
  EXPECT_EQ(result.unknown, "xt target 'WEIRD' not understood");
}

}  // namespace
}  // namespace bulkhead::trace
