#include "topology/topology.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace bulkhead::topology
