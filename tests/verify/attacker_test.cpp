#include "verify/attacker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "policy/zones.h"
#include "trace/net.h"
#include "verify/reachable.h"

namespace bulkhead::verify {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::NfFamily;
using trace::Verdict;

model::Chain dropping(Hook hook, std::vector<model::Rule> rules) {
  return base("only", hook, 0, std::move(rules), model::VerdictKind::kDrop);
}

// a and b share a bridge, c has one of its own; the uplink leads out of the model.
Net attacked_net() {
  Net n = host_net();
  n.link("host", "up0").peer_ns.reset();
  n.link("host", "up0").peer_elsewhere = true;
  n.route("host", "default", "192.0.2.254", "up0");
  for (const char* m : {"a", "b", "c"}) n.ns(m).paths = {std::string("/run/netns/") + m};
  return n;
}

// Only what comes from b's address is forwarded (and what belongs to it).
Net only_b_is_forwarded(IpFamily family) {
  Net n = attacked_net();
  n.bridge_calls("host", true);
  const bool v4 = family == IpFamily::kV4;
  const auto forward = dropping(
      Hook::kForward,
      {rule({is(v4 ? net(12, 4) : net(8, 16), address(v4 ? "10.1.0.3" : "fd01::3")), accept()}),
       rule({is(v4 ? net(16, 4) : net(24, 16), address(v4 ? "10.1.0.3" : "fd01::3")), accept()})});
  n.rules("host", table(v4 ? NfFamily::kIp : NfFamily::kIp6, {forward}));
  return n;
}

class Asked {
 public:
  explicit Asked(const Net& net, const model::Container* container = nullptr)
      : net_(net),
        container_(container),
        world_(trace::World::build(net_.snapshot).value()),
        zones_(policy::guess_zones(net_.snapshot)),
        asker_(world_, zones_),
        attackers_(asker_) {
    asker_.forged_by(std::bind_front(&Attackers::ask, &attackers_));
  }

  query::Reply ask(std::string_view from, std::string_view to, std::uint16_t port,
                   bool attacker = true, IpProtocol protocol = IpProtocol::kTcp,
                   trace::EndReads* of_destination = nullptr) {
    query::Seat seat = asker_.seat(query::Vantage::parse(from).value()).value();
    seat.container = container_;
    query::Target t;
    t.to = ip(to);
    t.port = Port{port};
    t.protocol = protocol;
    t.as_attacker = attacker;
    t.to_reads = of_destination;
    return asker_.ask(seat, t);
  }
  Reachable reachable(std::string_view from, const Limits& limits) {
    query::Seat seat = asker_.seat(query::Vantage::parse(from).value()).value();
    seat.container = container_;
    return verify::reachable(asker_, seat, limits).value();
  }
  Verdict verdict(std::string_view from, std::string_view to, std::uint16_t port = 80,
                  bool attacker = true) {
    return ask(from, to, port, attacker).answer.verdict;
  }

 private:
  Net net_;
  const model::Container* container_;
  trace::World world_;
  std::vector<policy::Zone> zones_;
  query::Asker asker_;
  Attackers attackers_;
};

struct AttackerRow {
  IpFamily family;
  const char *a, *b, *c, *host;
};
const AttackerRow kRows[] = {{IpFamily::kV4, "10.1.0.2", "10.1.0.3", "10.2.0.2", "10.1.0.1"},
                             {IpFamily::kV6, "fd01::2", "fd01::3", "fd02::2", "fd01::1"}};
constexpr const char* kA = "netns:/run/netns/a";
constexpr const char* kC = "netns:/run/netns/c";

TEST(Attacker, PosesAsItsNeighbour) {
  for (const AttackerRow& row : kRows) {
    Asked asked(only_b_is_forwarded(row.family));
    EXPECT_EQ(asked.verdict(kA, row.c, 80, false), Verdict::kClosed);
    const query::Reply reply = asked.ask(kA, row.c, 80);
    EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
    EXPECT_EQ(reply.witness, ip(row.b));
    ASSERT_TRUE(reply.frame);
  }
}

// ---- what is said of other destinations (EndReads::same_to)

TEST(OtherDestinations, MachinesOfTheWireThatWereSparedAreNotAmongThem) {
  Net n;
  n.machine("host").bridge("host", "br0");
  for (const auto& [name, address] : {std::pair("a", "10.1.0.9/24"), std::pair("b", "10.2.0.2/24"),
                                      std::pair("c", "10.2.0.3/24")}) {
    n.machine(name).joined("host", "br0", std::string("v") + name, name);
    n.address(name, "eth0", address).listen(name, "0.0.0.0", 80);
    n.ns(name).paths = {std::string("/run/netns/") + name};
  }
  Asked asked(n);
  for (const auto& [closed, open] :
       {std::pair("10.2.0.77", "10.2.0.2"), std::pair("10.2.0.78", "10.2.0.3")}) {
    trace::EndReads record;
    ASSERT_EQ(asked.ask(kA, closed, 80, true, IpProtocol::kTcp, &record).answer.verdict,
              Verdict::kClosed);
    EXPECT_FALSE(record.same_to(ip(open), Port{80})) << open;
    EXPECT_EQ(asked.verdict(kA, open), Verdict::kOpen) << open;
  }
}

// As a source, the address of the one that was asked for opens what goes to the other.
TEST(OtherDestinations, TheOneThatWasAskedForMayBeTheSourceThatGetsIn) {
  for (const auto& [to, other] :
       {std::pair("10.2.0.2", "10.2.0.3"), std::pair("10.2.0.3", "10.2.0.2")}) {
    Net n = attacked_net();
    n.machine("d").joined("host", "br1", "vd", "d").address("d", "eth0", "10.2.0.3/24");
    n.route("d", "default", "10.2.0.1", "eth0");
    for (const char* name : {"c", "d"}) n.listen(name, "0.0.0.0", 53, false, {}, IpProtocol::kUdp);
    n.rules("host",
            table(NfFamily::kIp,
                  {dropping(Hook::kForward, {rule({is(net(12, 4), address(to)), accept()})})}));
    Asked asked(n);
    trace::EndReads record;
    ASSERT_EQ(asked.ask(kA, to, 53, true, IpProtocol::kUdp, &record).answer.verdict,
              Verdict::kClosed);
    EXPECT_FALSE(record.same_to(ip(other), Port{53}));
    EXPECT_EQ(asked.ask(kA, other, 53, true, IpProtocol::kUdp).answer.verdict, Verdict::kOpen);
  }
}

// A route may give a machine all addresses of a prefix; its sockets tell them apart.
TEST(OtherDestinations, AddressesOfOneMachineAreToldApartByItsSockets) {
  Net n = attacked_net();
  n.route("host", "10.9.0.0/24", "", "lo", 2, 255).listen("host", "10.9.0.5", 8081);
  Asked asked(n);
  trace::EndReads record;
  ASSERT_EQ(asked.ask(kA, "10.9.0.4", 8081, false, IpProtocol::kTcp, &record).answer.verdict,
            Verdict::kClosed);
  EXPECT_FALSE(record.same_to(ip("10.9.0.5"), Port{8081}));
  EXPECT_EQ(asked.verdict(kA, "10.9.0.5", 8081, false), Verdict::kOpen);
}

// c reaches the host's port for VXLAN; behind that device is a bridge with a guest of its own.
Net with_overlay(IpFamily under) {
  Net n = attacked_net();
  for (const char* m : {"over", "d"}) n.machine(m);
  n.bridge("over", "br7").joined("over", "br7", "vd", "d");
  n.vxlan("over", "vx7", 7, under == IpFamily::kV4 ? "10.2.0.1" : "fd02::1", "host");
  n.link("over", "vx7").master = n.link("over", "br7").index;
  n.link("over", "vx7").port = model::BridgePort{};
  n.address("d", "eth0", "10.7.0.2/24").address("d", "eth0", "fd07::2/64");
  n.listen("d", "::", 80).listen("d", "::", 514, false, {}, IpProtocol::kUdp);
  for (const char* there : {"10.7.0.0/24", "fd07::/64"}) n.route("host", there, "", "", 7);
  return n;
}

TEST(Attacker, FramesInVxlanPacketsMayGetInWhereTheirPortIsReached) {
  for (const AttackerRow& row : kRows) {
    for (const char* to : {"10.7.0.2", "fd07::2"}) {
      Asked asked(with_overlay(row.family));
      EXPECT_EQ(asked.ask(kC, to, 514, false, IpProtocol::kUdp).answer.verdict, Verdict::kClosed);
      for (const auto& [protocol, port] :
           {std::pair(IpProtocol::kUdp, 514), {IpProtocol::kTcp, 80}}) {
        const query::Reply reply =
            asked.ask(kC, to, static_cast<std::uint16_t>(port), true, protocol);
        EXPECT_EQ(reply.answer.verdict, Verdict::kUnknown) << to;
        EXPECT_NE(reply.answer.reason.find("may come out of vx7"), std::string::npos)
            << reply.answer.reason;
      }
      // Nobody listens there: no frame opens that.
      EXPECT_EQ(asked.ask(kC, to, 515, true, IpProtocol::kUdp).answer.verdict, Verdict::kClosed);
      Limits limits;
      limits.as_attacker = true;
      limits.to = Prefix::single(ip(to));
      const Reachable all = asked.reachable(kC, limits);
      EXPECT_TRUE(std::ranges::any_of(all.unknown, [](const Unknown& u) {
        return u.reason.find("may come out of vx7") != std::string::npos;
      }));
    }
  }
}

TEST(Attacker, NoFrameGetsInWhereThePortForVxlanIsGuarded) {
  for (const AttackerRow& row : kRows) {
    for (const char* to : {"10.7.0.2", "fd07::2"}) {
      Net n = with_overlay(row.family);
      n.rules("host",
              table(NfFamily::kInet, {base("in", Hook::kInput, 0,
                                           {rule({is(meta(model::MetaKey::kL4proto), bytes({17})),
                                                  is(th(2, 2), be16(4789)), drop()})})}));
      Asked asked(n);
      EXPECT_EQ(asked.ask(kC, to, 514, true, IpProtocol::kUdp).answer.verdict, Verdict::kClosed);
      EXPECT_EQ(asked.verdict(kC, to), Verdict::kClosed);
    }
  }
}

TEST(Attacker, OnAnotherSegmentHearsNoAnswerToItsNeighbour) {
  for (const AttackerRow& row : kRows) {
    // c may send as b, but what the answer asks for stays on b's bridge.
    Asked asked(only_b_is_forwarded(row.family));
    EXPECT_EQ(asked.verdict(kC, row.a), Verdict::kClosed);
  }
}

TEST(Attacker, WithoutRawSocketsSendsItsOwnAddressesOnly) {
  for (const AttackerRow& row : kRows) {
    model::Container container;
    container.capabilities_dropped = {"NET_RAW"};
    Asked asked(only_b_is_forwarded(row.family), &container);
    EXPECT_EQ(asked.verdict(kA, row.c), Verdict::kClosed);
  }
}

TEST(Attacker, ChoosesItsSourcePortEvenWithoutRawSockets) {
  for (const AttackerRow& row : kRows) {
    Net n = attacked_net();
    n.rules("host", table(NfFamily::kInet, {base("fwd", Hook::kForward, 0,
                                                 {rule({is(th(0, 2), be16(53)), accept()}),
                                                  rule({is(th(2, 2), be16(80)), drop()})})}));
    model::Container container;
    container.capabilities_dropped = {"ALL"};
    Asked asked(n, &container);
    EXPECT_EQ(asked.verdict(kA, row.c, 80, false), Verdict::kClosed);
    const query::Reply reply = asked.ask(kA, row.c, 80);
    EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
    EXPECT_EQ(reply.answer.source_port.number, 53);
    EXPECT_FALSE(reply.frame);
  }
}

// The host knows b by hand.
Net b_is_set_by_hand(const AttackerRow& row) {
  Net n = only_b_is_forwarded(row.family);
  model::Neighbour neighbour;
  neighbour.link = n.link("host", "br0").index;
  neighbour.address = ip(row.b);
  neighbour.mac = n.link("b", "eth0").mac;
  neighbour.state = 128;  // NUD_PERMANENT
  n.ns("host").neighbours.push_back(neighbour);
  return n;
}

TEST(Attacker, DrawsTheMacOfANeighbourThatWasSetByHand) {
  for (const AttackerRow& row : kRows) {
    Net n = b_is_set_by_hand(row);
    EXPECT_EQ(Asked(n).verdict(kA, row.c), Verdict::kOpen);
    n.link("host", "va").port->learning = false;
    EXPECT_EQ(Asked(n).verdict(kA, row.c), Verdict::kClosed);
  }
}

TEST(Attacker, IsNotBelievedWhereNeighbourAndMacWereSetByHand) {
  for (const AttackerRow& row : kRows) {
    Net n = b_is_set_by_hand(row);
    model::BridgeFdbEntry entry;
    entry.bridge = n.link("host", "br0").index;
    entry.link = n.link("host", "vb").index;
    entry.mac = n.link("b", "eth0").mac;
    entry.state = 64;  // NUD_NOARP: static
    n.ns("host").fdb.push_back(entry);
    EXPECT_EQ(Asked(n).verdict(kA, row.c), Verdict::kOpen) << "static entries move";
    n.ns("host").fdb.back().flags = 0x40;  // NTF_STICKY
    EXPECT_EQ(Asked(n).verdict(kA, row.c), Verdict::kClosed);
  }
}

TEST(Attacker, SendsTaggedFramesPastRulesThatDoNotLookIntoThem) {
  for (const AttackerRow& row : kRows) {
    Net n = only_b_is_forwarded(row.family);
    n.listen("b", "::", 53, false, {}, IpProtocol::kUdp);
    n.rules("host", table(NfFamily::kInet, {dropping(Hook::kForward, {})}));
    const query::Reply reply = Asked(n).ask(kA, row.b, 53, true, IpProtocol::kUdp);
    EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
    ASSERT_TRUE(reply.frame);
    EXPECT_TRUE(reply.frame->tagged);
    EXPECT_EQ(Asked(n).verdict(kA, row.b), Verdict::kUnknown) << "the answer of TCP";
    n.ns("host").sysctls.bridge_nf_filter_vlan_tagged = 1;
    EXPECT_EQ(Asked(n).ask(kA, row.b, 53, true, IpProtocol::kUdp).answer.verdict, Verdict::kClosed);
    EXPECT_EQ(Asked(n).verdict(kA, row.b), Verdict::kClosed);
  }
}

TEST(Attacker, IsStoppedByTheReversePathFilterAtTheDoor) {
  Net n = attacked_net();
  const auto input =
      dropping(Hook::kInput, {rule({is(net(12, 4), address("10.2.0.2")), accept()})});
  n.rules("host", table(NfFamily::kIp, {input}));
  // c's address from a's bridge: the answer goes to c, so a connection never stands.
  EXPECT_EQ(Asked(n).verdict(kA, "10.1.0.1"), Verdict::kClosed);
  // One datagram is enough.
  n.listen("host", "0.0.0.0", 53, false, {}, IpProtocol::kUdp);
  EXPECT_EQ(Asked(n).ask(kA, "10.1.0.1", 53, true, IpProtocol::kUdp).answer.verdict,
            Verdict::kOpen);
  n.link("host", "br0").ipv4.rp_filter = 1;
  EXPECT_EQ(Asked(n).ask(kA, "10.1.0.1", 53, true, IpProtocol::kUdp).answer.verdict,
            Verdict::kClosed);
}

// The host forwards what rules accept, and what c sends.
struct Behind {
  explicit Behind(const AttackerRow& r) : row(r) {}
  [[nodiscard]] model::Statement from(std::string_view source) const {
    return is(row.family == IpFamily::kV4 ? net(12, 4) : net(8, 16), address(source));
  }
  [[nodiscard]] model::Statement from(MacAddress sender) const {
    return is(ll(6, 6), Bytes(sender.octets().begin(), sender.octets().end()));
  }
  [[nodiscard]] query::Reply ask(model::Rule accepts) {
    n.rules("host",
            table(row.family == IpFamily::kV4 ? NfFamily::kIp : NfFamily::kIp6,
                  {dropping(Hook::kForward, {std::move(accepts), rule({from(row.c), accept()})})}));
    return Asked(n).ask(kA, row.c, 80);
  }

  const AttackerRow& row;
  Net n = attacked_net();
  MacAddress mac = n.link("b", "eth0").mac;  // of the neighbour
};

TEST(Attacker, BorrowsAMacAddress) {
  for (const AttackerRow& row : kRows) {
    Behind behind(row);
    const query::Reply reply = behind.ask(rule({behind.from(behind.mac), accept()}));
    EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
    ASSERT_TRUE(reply.frame);
    EXPECT_EQ(reply.frame->source, behind.mac);
  }
}

// The MAC address is asked for only where the source is the neighbour's, as rules against posing
// do.
TEST(Attacker, BorrowsAMacAddressTogetherWithItsAddress) {
  for (const AttackerRow& row : kRows) {
    Behind behind(row);
    const query::Reply reply =
        behind.ask(rule({behind.from(row.b), behind.from(behind.mac), accept()}));
    EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
    EXPECT_EQ(reply.witness, ip(row.b));
    ASSERT_TRUE(reply.frame);
    EXPECT_EQ(reply.frame->source, behind.mac);
  }
}

// So is its port, as connection tracking knows it.
TEST(Attacker, ChoosesItsSourcePortTogetherWithItsAddress) {
  for (const AttackerRow& row : kRows) {
    Behind behind(row);
    model::CtTerm port;
    port.key = model::CtKey::kProtoSrc;
    port.direction = model::CtDirection::kOriginal;
    const query::Reply reply =
        behind.ask(rule({behind.from(row.b), is(model::Term{port}, be16(53)), accept()}));
    EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
    EXPECT_EQ(reply.answer.source_port.number, 53);
  }
}

TEST(Attacker, FromTheInternetChoosesItsPortButNotItsPlace) {
  Net n = attacked_net();
  n.rules("host", table(NfFamily::kInet, {base("in", Hook::kInput, 0,
                                               {rule({is(th(0, 2), be16(20)), accept()}),
                                                rule({is(th(2, 2), be16(80)), drop()})})}));
  Asked asked(n);
  EXPECT_EQ(asked.verdict("internet", "192.0.2.1", 80, false), Verdict::kClosed);
  EXPECT_EQ(asked.ask("internet", "192.0.2.1", 80).answer.source_port.number, 20);
  // No private address is routed there.
  EXPECT_EQ(asked.verdict("internet", "10.1.0.3"), Verdict::kClosed);
}

TEST(Attacker, OfTheLanPosesAsAnother) {
  Net n = attacked_net();
  const auto input =
      dropping(Hook::kInput, {rule({is(net(12, 4), address("192.0.2.77")), accept()})});
  n.rules("host", table(NfFamily::kIp, {input}));
  const query::Reply reply = Asked(n).ask("lan", "192.0.2.1", 80);
  EXPECT_EQ(reply.answer.verdict, Verdict::kOpen) << reply.answer.reason;
}

TEST(Attacker, IsListedWithAllThatOnlyForgedPacketsReach) {
  for (const AttackerRow& row : kRows) {
    Asked asked(only_b_is_forwarded(row.family));
    Limits limits;
    limits.as_attacker = true;
    const Reachable all = asked.reachable(kA, limits);
    EXPECT_TRUE(all.contradictions.empty());
    EXPECT_EQ(all.confirmed, all.open.size());
    const auto found = std::ranges::find_if(all.open, [&](const Reached& r) {
      return r.to.first <= ip(row.c) && ip(row.c) <= r.to.last && r.ports.contains(80) && r.forged;
    });
    ASSERT_NE(found, all.open.end());
    EXPECT_EQ(found->witness.source, ip(row.b));
    EXPECT_TRUE(found->witness.frame);
    // What it may do anyway is not called forged.
    EXPECT_TRUE(std::ranges::any_of(all.open, [&](const Reached& r) {
      return r.to.first == ip(row.host) && r.ports.contains(80) && !r.forged;
    }));
    limits.as_attacker = false;
    EXPECT_TRUE(std::ranges::none_of(asked.reachable(kA, limits).open,
                                     [](const Reached& r) { return r.forged; }));
    limits.as_attacker = true;
    limits.to = Prefix::single(ip(row.c));
    limits.port = Port{80};
    limits.protocol = IpProtocol::kTcp;
    EXPECT_EQ(asked.reachable(kA, limits).open.size(), 1U);
  }
}

TEST(Attacker, MayForgeUnlessTheEngineTookItAway) {
  model::Container c;
  EXPECT_TRUE(may_forge(c));
  c.capabilities_dropped = {"CAP_NET_RAW"};
  EXPECT_FALSE(may_forge(c));
  c.capabilities_added = {"net_admin"};
  EXPECT_TRUE(may_forge(c)) << "it changes its address instead";
  c.capabilities_added = {"CHOWN"};
  c.capabilities_dropped = {"ALL"};
  EXPECT_FALSE(may_forge(c));
  c.capabilities_added = {"NET_RAW"};
  EXPECT_TRUE(may_forge(c));
  c.capabilities_added = {};
  c.privileged = true;
  EXPECT_TRUE(may_forge(c));
}

}  // namespace
}  // namespace bulkhead::verify
