// What people write for a neighbour's seat, and what would be made of it: on hosts made by hand.
#include "seats/neighbour.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "audit/host_builder.h"

namespace bulkhead::seats {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using testing_hosts::HostBuilder;
using testing_hosts::ip;

HostBuilder host() {
  HostBuilder h;
  h.network("front", "br-front", "172.18.0.1");
  h.container("web", "front", "172.18.255.254");
  return h;
}

TEST(Neighbour, AFreeAddressIsChosenFromTheEndOfTheNetwork) {
  const auto h = host();
  for (const char* name : {"br-front", "front"}) {
    const auto made = read_neighbour(h.snapshot, name);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->name, std::string("seat:") + name);
    EXPECT_EQ(made->link, "br-front");
    EXPECT_TRUE(made->wish.bridge);
    ASSERT_FALSE(made->wish.candidates.empty());
    EXPECT_THAT(made->wish.candidates, Not(Contains(ip("172.18.255.254")))) << "web has it";
    EXPECT_THAT(made->wish.candidates, Not(Contains(ip("172.18.0.1"))));
    EXPECT_THAT(made->wish.gateways, ElementsAre(ip("172.18.0.1")));
    EXPECT_FALSE(made->network.empty());
    for (const IpAddress& candidate : made->wish.candidates)
      EXPECT_TRUE(Prefix::covering(ip("172.18.0.1"), made->wish.length4).contains(candidate));
  }
}

TEST(Neighbour, AnAddressThatIsSaidIsTaken) {
  const auto h = host();
  const auto made = read_neighbour(h.snapshot, "br-front=172.18.0.77,fd00::7/64");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->wish.candidates, ElementsAre(ip("172.18.0.77")));
  EXPECT_GT(made->wish.length4, 0);
  EXPECT_EQ(made->wish.address6, ip("fd00::7"));
  EXPECT_EQ(made->wish.length6, 64);
  EXPECT_EQ(made->network, "");
}

// The seat of the scan before is still in the host's table of neighbours.
TEST(Neighbour, AnAddressThatIsSaidMayBeTakenAgainAndOthersAreChosenBefore) {
  auto h = host();
  const auto first = read_neighbour(h.snapshot, "br-front");
  ASSERT_TRUE(first) << first.error().message;
  const IpAddress old = first->wish.candidates.front();
  model::Neighbour known;
  known.address = old;
  known.mac.emplace();
  h.snapshot.namespaces[h.snapshot.host.value].neighbours.push_back(known);
  const auto said = read_neighbour(h.snapshot, "br-front=" + old.to_string());
  ASSERT_TRUE(said) << said.error().message;
  const auto chosen = read_neighbour(h.snapshot, "br-front");
  ASSERT_TRUE(chosen) << chosen.error().message;
  EXPECT_THAT(chosen->wish.candidates, Not(Contains(old)));
}

TEST(Neighbour, OfSeveralNetworksOnALinkTheWayOutIsInItsOwn) {
  auto h = host();
  model::NetNs& ns = h.snapshot.namespaces[h.snapshot.host.value];
  model::Address second =
      *std::ranges::find(ns.addresses, ip("172.18.0.1"), &model::Address::local);
  second.local = ip("10.5.0.1");
  second.prefix_length = 24;
  ns.addresses.push_back(second);
  const auto made = read_neighbour(h.snapshot, "br-front=10.5.0.9/24");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(made->wish.gateways, ElementsAre(ip("10.5.0.1")));
}

TEST(Neighbour, ALanInterfaceGetsNoPort) {
  const auto made = read_neighbour(host().snapshot, "eth0");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_FALSE(made->wish.bridge);
}

TEST(Neighbour, WhatCannotBeIsSaidWithWhatToWrite) {
  auto h = host();
  const auto error = [&](const char* text) {
    const auto made = read_neighbour(h.snapshot, text);
    return made ? std::string("none") : made.error().message;
  };
  EXPECT_THAT(error("br-frnt"), HasSubstr("br-front"));
  EXPECT_THAT(error("lo"), HasSubstr("loopback"));
  EXPECT_THAT(error("br-front=172.18.255.254"), HasSubstr("in use"));
  EXPECT_THAT(error("br-front=fd00::1"), HasSubstr("fd00::1/64"));
  EXPECT_THAT(error("br-front="), HasSubstr("no address"));
  EXPECT_THAT(error("br-front=x"), HasSubstr("--seat"));
  EXPECT_THAT(error("br-front=172.18.0.9/33"), HasSubstr("write /24"));
  EXPECT_THAT(error("br-front=224.0.0.1/24"), HasSubstr("no machine"));
  EXPECT_THAT(error("br-front=172.18.0.0/16"), HasSubstr("no machine's"));
  EXPECT_THAT(error("br-front=172.18.255.255/16"), HasSubstr("no machine's"));
  EXPECT_THAT(error("br-front=::ffff:172.18.0.9/112"), HasSubstr("no machine"));
  EXPECT_THAT(error("br-front=10.0.0.5/24"), HasSubstr("write an address of 172.18.0.0/"));
  EXPECT_THAT(error("br-front=172.18.0.8,172.18.0.9"), HasSubstr("more than one"));
  EXPECT_THAT(error("br-front=fd00::9/x"), HasSubstr("write /64"));
  h.network("empty", "br-empty", "172.19.0.1");
  EXPECT_THAT(error("br-empty"), HasSubstr("without a port"));
  for (model::Link& link : h.snapshot.namespaces[0].links)
    if (link.name == "br-front") link.bridge.emplace().stp = true;
  EXPECT_THAT(error("br-front"), HasSubstr("spanning tree"));
}

TEST(Neighbour, OnABridgeOfIpv6AloneAnAddressOfItsNetworkIsProposed) {
  auto h = host();
  model::NetNs& host_ns = h.snapshot.namespaces[0];
  const auto bridge = std::ranges::find(host_ns.links, "br-front", &model::Link::name)->index;
  std::erase_if(host_ns.addresses, [&](const model::Address& a) { return a.link == bridge; });
  model::Address six;
  six.link = bridge, six.local = ip("fd00:30:4::1"), six.prefix_length = 64;
  host_ns.addresses.push_back(six);
  for (const char* text : {"br-front", "br-front="}) {
    const auto made = read_neighbour(h.snapshot, text);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message, HasSubstr("write br-front=fd00:30:4::2/64"));
    EXPECT_THAT(made.error().message, Not(HasSubstr("192.0.2")));
  }
  const auto made = read_neighbour(h.snapshot, "br-front=fd00:30:4::2/64");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->wish.address6, ip("fd00:30:4::2"));
}

}  // namespace
}  // namespace bulkhead::seats
