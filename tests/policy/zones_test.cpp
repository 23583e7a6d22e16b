#include "policy/zones.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::policy {
namespace {

using testing::ElementsAre;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

struct Host {
  model::Snapshot snapshot;
  Host() {
    snapshot.namespaces.resize(2);
    link(1, "lo", "", 1 | 8);
  }
  model::NetNs& ns() { return snapshot.namespaces[0]; }
  model::Link& link(std::uint32_t index, std::string name, std::string kind,
                    std::uint32_t flags = 1) {
    model::Link l;
    l.index = IfIndex{index};
    l.name = std::move(name);
    l.kind = std::move(kind);
    l.flags = flags;
    ns().links.push_back(l);
    return ns().links.back();
  }
  void address(std::uint32_t index, std::string_view text, std::uint8_t length) {
    model::Address a;
    a.link = IfIndex{index};
    a.local = ip(text);
    a.prefix_length = length;
    ns().addresses.push_back(a);
  }
  void route(std::string_view to, std::uint32_t index, std::optional<IpAddress> via,
             std::uint32_t metric = 0) {
    model::Route r;
    r.destination = Prefix::parse(to).value();
    r.metric = metric;
    r.next_hops.push_back({.link = IfIndex{index}, .gateway = via});
    ns().routes.push_back(r);
  }
};

Host usual() {
  Host h;
  h.link(2, "eth0", "");
  h.link(3, "eth1", "");
  h.link(4, "docker0", "bridge");
  h.link(5, "br-0123456789ab", "bridge");
  h.link(6, "veth1", "veth").master = IfIndex{5};
  h.link(7, "eth2", "", 0);
  h.link(8, "tun0", "tun");
  h.address(2, "192.0.2.10", 24);
  h.address(2, "fe80::1", 64);
  h.address(3, "10.7.0.1", 16);
  h.address(4, "172.17.0.1", 16);
  h.address(5, "172.18.0.1", 16);
  h.address(7, "10.9.0.1", 24);
  h.route("0.0.0.0/0", 2, ip("192.0.2.1"), 100);
  h.route("0.0.0.0/0", 3, ip("10.7.0.254"), 200);
  return h;
}

std::vector<std::string> names(const std::vector<Zone>& zones) {
  std::vector<std::string> out;
  for (const Zone& z : zones)
    out.push_back(z.name + "=" + std::string(to_string(z.role)) + "@" + z.interface);
  return out;
}

TEST(Zones, AreGuessedFromTheDefaultRouteAndSaidToBeGuesses) {
  const auto zones = guess_zones(usual().snapshot);
  EXPECT_THAT(names(zones),
              ElementsAre("internet=internet@eth0", "lan=lan@eth0", "lan:eth1=lan@eth1"));
  for (const Zone& z : zones) EXPECT_TRUE(z.guessed);
  EXPECT_TRUE(zones[0].beyond_gateway);
  EXPECT_TRUE(zones[0].remark.empty());
  EXPECT_THAT(zones[1].prefixes, ElementsAre(Prefix::parse("192.0.2.0/24").value(),
                                             Prefix::parse("fe80::/64").value()));
}

TEST(Zones, APrivateUplinkIsSaidToBeBehindNat) {
  Host h;
  h.link(2, "ens3", "");
  h.address(2, "10.0.2.15", 24);
  h.route("0.0.0.0/0", 2, ip("10.0.2.2"));
  const auto zones = guess_zones(h.snapshot);
  ASSERT_EQ(zones.size(), 2U);
  EXPECT_EQ(zones[0].remark, "uplink address 10.0.2.15 is private: behind NAT or a cloud firewall");
}

TEST(Zones, WithoutADefaultRouteThereIsNoInternet) {
  Host h = usual();
  h.ns().routes.clear();
  EXPECT_THAT(names(guess_zones(h.snapshot)),
              ElementsAre("lan:eth0=lan@eth0", "lan:eth1=lan@eth1"));
}

TEST(Zones, AnIpv6OnlyUplinkIsFound) {
  Host h;
  h.link(2, "eth0", "");
  h.address(2, "2001:db8::5", 64);
  h.route("::/0", 2, ip("fe80::1"));
  EXPECT_THAT(names(guess_zones(h.snapshot)),
              ElementsAre("internet=internet@eth0", "lan=lan@eth0"));
}

TEST(Zones, TheFileReplacesTheGuessForItsInterface) {
  const auto config = parse_config(
      "bulkhead: 1\nzones: {mgmt: {role: management, interface: eth1}, far: {role: dmz, prefixes: "
      "[198.51.100.0/24]}}",
      "f");
  const auto zones = resolve_zones(config.value(), usual().snapshot);
  EXPECT_THAT(names(zones), ElementsAre("internet=internet@eth0", "lan=lan@eth0",
                                        "mgmt=management@eth1", "far=dmz@eth0"));
  EXPECT_FALSE(zones[2].guessed);
  EXPECT_THAT(zones[2].prefixes, ElementsAre(Prefix::parse("10.7.0.0/16").value()));
  EXPECT_TRUE(zones[3].beyond_gateway);
  EXPECT_THAT(zones[0].excluded, testing::Contains(Prefix::parse("198.51.100.0/24").value()));
}

// A name is one zone's: `lan` in a line is all of that role, and none may hide another.
TEST(Zones, WhatIsGuessedBesideAGivenLanHasAnotherName) {
  const auto config = parse_config("bulkhead: 1\nzones: {lan: {role: lan, interface: eth1}}", "f");
  const auto zones = resolve_zones(config.value(), usual().snapshot);
  EXPECT_THAT(names(zones),
              ElementsAre("internet=internet@eth0", "lan:eth0=lan@eth0", "lan=lan@eth1"));
}

TEST(Zones, WhatIsGuessedBesideAnotherNamedInternetHasItsRoleInItsName) {
  const auto config =
      parse_config("bulkhead: 1\nzones: {internet: {role: dmz, interface: eth1}}", "f");
  const auto zones = resolve_zones(config.value(), usual().snapshot);
  EXPECT_THAT(names(zones),
              ElementsAre("internet:eth0=internet@eth0", "lan=lan@eth0", "internet=dmz@eth1"));
}

TEST(Zones, AZoneWithoutItsInterfaceSaysSo) {
  const auto config = parse_config("bulkhead: 1\nzones: {m: {role: lan, interface: eth9}}", "f");
  const auto zones = resolve_zones(config.value(), usual().snapshot);
  const auto found = std::ranges::find(zones, "m", &Zone::name);
  ASSERT_NE(found, zones.end());
  EXPECT_FALSE(found->link);
  EXPECT_EQ(found->remark, "there is no interface eth9");
}

TEST(Zones, AnEmptySnapshotHasNone) {
  EXPECT_TRUE(guess_zones(model::Snapshot{}).empty());
}

TEST(Zones, WhatAnEngineMadeIsKnownByItsNetworksAndContainers) {
  Host h = usual();
  h.link(9, "custom", "bridge");
  h.address(9, "172.30.0.1", 16);
  auto& veth = h.link(10, "v0", "veth");
  veth.peer_ns = model::NsId{1};
  h.address(10, "172.31.0.1", 32);
  EXPECT_FALSE(made_by_engine(h.snapshot, h.snapshot.host, h.ns().links[8]));
  model::Engine engine;
  engine.networks.emplace_back().bridge = "custom";
  engine.containers.emplace_back().netns = model::NsId{1};
  h.snapshot.engines.push_back(engine);
  EXPECT_TRUE(made_by_engine(h.snapshot, h.snapshot.host, h.ns().links[8]));
  EXPECT_TRUE(made_by_engine(h.snapshot, h.snapshot.host, h.ns().links[9]));
}

}  // namespace
}  // namespace bulkhead::policy
