// VLANs, macvlans and ipvlans. Kernels that have no ipvlan or no VLAN are common (this one has
// neither), so those rows say what the kernel's source says; macvlans are judged by the kernel too
// (tests/kernel/stacked.py).
#include <gtest/gtest.h>

#include "trace/net.h"

namespace bulkhead::trace::testing {
namespace {

using model::MetaKey;

constexpr std::uint32_t kPrivate = 1, kVepa = 2, kBridge = 4, kPassthru = 8;  // MACVLAN_MODE_*
constexpr std::uint32_t kL2 = 0, kL3 = 1, kL3s = 2;                           // IPVLAN_MODE_*

// A host whose uplink up0 carries children a and b, with `out` at its other end.
Net host_with(const std::string& kind) {
  Net n;
  for (const char* m : {"host", "a", "b", "out"}) n.machine(m);
  n.veth("host", "up0", "out", "eth0");
  n.address("host", "up0", "10.1.0.1/24").address("host", "up0", "fd01::1/64");
  n.address("out", "eth0", "10.1.0.9/24").address("out", "eth0", "fd01::9/64");
  for (const auto& [m, number] : {std::pair("a", "2"), std::pair("b", "3")}) {
    n.stacked(m, "eth0", kind, "host", "up0");
    n.address(m, "eth0", std::string("10.1.0.") + number + "/24");
    n.address(m, "eth0", std::string("fd01::") + number + "/64");
  }
  for (const char* m : {"host", "a", "b", "out"}) n.listen(m, "::", 80);
  return n;
}

Net macvlans(std::uint32_t a, std::uint32_t b) {
  Net n = host_with("macvlan");
  n.link("a", "eth0").detail.macvlan_mode = a;
  n.link("b", "eth0").detail.macvlan_mode = b;
  return n;
}

Net ipvlans(std::uint32_t mode, std::uint32_t flags = 0) {
  Net n = host_with("ipvlan");
  for (const char* m : {"a", "b"}) {
    model::Link& l = n.link(m, "eth0");
    l.mac = n.link("host", "up0").mac;
    l.detail.ipvlan_mode = mode;
    l.detail.ipvlan_flags = flags;
    if (mode != kL2) l.flags |= 0x80;  // IFF_NOARP
  }
  return n;
}

struct StackedRow {
  const char *host, *a, *b, *out;
};
const StackedRow kRows[] = {{"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.9"},
                            {"fd01::1", "fd01::2", "fd01::3", "fd01::9"}};

bool open(const Net& n, const std::string& from, const char* to, std::uint16_t port = 80) {
  const Answer a = n.ask(from, to, port);
  EXPECT_NE(a.verdict, Verdict::kUnknown) << from << " to " << to << ": " << a.reason;
  return a.verdict == Verdict::kOpen;
}

model::Rule drop_port_80() {
  return rule({is(meta(MetaKey::kL4proto), bytes({6})), is(th(2, 2), be16(80)), drop()});
}
model::Table dropping(const char* chain, model::Hook hook) {
  return table(model::NfFamily::kInet, {base(chain, hook, 0, {drop_port_80()})});
}
model::Table dropping_below() {
  model::Chain c = base("c", model::Hook::kIngress, 0, {drop_port_80()});
  c.base->devices = {"up0"};
  return table(model::NfFamily::kNetdev, {c});
}

TEST(Stacked, MacvlansInBridgeModeHearEachOtherAndTheWireButNotTheHost) {
  const Net n = macvlans(kBridge, kBridge);
  for (const StackedRow& row : kRows) {
    EXPECT_TRUE(open(n, "a", row.b));
    EXPECT_TRUE(open(n, "a", row.out));
    EXPECT_TRUE(open(n, "out", row.a));
    EXPECT_FALSE(open(n, "a", row.host));
    EXPECT_FALSE(open(n, "host", row.a));
  }
}

TEST(Stacked, RulesAtTheDeviceBelowAreMetByItsMacvlansAmongEachOther) {
  Net n = macvlans(kBridge, kBridge);
  n.rules("host", dropping_below());
  for (const StackedRow& row : kRows) {
    EXPECT_FALSE(open(n, "a", row.b));
    EXPECT_FALSE(open(n, "out", row.a));
    EXPECT_TRUE(open(n, "a", row.out));
  }
}

TEST(Stacked, PrivateAndVepaMacvlansDoNotHearEachOther) {
  for (const std::uint32_t mode : {kPrivate, kVepa}) {
    const Net n = macvlans(mode, mode);
    for (const StackedRow& row : kRows) {
      EXPECT_FALSE(open(n, "a", row.b)) << mode;
      EXPECT_TRUE(open(n, "out", row.b)) << mode;
    }
  }
}

TEST(Stacked, APassthruMacvlanTakesTheDeviceFromItsMachine) {
  Net n = macvlans(kPassthru, kBridge);
  n.link("b", "eth0").flags &= ~1U;
  n.link("a", "eth0").mac = n.link("host", "up0").mac;
  for (const StackedRow& row : kRows) {
    EXPECT_TRUE(open(n, "out", row.a));
    EXPECT_FALSE(open(n, "out", row.host));
  }
}

TEST(Stacked, IpvlansHearEachOtherInEveryModeButThePrivateAndVepaOnes) {
  for (const std::uint32_t mode : {kL2, kL3, kL3s}) {
    for (const StackedRow& row : kRows) {
      EXPECT_TRUE(open(ipvlans(mode), "a", row.b)) << mode;
      EXPECT_FALSE(open(ipvlans(mode, 1), "a", row.b)) << mode;
      EXPECT_FALSE(open(ipvlans(mode, 2), "a", row.b)) << mode;
    }
  }
}

TEST(Stacked, AnIpvlanInL2ModeSpeaksWithTheWireButNotWithItsHost) {
  const Net n = ipvlans(kL2);
  for (const StackedRow& row : kRows) {
    EXPECT_TRUE(open(n, "a", row.out));
    EXPECT_TRUE(open(n, "out", row.a));
    EXPECT_FALSE(open(n, "a", row.host));
    EXPECT_FALSE(open(n, "host", row.a));
  }
}

TEST(Stacked, AnIpvlanInL2ModeThatKnowsTheMacReachesItsHost) {
  Net n = ipvlans(kL2);
  for (const auto& [m, link, to] :
       {std::tuple("a", "eth0", "10.1.0.1"), std::tuple("host", "up0", "10.1.0.2")}) {
    model::Neighbour entry;
    entry.link = n.link(m, link).index;
    entry.address = ip(to);
    entry.mac = n.link("host", "up0").mac;
    entry.state = 0x80;
    n.ns(m).neighbours.push_back(entry);
  }
  Question q;
  q.from = LocalOrigin{n.id("a"), 0, 0};
  q.to = ip("10.1.0.1");
  q.port = Port{80};
  q.protocol = IpProtocol::kUdp;
  n.listen("host", "::", 80, false, {}, IpProtocol::kUdp);
  EXPECT_EQ(n.ask(q).verdict, Verdict::kOpen);  // dev_forward_skb(phy_dev)
}

TEST(Stacked, OthersReachAnIpvlanInL3ModeByWayOfTheHost) {
  for (const std::uint32_t mode : {kL3, kL3s}) {
    Net n = ipvlans(mode);
    EXPECT_FALSE(open(n, "out", "10.1.0.2")) << mode;  // nobody answers for it
    EXPECT_FALSE(open(n, "out", "fd01::2")) << mode;
    n.route("out", "10.1.0.2/32", "10.1.0.1", "eth0")
        .route("out", "fd01::2/128", "fd01::1", "eth0");
    EXPECT_TRUE(open(n, "out", "10.1.0.2")) << mode;
    EXPECT_TRUE(open(n, "out", "fd01::2")) << mode;
    EXPECT_TRUE(open(n, "a", "10.1.0.9")) << mode;
    EXPECT_TRUE(open(n, "a", "fd01::9")) << mode;
  }
}

// Which hooks of the host and of the child are met by what arrives, and by what is sent.
TEST(Stacked, L2AndL3IpvlansPassBehindTheHostsInputAndL3sOnesDoNot) {
  struct Case {
    std::uint32_t mode;
    const char* machine;
    model::Hook hook;
    bool arriving, leaving;  // dropped there
  };
  const Case cases[] = {
      {kL2, "host", model::Hook::kPrerouting, false, false},
      {kL2, "host", model::Hook::kInput, false, false},
      {kL2, "host", model::Hook::kOutput, false, false},
      {kL2, "a", model::Hook::kInput, true, false},
      {kL2, "a", model::Hook::kOutput, false, true},
      {kL3, "host", model::Hook::kPrerouting, false, false},
      {kL3, "host", model::Hook::kInput, false, false},
      {kL3, "host", model::Hook::kForward, false, false},
      {kL3, "host", model::Hook::kOutput, false, true},
      {kL3, "host", model::Hook::kPostrouting, false, true},
      {kL3, "a", model::Hook::kInput, true, false},
      {kL3, "a", model::Hook::kOutput, false, true},
      {kL3s, "host", model::Hook::kPrerouting, true, false},
      {kL3s, "host", model::Hook::kInput, true, false},
      {kL3s, "host", model::Hook::kForward, false, false},
      {kL3s, "host", model::Hook::kOutput, false, true},
      {kL3s, "a", model::Hook::kPrerouting, false, false},
      {kL3s, "a", model::Hook::kInput, false, false},
      {kL3s, "a", model::Hook::kOutput, false, true},
  };
  for (const Case& c : cases) {
    Net n = ipvlans(c.mode);
    n.route("out", "10.1.0.2/32", "10.1.0.1", "eth0")
        .route("out", "fd01::2/128", "fd01::1", "eth0");
    n.rules(c.machine, dropping("c", c.hook));
    for (const StackedRow& row : kRows) {
      const std::string what = std::to_string(c.mode) + " " + c.machine + " hook " +
                               std::to_string(static_cast<int>(c.hook)) + " " + row.a;
      EXPECT_EQ(open(n, "out", row.a), !c.arriving) << what;
      EXPECT_EQ(open(n, "a", row.out), !c.leaving) << what;
    }
  }
}

TEST(Stacked, AnIpvlanWhoseModeIsNotKnownIsUnknown) {
  Net n = ipvlans(kL2);
  n.link("a", "eth0").detail.ipvlan_mode.reset();
  EXPECT_EQ(n.ask("a", "10.1.0.3", 80).verdict, Verdict::kUnknown);
}

// Host and `out` each with a VLAN on the wire between them.
Net vlans(std::uint16_t here, std::uint16_t there) {
  Net n;
  for (const char* m : {"host", "out"}) n.machine(m);
  n.veth("host", "up0", "out", "eth0");
  n.stacked("host", "up0.v", "vlan", "host", "up0").stacked("out", "eth0.v", "vlan", "out", "eth0");
  n.link("host", "up0.v").detail.vlan_id = here;
  n.link("out", "eth0.v").detail.vlan_id = there;
  n.address("host", "up0.v", "10.5.0.1/24").address("host", "up0.v", "fd05::1/64");
  n.address("out", "eth0.v", "10.5.0.2/24").address("out", "eth0.v", "fd05::2/64");
  n.listen("host", "::", 80);
  return n;
}

TEST(Stacked, VlansOfOneNumberAreOneNetworkAndOthersAreNot) {
  for (const char* to : {"10.5.0.1", "fd05::1"}) {
    EXPECT_TRUE(open(vlans(5, 5), "out", to));
    EXPECT_FALSE(open(vlans(5, 6), "out", to));
  }
}

TEST(Stacked, AVlanPassesABridgeThatDoesNotLookAtTags) {
  Net n;
  for (const char* m : {"host", "a", "b"}) n.machine(m);
  n.bridge("host", "br0").joined("host", "br0", "va", "a").joined("host", "br0", "vb", "b");
  for (const auto& [m, number] : {std::pair("a", "2"), std::pair("b", "3")}) {
    n.stacked(m, "eth0.5", "vlan", m, "eth0");
    n.link(m, "eth0.5").detail.vlan_id = 5;
    n.address(m, "eth0.5", std::string("10.5.0.") + number + "/24");
  }
  n.listen("b", "::", 80);
  EXPECT_TRUE(open(n, "a", "10.5.0.3"));
  n.bridge_calls("host", true);
  n.rules("host", dropping("c", model::Hook::kForward));
  EXPECT_TRUE(open(n, "a", "10.5.0.3"));  // bridge-nf-filter-vlan-tagged is 0
  n.ns("host").sysctls.bridge_nf_filter_vlan_tagged = 1;
  EXPECT_FALSE(open(n, "a", "10.5.0.3"));
}

// nft_payload_copy_vlan(): the tag is at its place in the link header, whatever `meta protocol` is.
TEST(Stacked, RulesForFramesSeeATagWhereItWouldBe) {
  struct Row {
    std::vector<model::Statement> matches;
    bool taken;
  };
  const std::vector<Row> rows{
      {{is(ll(12, 2), be16(0x0800))}, false},
      {{is(meta(MetaKey::kProtocol), be16(0x0800))}, true},
      {{is(ll(12, 2), be16(0x8100)), is(ll(14, 2), be16(5))}, true},
      {{is(ll(12, 2), be16(0x8100)), is(ll(14, 2), be16(6))}, false},
      {{is(ll(16, 2), be16(0x0800))}, true},
      {{is(net(16, 4), address("10.5.0.3"))}, true},
      {{is(meta(MetaKey::kL4proto), bytes({6})), is(th(2, 2), be16(80))}, true},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Net n;
    for (const char* m : {"host", "a", "b"}) n.machine(m);
    n.bridge("host", "br0").joined("host", "br0", "va", "a").joined("host", "br0", "vb", "b");
    for (const auto& [m, number] : {std::pair("a", "2"), std::pair("b", "3")}) {
      n.stacked(m, "eth0.5", "vlan", m, "eth0");
      n.link(m, "eth0.5").detail.vlan_id = 5;
      n.address(m, "eth0.5", std::string("10.5.0.") + number + "/24");
    }
    n.listen("b", "::", 80);
    std::vector<model::Statement> rule_of{is_not(meta(MetaKey::kProtocol), be16(0x0806))};
    rule_of.insert(rule_of.end(), rows[i].matches.begin(), rows[i].matches.end());
    rule_of.push_back(drop());
    n.rules("host", table(model::NfFamily::kBridge,
                          {base("f", model::Hook::kForward, 0, {rule(rule_of)})}));
    EXPECT_EQ(open(n, "a", "10.5.0.3"), !rows[i].taken) << i;
  }
}

TEST(Stacked, ARingOfDevicesUponEachOtherEnds) {
  Net n = macvlans(kBridge, kBridge);
  n.link("a", "eth0").peer_ns = n.id("b");
  n.link("a", "eth0").peer = n.link("b", "eth0").index;
  n.link("b", "eth0").peer_ns = n.id("a");
  n.link("b", "eth0").peer = n.link("a", "eth0").index;
  EXPECT_EQ(n.ask("a", "10.1.0.9", 80).verdict, Verdict::kUnknown);
}

}  // namespace
}  // namespace bulkhead::trace::testing
