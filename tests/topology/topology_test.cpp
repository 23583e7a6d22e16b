#include <gtest/gtest.h>

#include <algorithm>

#include "topology/stacked.h"
#include "trace/net.h"

namespace bulkhead::topology {
namespace {

using trace::testing::host_net;
using trace::testing::ip;
using trace::testing::Net;

const Device& device(const Topology& t, const Net& net, const std::string& m,
                     const std::string& name) {
  for (const auto& d : t.machine(net.id(m))->devices) {
    if (d->name() == name) return *d;
  }
  throw std::runtime_error("no device " + name);
}

TEST(Topology, BothEndsOfAVethKnowEachOther) {
  const Net net = host_net();
  const Topology t = Topology::build(net.snapshot);
  const Device &va = device(t, net, "host", "va"), &eth0 = device(t, net, "a", "eth0");
  EXPECT_EQ(va.peer, &eth0);
  EXPECT_EQ(eth0.peer, &va);
  EXPECT_EQ(va.bridge, &device(t, net, "host", "br0"));
  EXPECT_FALSE(va.leads_outside);
}

TEST(Topology, AVethWhosePeerIsNotInTheSnapshotLeadsOutside) {
  Net net = host_net();
  net.link("host", "va").peer_ns = model::NsId{99};
  const Topology t = Topology::build(net.snapshot);
  EXPECT_EQ(device(t, net, "host", "va").peer, nullptr);
  EXPECT_TRUE(device(t, net, "host", "va").leads_outside);
}

TEST(Topology, ABridgeFindsAGuestBehindItsPort) {
  const Net net = host_net();
  const Topology t = Topology::build(net.snapshot);
  const Device &br0 = device(t, net, "host", "br0"), &guest = device(t, net, "b", "eth0");
  EXPECT_EQ(t.find_mac(br0, guest.mac).port, &device(t, net, "host", "vb"));
  EXPECT_FALSE(t.find_mac(device(t, net, "host", "br1"), guest.mac).known);
}

TEST(Topology, AMacBehindTwoPortsIsKnownButNotPlaced) {
  Net net = host_net();
  net.link("b", "eth0").mac = net.link("a", "eth0").mac;
  const Topology t = Topology::build(net.snapshot);
  const auto place = t.find_mac(device(t, net, "host", "br0"), net.link("a", "eth0").mac);
  EXPECT_TRUE(place.known);
  EXPECT_EQ(place.port, nullptr);
}

TEST(Topology, AStaticEntryDecides) {
  Net net = host_net();
  model::BridgeFdbEntry e;
  e.link = net.link("host", "vb").index;
  e.bridge = net.link("host", "br0").index;
  e.mac = net.link("a", "eth0").mac;
  e.state = 0x40;
  net.ns("host").fdb.push_back(e);
  const Topology t = Topology::build(net.snapshot);
  EXPECT_EQ(t.find_mac(device(t, net, "host", "br0"), e.mac).port, &device(t, net, "host", "vb"));
}

TEST(Topology, AnInterfacesSettingIsTheStricterOfItsOwnAndAll) {
  Net net = host_net();
  net.ns("host").sysctls.ipv4_all.rp_filter = 2;
  net.link("host", "br0").ipv4.rp_filter = 1;
  const Topology t = Topology::build(net.snapshot);
  EXPECT_EQ(device(t, net, "host", "br0").rp_filter, 2);
  EXPECT_EQ(device(t, net, "host", "br1").rp_filter, 2);
}

TEST(Topology, WhatCouldNotBeReadIsSaid) {
  Net net = host_net();
  net.ns("a").gaps.push_back({"nftables", "EPERM"});
  net.ns("b").links.clear();
  const Topology t = Topology::build(net.snapshot);
  EXPECT_TRUE(t.machine(net.id("a"))->rules_unknown);
  EXPECT_FALSE(t.machine(net.id("a"))->sockets_unknown);
  EXPECT_TRUE(t.machine(net.id("b"))->routes_unknown);
  EXPECT_EQ(t.machine(model::NsId{99}), nullptr);
}

TEST(Topology, AGapOfANamelessPartMakesAllUnknown) {
  Net net = host_net();
  net.ns("a").gaps.push_back({"next hops", "EPERM"});
  net.ns("b").gaps.push_back({"flower pots", "EPERM"});
  const Topology t = Topology::build(net.snapshot);
  const Machine& a = *t.machine(net.id("a"));
  EXPECT_TRUE(a.routes_unknown && !a.rules_unknown && !a.sockets_unknown);
  const Machine& b = *t.machine(net.id("b"));
  EXPECT_TRUE(b.routes_unknown && b.rules_unknown && b.sockets_unknown);
}

// Devices that stand on others.
Net stacked(const char* kind) {
  Net n;
  for (const char* m : {"host", "a", "b", "out"}) n.machine(m);
  n.veth("host", "up0", "out", "eth0");
  n.stacked("a", "eth0", kind, "host", "up0").stacked("b", "eth0", kind, "host", "up0");
  n.stacked("out", "v", kind, "out", "eth0");
  return n;
}

TEST(Stacked, AUnicastFrameIsTakenByItsMacOrByThePassthruMacvlan) {
  Net net = stacked("macvlan");
  const MacAddress a = net.link("a", "eth0").mac, other({2, 9, 9, 9, 9, 9});
  {
    const Topology t = Topology::build(net.snapshot);
    const Device& up0 = device(t, net, "host", "up0");
    EXPECT_EQ(macvlan_taker(up0, a).device, &device(t, net, "a", "eth0"));
    EXPECT_EQ(macvlan_taker(up0, other).device, nullptr);
  }
  net.link("a", "eth0").detail.macvlan_mode = 8;  // passthru
  net.link("a", "eth0").flags = 0;
  const Topology t = Topology::build(net.snapshot);
  const Taker taker = macvlan_taker(device(t, net, "host", "up0"), other);
  EXPECT_EQ(taker.device, &device(t, net, "a", "eth0"));
  EXPECT_TRUE(taker.lost);
}

TEST(Stacked, AGroupFrameThatCameBackIsHeardByVepaAlone) {
  Net net = stacked("macvlan");
  net.link("b", "eth0").detail.macvlan_mode = 2;  // vepa
  const Topology t = Topology::build(net.snapshot);
  const Device &up0 = device(t, net, "host", "up0"), &a = device(t, net, "a", "eth0"),
               &b = device(t, net, "b", "eth0");
  EXPECT_EQ(macvlan_hearers(up0, MacAddress({2, 9, 9, 9, 9, 9})).devices.size(), 2U);
  ASSERT_EQ(macvlan_hearers(up0, a.mac).devices.size(), 1U);
  EXPECT_EQ(macvlan_hearers(up0, a.mac).devices[0], &b);
  EXPECT_EQ(macvlan_hearers(up0, b.mac).devices[0], &a);
}

TEST(Stacked, AFrameOfAPrivateMacvlanThatCameBackIsHeardByNobodyElse) {
  Net net = stacked("macvlan");
  net.link("a", "eth0").detail.macvlan_mode = 1;
  const Topology t = Topology::build(net.snapshot);
  const Hearers h = macvlan_hearers(device(t, net, "host", "up0"), net.link("a", "eth0").mac);
  EXPECT_FALSE(h.below);
  ASSERT_EQ(h.devices.size(), 1U);
  EXPECT_EQ(h.devices[0], &device(t, net, "a", "eth0"));
}

TEST(Stacked, TheWiresOfAVlanEndAtVlansOfItsNumber) {
  Net net = stacked("vlan");
  net.link("a", "eth0").detail.vlan_id = 5;
  net.link("b", "eth0").detail.vlan_id = 6;
  net.link("out", "v").detail.vlan_id = 5;
  const Topology t = Topology::build(net.snapshot);
  const auto from_a = wires(const_cast<Device&>(device(t, net, "a", "eth0")), false).stations;
  ASSERT_EQ(from_a.size(), 1U);
  EXPECT_EQ(from_a[0], &device(t, net, "out", "v"));
  EXPECT_TRUE(wires(const_cast<Device&>(device(t, net, "b", "eth0")), false).stations.empty());
}

TEST(Stacked, AnIpvlanReachesTheDeviceBelowAndInL2ModeItsWire) {
  for (const std::uint32_t mode : {0U, 1U, 2U}) {
    Net net = stacked("ipvlan");
    net.link("a", "eth0").detail.ipvlan_mode = mode;
    const Topology t = Topology::build(net.snapshot);
    const auto to = wires(const_cast<Device&>(device(t, net, "a", "eth0")), false).stations;
    EXPECT_EQ(std::ranges::count(to, &device(t, net, "host", "up0")), 1) << mode;
    EXPECT_EQ(std::ranges::count(to, &device(t, net, "out", "eth0")), mode == 0 ? 1 : 0) << mode;
  }
}

TEST(Stacked, ARingOfLinksIsBroken) {
  Net net = stacked("macvlan");
  for (const auto& [m, other] : {std::pair("a", "b"), std::pair("b", "a")}) {
    net.link(m, "eth0").peer_ns = net.id(other);
    net.link(m, "eth0").peer = net.link(other, "eth0").index;
  }
  const Topology t = Topology::build(net.snapshot);
  const Device &a = device(t, net, "a", "eth0"), &b = device(t, net, "b", "eth0");
  EXPECT_TRUE(a.parent == nullptr || b.parent == nullptr);
}

}  // namespace
}  // namespace bulkhead::topology
