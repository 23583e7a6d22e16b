// One row per construct of nf_tables: a rule made of it alone, and whether it matches. Every row is
// evaluated twice, by the fast and by the general form.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "filter_trace/build.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::CtKey;
using model::MetaKey;

struct MatchRow {
  const char* name;
  std::function<model::Statement()> rule;
  bool v4, v6;
};

void check(
    const std::vector<MatchRow>& rows, FilterPoint point, model::Hook hook,
    const std::function<void(Scene&)>& prepare = [](Scene&) {}) {
  for (const MatchRow& row : rows) {
    for (bool v4 : {true, false}) {
      Scene scene(v4 ? tcp4() : tcp6());
      prepare(scene);
      EXPECT_EQ(matches({row.rule()}, scene, point, model::NfFamily::kInet, hook),
                v4 ? row.v4 : row.v6)
          << row.name << (v4 ? " with IPv4" : " with IPv6");
      EXPECT_FALSE(scene.choices.any()) << row.name;
    }
  }
}

TEST(NftMatch, AsksMetaKeysAsTheKernelDoes) {
  check(
      {{"nfproto ipv4", [] { return is(meta(MetaKey::kNfproto), bytes({2})); }, true, false},
       {"nfproto ipv6", [] { return is(meta(MetaKey::kNfproto), bytes({10})); }, false, true},
       {"l4proto tcp", [] { return is(meta(MetaKey::kL4proto), bytes({6})); }, true, true},
       {"l4proto != tcp", [] { return is_not(meta(MetaKey::kL4proto), bytes({6})); }, false, false},
       {"protocol ip", [] { return is(meta(MetaKey::kProtocol), be16(0x800)); }, true, false},
       {"pkttype host", [] { return is(meta(MetaKey::kPkttype), bytes({0})); }, true, true},
       {"iif eth0", [] { return is(meta(MetaKey::kIif), le32(2)); }, true, true},
       {"oif eth0", [] { return is(meta(MetaKey::kOif), le32(2)); }, false, false},
       {"iifname eth0", [] { return is(meta(MetaKey::kIifname), name("eth0")); }, true, true},
       {"iifname et", [] { return is(meta(MetaKey::kIifname), name("et")); }, false, false},
       {"iifname et*", [] { return is(meta(MetaKey::kIifname), name("et", false)); }, true, true},
       {"oifname != br*", [] { return is_not(meta(MetaKey::kOifname), name("br", false)); }, false,
        false},
       {"iiftype ether", [] { return is(meta(MetaKey::kIiftype), bytes({1, 0})); }, true, true},
       {"length 60", [] { return is(meta(MetaKey::kLength), le32(60)); }, true, false},
       {"mark 0", [] { return is(meta(MetaKey::kMark), le32(0)); }, true, true},
       {"skuid without a socket", [] { return is_not(meta(MetaKey::kSkuid), le32(5)); }, false,
        false},
       {"iifkind without one", [] { return is_not(meta(MetaKey::kIifkind), name("veth")); }, false,
        false}},
      FilterPoint::kIpForward, model::Hook::kForward);
}

TEST(NftMatch, AMissingDeviceHasNoNameAndIndexZero) {
  check({{"iifname eth0", [] { return is(meta(MetaKey::kIifname), name("eth0")); }, false, false},
         {"iifname != eth0", [] { return is_not(meta(MetaKey::kIifname), name("eth0")); }, true,
          true},
         {"iif != 2", [] { return is_not(meta(MetaKey::kIif), le32(2)); }, true, true},
         {"iiftype != ether", [] { return is_not(meta(MetaKey::kIiftype), bytes({1, 0})); }, false,
          false}},
        FilterPoint::kIpOutput, model::Hook::kOutput, [](Scene& s) { s.context.in = nullptr; });
}

TEST(NftMatch, ReadsPayloadOfBothFamilies) {
  check(
      {{"ip saddr", [] { return is(net(12, 4), address("10.0.0.2")); }, true, false},
       {"ip saddr /24 by length", [] { return is(net(12, 3), bytes({10, 0, 0})); }, true, false},
       {"ip daddr /25 by mask",
        [] { return is(masked(net(16, 4), bytes({255, 255, 255, 128})), address("10.0.1.0")); },
        true, false},
       {"ip daddr range",
        [] { return range(net(16, 4), address("10.0.1.1"), address("10.0.1.3")); }, true, false},
       {"ip daddr not in range",
        [] { return range(net(16, 4), address("10.0.1.1"), address("10.0.1.2"), true); }, true,
        true},
       {"ip6 saddr", [] { return is(net(8, 16), address("fd00::2")); }, false, true},
       {"ip protocol", [] { return is(net(9, 1), bytes({6})); }, true, false},
       {"ip6 nexthdr", [] { return is(net(6, 1), bytes({6})); }, false, true},
       {"ip ttl", [] { return is(net(8, 1), bytes({64})); }, true, false},
       {"ip version and header length", [] { return is(net(0, 1), bytes({0x45})); }, true, false},
       {"a fragment", [] { return is_not(masked(net(6, 2), be16(0x1fff)), be16(0)); }, false, true},
       {"dport 80", [] { return is(th(2, 2), be16(80)); }, true, true},
       {"dport < 1024", [] { return cmp(th(2, 2), CompareOp::kLess, be16(1024)); }, true, true},
       {"dport <= 79", [] { return cmp(th(2, 2), CompareOp::kLessEqual, be16(79)); }, false, false},
       {"dport > 79", [] { return cmp(th(2, 2), CompareOp::kGreater, be16(79)); }, true, true},
       {"dport >= 81", [] { return cmp(th(2, 2), CompareOp::kGreaterEqual, be16(81)); }, false,
        false},
       {"sport != 40000", [] { return is_not(th(0, 2), be16(40000)); }, false, false},
       {"flags syn / syn,ack", [] { return is(masked(th(13, 1), bytes({0x12})), bytes({2})); },
        true, true},
       {"flags & syn", [] { return is_not(masked(th(13, 1), bytes({2})), bytes({0})); }, true,
        true},
       {"ether saddr", [] { return is(ll(6, 6), bytes({2, 0, 0, 0, 0, 1})); }, true, true},
       {"ether type ip", [] { return is(ll(12, 2), be16(0x800)); }, true, false}},
      FilterPoint::kIpForward, model::Hook::kForward,
      [](Scene& s) { s.packet.source_mac = MacAddress({2, 0, 0, 0, 0, 1}); });
}

TEST(NftMatch, AShorterLoadComparesAPrefix) {
  const auto guarded = [](int family, model::Statement s, Packet p) {
    Scene scene(std::move(p));
    return matches({is(meta(MetaKey::kNfproto), bytes({family})), std::move(s)}, scene);
  };
  EXPECT_TRUE(guarded(10, is(net(24, 6), bytes({0xfd, 0, 0, 1, 0, 0})), tcp6()));
  EXPECT_FALSE(guarded(10, is(net(24, 6), bytes({0xfd, 0, 0, 2, 0, 0})), tcp6()));
  EXPECT_FALSE(guarded(10, is(net(24, 6), bytes({0xfd, 0, 0, 1, 0, 0})), tcp4()));
  EXPECT_TRUE(guarded(2, is(net(2, 2), be16(60)), tcp4()));
  EXPECT_FALSE(guarded(2, is(net(2, 2), be16(60)), tcp6()));
}

TEST(NftMatch, OutgoingPacketsHaveNoLinkHeaderAndAnOwner) {
  check({{"ether saddr", [] { return is_not(ll(6, 6), bytes({9, 9, 9, 9, 9, 9})); }, false, false},
         {"skuid 1000", [] { return is(meta(MetaKey::kSkuid), le32(1000)); }, true, true},
         {"skuid != 0", [] { return is_not(meta(MetaKey::kSkuid), le32(0)); }, true, true},
         {"skgid 5", [] { return is(meta(MetaKey::kSkgid), le32(5)); }, true, true}},
        FilterPoint::kIpOutput, model::Hook::kOutput, [](Scene& s) {
          s.context.in = nullptr;
          s.packet.has_socket = true;
          s.packet.socket_uid = 1000;
          s.packet.socket_gid = 5;
        });
}

TEST(NftMatch, ConnectionStateWithoutAnEntryIsInvalidOrUntracked) {
  const auto state = [](std::uint32_t bits) {
    return is_not(masked(ct(CtKey::kState), le32(bits)), le32(0));
  };
  for (bool untracked : {false, true}) {
    check({{"invalid", [&] { return state(1); }, !untracked, !untracked},
           {"untracked", [&] { return state(64); }, untracked, untracked},
           {"new", [&] { return state(8); }, false, false},
           {"mark != 1", [&] { return is_not(ct(CtKey::kMark), le32(1)); }, false, false},
           {"status", [&] { return is(ct(CtKey::kStatus), le32(0)); }, false, false}},
          FilterPoint::kIpForward, model::Hook::kForward,
          [&](Scene& s) { s.view.untracked = untracked; });
  }
}

TEST(NftMatch, ConnectionKeysOfAnEntry) {
  const auto dir = model::CtDirection::kOriginal;
  check({{"state established,related",
          [] { return is_not(masked(ct(CtKey::kState), le32(6)), le32(0)); }, true, true},
         {"direction reply", [] { return is(ct(CtKey::kDirection), bytes({1})); }, true, true},
         {"status dnat", [] { return is_not(masked(ct(CtKey::kStatus), le32(32)), le32(0)); }, true,
          true},
         {"mark 7", [] { return is(ct(CtKey::kMark), le32(7)); }, true, true},
         {"l3proto ipv4", [] { return is(ct(CtKey::kL3protocol), bytes({2})); }, true, false},
         {"protocol tcp", [] { return is(ct(CtKey::kProtocol), bytes({6})); }, true, true},
         {"original ip daddr", [dir] { return is(ct(CtKey::kDstIp, dir), address("10.0.1.3")); },
          true, false},
         {"original ip6 daddr", [dir] { return is(ct(CtKey::kDstIp6, dir), address("fd00:1::3")); },
          false, true},
         {"original proto-dst", [dir] { return is(ct(CtKey::kProtoDst, dir), be16(80)); }, true,
          true},
         {"reply proto-dst",
          [] { return is(ct(CtKey::kProtoDst, model::CtDirection::kReply), be16(40000)); }, true,
          true},
         {"helper", [] { return is_not(ct(CtKey::kHelper), name("ftp")); }, false, false}},
        FilterPoint::kIpForward, model::Hook::kForward, [](Scene& s) {
          s.tracked(CtInfo::kEstablishedReply);
          s.entry.dnat = true;
          s.entry.mark = 7;
        });
}

TEST(NftMatch, ArpHasNoTransportAndItsOwnNetworkHeader) {
  const auto bridge = [](std::vector<model::Statement> s, Packet p) {
    Scene scene(std::move(p));
    return matches(std::move(s), scene, FilterPoint::kBridgeForward, model::NfFamily::kBridge);
  };
  EXPECT_TRUE(bridge({is(ll(12, 2), be16(0x806))}, arp_request()));
  EXPECT_TRUE(bridge({is(meta(MetaKey::kProtocol), be16(0x806))}, arp_request()));
  EXPECT_TRUE(bridge({is(net(6, 2), be16(1))}, arp_request()));
  EXPECT_TRUE(bridge({is(net(24, 4), address("10.0.0.1"))}, arp_request()));
  EXPECT_FALSE(bridge({is_not(meta(MetaKey::kL4proto), bytes({6}))}, arp_request()));
  EXPECT_FALSE(bridge({is_not(th(2, 2), be16(80))}, arp_request()));
  EXPECT_FALSE(bridge({is_not(net(28, 4), bytes({1, 2, 3, 4}))}, arp_request()));
  EXPECT_TRUE(bridge({is(net(12, 4), address("10.0.0.2"))}, tcp4()));
  EXPECT_TRUE(bridge({is(meta(MetaKey::kNfproto), bytes({7}))}, tcp4()));
}

TEST(NftMatch, WhatASnapshotCannotKnowGoesBothWays) {
  const std::vector<std::function<model::Statement()>> rules = {
      [] { return is(net(4, 2), be16(1)); },                                // IP id
      [] { return is(th(4, 4), bytes({0, 0, 0, 1})); },                     // sequence number
      [] { return is_not(masked(net(6, 1), bytes({0x40})), bytes({0})); },  // do not fragment
      [] { return is(meta(MetaKey::kCpu), le32(0)); },
      [] { return is(model::Term{model::OpaqueTerm{"hash", {}}}, le32(0)); },
      [] { return model::Statement(model::May{"limit", "rate 10/second", false}); },
  };
  for (const auto& make : rules) {
    Scene scene;
    std::set<bool> seen;
    do seen.insert(matches({make()}, scene));
    while (scene.choices.next());
    EXPECT_EQ(seen.size(), 2U);
  }
}

TEST(NftMatch, KnownBitsSettleAComparisonThatUnknownBitsSurround) {
  Scene scene;  // bytes 4..9: id (unknown), fragment (DF unknown), ttl 64, protocol
  EXPECT_FALSE(matches({is(net(4, 6), bytes({0, 0, 0, 0, 63, 6}))}, scene));
  EXPECT_TRUE(matches({is_not(net(4, 6), bytes({0, 0, 0, 0, 63, 6}))}, scene));
  EXPECT_FALSE(scene.choices.any());
}

TEST(NftMatch, NumgenTriesEveryValue) {
  const auto rules =
      ruleset({table(model::NfFamily::kInet,
                     {base("c", model::Hook::kForward, 0,
                           {rule({vmap({model::ArbitraryTerm{"numgen", 3, 0}}, "v")})})},
                     {set("v", 4,
                          {element(le32(0), verdict(model::VerdictKind::kAccept)),
                           element(le32(1), verdict(model::VerdictKind::kDrop)),
                           element(le32(2), verdict(model::VerdictKind::kAccept))})})});
  Scene scene;
  int runs = 0, drops = 0;
  do {
    ++runs;
    if (run(rules, FilterPoint::kIpForward, scene).outcome == Outcome::kDrop) ++drops;
  } while (scene.choices.next());
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(drops, 1);
}

}  // namespace
}  // namespace bulkhead::trace
