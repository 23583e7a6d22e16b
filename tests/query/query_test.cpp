#include "query/query.h"

#include <gtest/gtest.h>

#include "query/host.h"

namespace bulkhead::query {
namespace {

using testing::Host;
using trace::Verdict;

Reply ask(const Host& host, const char* from, const char* to, std::uint16_t port,
          bool attacker = false) {
  const auto world = trace::World::build(host.net.snapshot);
  const Asker asker(*world, host.zones);
  const auto seat = asker.seat(*Vantage::parse(from));
  EXPECT_TRUE(seat) << from << ": " << seat.error().message;
  Target target;
  target.to = *IpAddress::parse(to);
  target.port = Port{port};
  target.as_attacker = attacker;
  return asker.ask(*seat, target);
}

TEST(Query, EachVantageAsksFromItsOwnSeat) {
  const Host host;
  EXPECT_EQ(ask(host, "host", "10.1.0.2", 80).answer.verdict, Verdict::kOpen);
  EXPECT_EQ(ask(host, "netns:/run/netns/web", "10.1.0.1", 22).answer.verdict, Verdict::kOpen);
  EXPECT_EQ(ask(host, "netns:/var/run/netns/web", "10.1.0.1", 22).answer.verdict, Verdict::kOpen);
  EXPECT_EQ(ask(host, "lan", "192.0.2.10", 22).answer.verdict, Verdict::kOpen);
  EXPECT_EQ(ask(host, "internet", "192.0.2.10", 22).answer.verdict, Verdict::kOpen);
  EXPECT_EQ(ask(host, "addr:192.0.2.77@lan", "192.0.2.10", 22).answer.verdict, Verdict::kOpen);
}

TEST(Query, ALanNeighbourReachesPrivateAddressesAndTheInternetDoesNot) {
  const Host host;
  EXPECT_EQ(ask(host, "lan", "10.1.0.2", 80).answer.verdict, Verdict::kOpen);
  const Reply far = ask(host, "internet", "10.1.0.2", 80);
  EXPECT_EQ(far.answer.verdict, Verdict::kClosed);
  EXPECT_EQ(far.answer.how, trace::How::kUnreachable);
}

TEST(Query, TheOneAddressOfAZoneForWhichARuleOpensIsFound) {
  Host host;
  host.only_from("192.0.2.200");
  const Reply reply = ask(host, "lan", "192.0.2.10", 22);
  EXPECT_EQ(reply.answer.verdict, Verdict::kOpen);
  EXPECT_TRUE(reply.some);
  EXPECT_EQ(reply.witness, IpAddress::parse("192.0.2.200").value());
  EXPECT_EQ(ask(host, "internet", "192.0.2.10", 22).answer.verdict, Verdict::kClosed);
  EXPECT_EQ(ask(host, "addr:192.0.2.201@lan", "192.0.2.10", 22).answer.verdict, Verdict::kClosed);
}

TEST(Query, AnAttackerIsNeverCalledClosedByAnOrdinaryConnection) {
  Host host;
  host.only_from("192.0.2.200");
  EXPECT_EQ(ask(host, "netns:/run/netns/web", "10.1.0.1", 22).answer.verdict, Verdict::kClosed);
  EXPECT_EQ(ask(host, "netns:/run/netns/web", "10.1.0.1", 22, true).answer.verdict,
            Verdict::kUnknown);
  EXPECT_EQ(ask(Host(), "netns:/run/netns/web", "10.1.0.1", 22, true).answer.verdict,
            Verdict::kOpen);
}

TEST(Query, WhatIsNotThereIsNamedBesideWhatIs) {
  const Host host;
  const auto world = trace::World::build(host.net.snapshot);
  const Asker asker(*world, host.zones);
  EXPECT_EQ(asker.seat(*Vantage::parse("container:gone")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(asker.seat(*Vantage::parse("netns:/run/netns/gone")).error().code,
            ErrorCode::kNotFound);
  const auto zone = asker.seat(*Vantage::parse("zone:office"));
  ASSERT_FALSE(zone);
  EXPECT_NE(zone.error().message.find("internet, lan"), std::string::npos);
}

TEST(Query, BeyondAnEdgeIsOutsideWhateverIsThere) {
  Host host;
  const auto world = trace::World::build(host.net.snapshot);
  const Asker asker(*world, host.zones);
  Target target;
  target.to = *IpAddress::parse("10.1.0.2");
  target.port = Port{80};
  target.edges = {{model::NsId{0}, host.net.link("host", "v0").index}};
  const Reply reply = asker.ask(*asker.seat(*Vantage::parse("host")), target);
  EXPECT_EQ(reply.answer.verdict, Verdict::kUnknown);
  ASSERT_TRUE(reply.answer.exit);
  EXPECT_EQ(reply.answer.exit->destination, target.to);
}

TEST(Query, SomebodyOnTheWireOfAKnownMachineIsAnsweredToo) {
  Host host;  // the uplink's other end is in the snapshot and has the very address that asks
  host.net.machine("router");
  host.net.veth("host", "up1", "router", "eth0");
  host.net.address("host", "up1", "198.51.100.1/24").address("router", "eth0", "198.51.100.2/24");
  host.zones.push_back(host.zone("dmz", policy::ZoneRole::kDmz, "198.51.100.0/24", false));
  host.zones.back().link = host.net.link("host", "up1").index;
  for (const char* from : {"zone:dmz", "addr:198.51.100.2@dmz", "addr:198.51.100.9@dmz"}) {
    EXPECT_EQ(ask(host, from, "198.51.100.1", 22).answer.verdict, Verdict::kOpen) << from;
    EXPECT_EQ(ask(host, from, "198.51.100.1", 23).answer.how, trace::How::kRefused) << from;
  }
}

}  // namespace
}  // namespace bulkhead::query
