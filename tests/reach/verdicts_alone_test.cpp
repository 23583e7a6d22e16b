// Who asks for verdicts alone gets those of the whole walk, with less work where rules close what
// they may (reach/walk/lookahead.h), and with as much where something may go past these rules.
#include <gtest/gtest.h>

#include <random>

#include "reach/random_net.h"
#include "reach/reach.h"
#include "reach/tally.h"
#include "reach/traced.h"
#include "trace/net.h"

namespace bulkhead::reach::testing {
namespace {

using trace::testing::accept;
using trace::testing::base;
using trace::testing::be16;
using trace::testing::bytes;
using trace::testing::constant;
using trace::testing::drop;
using trace::testing::host_net;
using trace::testing::ip;
using trace::testing::is;
using trace::testing::meta;
using trace::testing::Net;
using trace::testing::net;
using trace::testing::rule;
using trace::testing::set_mark;
using trace::testing::table;
using trace::testing::th;

struct Both {
  Both(const model::Snapshot& snapshot, IpFamily family, LocalRequest request)
      : reach(Reach::build(snapshot, family)) {
    const auto ask = [&](bool alone, std::uint64_t& work) {
      request.verdicts_alone = alone;
      const std::uint64_t before = reach.work();
      Answer answer = reach.from(request).value();
      work = reach.work() - before;
      return answer;
    };
    whole = ask(false, whole_work);
    brief = ask(true, brief_work);
  }
  [[nodiscard]] bool agree() const {
    return whole->open() == brief->open() && brief->unknown().subset_of(whole->unknown()).value() &&
           whole->closed().subset_of(brief->closed()).value();
  }
  [[nodiscard]] bool open(std::string_view to, std::uint16_t port) const {
    packet::Packet p = reach.fields().layout().packet();
    reach.fields().set_address(p, Quantity::kDestination, ip(to));
    reach.fields().set(p, Quantity::kDestinationPort, port);
    std::vector<packet::FieldId> others;
    for (const packet::FieldId field : brief->open().support()) {
      if (field != reach.fields().only(Quantity::kDestination) &&
          field != reach.fields().only(Quantity::kDestinationPort))
        others.push_back(field);
    }
    return brief->open().project(others).value().contains(p);
  }

  Reach reach;
  std::optional<Answer> whole, brief;
  std::uint64_t whole_work = 0, brief_work = 0;
};

Both from(const Net& net, const std::string& who, IpProtocol protocol = IpProtocol::kTcp) {
  LocalRequest request;
  request.ns = net.id(who);
  request.protocol = protocol;
  return {net.snapshot, IpFamily::kV4, request};
}

model::Statement tcp_to(std::uint16_t port) {
  return is(th(2, 2), be16(port));
}
model::Statement to(std::string_view address) {
  return is(net(16, 4), trace::testing::address(address));
}

// Nothing but c's port 80 may be forwarded to, and nothing be delivered.
Net closed_host() {
  Net n = host_net();
  n.bridge_calls("host", true);
  n.listen("c", "0.0.0.0", 81);
  n.rules("host", table(model::NfFamily::kIp,
                        {base("forward", model::Hook::kForward, -1,
                              {rule({to("10.2.0.2"), tcp_to(80), accept()}),
                               rule({is(net(16, 1), bytes({10})), is(net(12, 1), bytes({10})),
                                     is(th(0, 2), be16(80)), accept()}),
                               rule({drop()})}),
                         base("input", model::Hook::kInput, -1, {rule({drop()})})}));
  return n;
}

TEST(VerdictsAlone, WhatEveryWayDropsIsNotFollowed) {
  const Both a = from(closed_host(), "a");
  EXPECT_TRUE(a.agree());
  EXPECT_TRUE(a.open("10.2.0.2", 80));
  EXPECT_FALSE(a.open("10.2.0.2", 81));
  EXPECT_FALSE(a.open("10.1.0.3", 80));
  EXPECT_LT(a.brief_work * 4, a.whole_work * 3) << a.brief_work << " of " << a.whole_work;
}

// Behind the chain that closes, more rules than are looked at ahead: some accept, some drop, the
// last ones rewrite.
model::Table many_rules_behind() {
  std::vector<model::Rule> rules;
  for (std::uint16_t port = 1000; port < 1600; ++port)
    rules.push_back(rule({to("10.2.0.2"), tcp_to(port), port % 2 == 0 ? accept() : drop()}));
  rules.push_back(rule({tcp_to(81), trace::testing::set_mark(7)}));
  return table(model::NfFamily::kIp, {base("behind", model::Hook::kForward, 0, rules)});
}

TEST(VerdictsAlone, ManyRulesBehindThoseThatCloseAreNotLookedAt) {
  Net n = closed_host();
  n.rules("host", many_rules_behind());
  n.listen("c", "0.0.0.0", 1001).listen("c", "0.0.0.0", 1002);
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_TRUE(a.open("10.2.0.2", 80));
  EXPECT_FALSE(a.open("10.2.0.2", 1002));
  EXPECT_LT(a.brief_work * 4, a.whole_work * 3) << a.brief_work << " of " << a.whole_work;
}

TEST(VerdictsAlone, ManyRulesBehindOneThatDropsLittleDecide) {
  Net n = host_net();
  n.bridge_calls("host", true);
  n.listen("c", "0.0.0.0", 1001).listen("c", "0.0.0.0", 1002).listen("c", "0.0.0.0", 1003);
  n.rules("host", table(model::NfFamily::kIp, {base("first", model::Hook::kForward, -1,
                                                    {rule({tcp_to(1002), drop()})})}));
  n.rules("host", many_rules_behind());
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_FALSE(a.open("10.2.0.2", 1001));
  EXPECT_FALSE(a.open("10.2.0.2", 1002));
  EXPECT_TRUE(a.open("10.2.0.2", 80));
}

// Each of these opens something past the rules that close all, or changes what they are asked
// about.
TEST(VerdictsAlone, ABridgeThatDoesNotShowItsFramesIsFollowed) {
  Net n = closed_host();
  n.bridge_calls("host", false);
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_TRUE(a.open("10.1.0.3", 80));
}

TEST(VerdictsAlone, AMacvlanOnTheBridgeIsFollowed) {
  Net n = closed_host();
  n.machine("m").stacked("m", "eth0", "macvlan", "host", "br0").address("m", "eth0", "10.1.0.7/24");
  n.link("m", "eth0").detail.macvlan_mode = 4;  // bridge
  n.listen("m", "::", 80);
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_EQ(n.ask("a", "10.1.0.7", 80).verdict, trace::Verdict::kOpen);
  EXPECT_EQ(a.brief->closed(), a.whole->closed());  // the whole walk does not know
}

TEST(VerdictsAlone, ATranslationToWhatIsPermittedIsFollowed) {
  Net n = closed_host();
  model::Nat nat;
  nat.kind = model::NatKind::kDnat;
  nat.family = IpFamily::kV4;
  nat.address = constant(trace::testing::address("10.2.0.2"));
  nat.port = constant(be16(80));
  n.rules("host",
          table(model::NfFamily::kIp,
                {base("PREROUTING", model::Hook::kPrerouting, -100,
                      {rule({is(meta(model::MetaKey::kL4proto), bytes({6})), tcp_to(8080), nat})},
                      model::VerdictKind::kAccept, model::ChainType::kNat)}));
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_TRUE(a.open("10.1.0.1", 8080));
  EXPECT_FALSE(a.open("10.1.0.1", 8081));
}

TEST(VerdictsAlone, ARangeOfNewDestinationsIsFollowed) {
  Net n = closed_host();
  model::Nat nat;
  nat.kind = model::NatKind::kDnat;
  nat.family = IpFamily::kV4;
  nat.address = constant(trace::testing::address("10.2.0.1"));
  nat.address_max = constant(trace::testing::address("10.2.0.2"));
  n.rules("host", table(model::NfFamily::kIp,
                        {base("PREROUTING", model::Hook::kPrerouting, -100,
                              {rule({is(meta(model::MetaKey::kL4proto), bytes({6})), nat})},
                              model::VerdictKind::kAccept, model::ChainType::kNat)}));
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_EQ(a.brief->unknown(), a.whole->unknown());  // which of the two it gets
  EXPECT_FALSE(a.whole->unknown().empty());
}

TEST(VerdictsAlone, ADestinationThatARuleWritesIsFollowed) {
  Net n = closed_host();
  n.rules(
      "host",
      table(model::NfFamily::kIp,
            {base("mangle", model::Hook::kPrerouting, -150,
                  {rule({to("10.2.0.9"),
                         model::SetPayload{{model::PayloadBase::kNetwork, 16, 4},
                                           constant(trace::testing::address("10.2.0.2"))}})})}));
  n.listen("c", "0.0.0.0", 80, false, {}, IpProtocol::kUdp);
  const Both a = from(n, "a", IpProtocol::kUdp);  // TCP would be answered by another address
  EXPECT_TRUE(a.agree());
  EXPECT_EQ(a.brief->closed(), a.whole->closed());
  EXPECT_TRUE(a.open("10.2.0.9", 80));
}

TEST(VerdictsAlone, AMarkThatIsSetBeforeAndAPortOfTheBridgeMayOpen) {
  for (const bool by_mark : {true, false}) {
    Net n = host_net();
    n.bridge_calls("host", true);
    if (by_mark) {
      n.rules("host", table(model::NfFamily::kIp, {base("mark", model::Hook::kPrerouting, -150,
                                                        {rule({to("10.2.0.2"), set_mark(5)})})}));
    }
    const model::Statement asks =
        by_mark ? is(meta(model::MetaKey::kMark), trace::testing::le32(5))
                : is(meta(model::MetaKey::kOifname), trace::testing::name("br1"));
    n.rules("host",
            table(model::NfFamily::kIp,
                  {base("forward", model::Hook::kForward, -1,
                        {rule({asks, accept()}),
                         rule({is(net(12, 4), trace::testing::address("10.2.0.2")), accept()}),
                         rule({drop()})})}));
    const Both a = from(n, "a");
    EXPECT_TRUE(a.agree());
    EXPECT_TRUE(a.open("10.2.0.2", 80)) << by_mark;
    EXPECT_FALSE(a.open("10.1.0.3", 80)) << by_mark;
  }
}

TEST(VerdictsAlone, AnAcceptOfAnotherTableOpensNothing) {
  Net n = closed_host();
  n.rules("host", table(model::NfFamily::kIp,
                        {base("first", model::Hook::kForward, -300, {rule({accept()})})}));
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_FALSE(a.open("10.2.0.2", 81));
  EXPECT_LT(a.brief_work, a.whole_work);
}

TEST(VerdictsAlone, ASecondInterfaceOfTheSenderIsFollowed) {
  Net n = closed_host();
  n.veth("a", "eth1", "c", "eth1");  // past the host
  n.address("a", "eth1", "10.9.0.1/24").address("c", "eth1", "10.9.0.2/24");
  const Both a = from(n, "a");
  EXPECT_TRUE(a.agree());
  EXPECT_TRUE(a.open("10.9.0.2", 81));
  EXPECT_FALSE(a.open("10.2.0.2", 81));
}

TEST(VerdictsAlone, APortOfTheBridgeThatLeadsElsewhereIsFollowed) {
  Net n = closed_host();
  n.device("host", "eth9");  // the wire beyond is not known
  n.link("host", "eth9").master = n.link("host", "br0").index;
  n.link("host", "eth9").port = model::BridgePort{};
  EXPECT_TRUE(from(n, "a").agree());
}

TEST(VerdictsAlone, WhatALimitOrAProgramDecidesIsFollowed) {
  for (const bool program : {true, false}) {
    Net n = closed_host();
    if (program) {
      n.link("host", "va").tc_filters = true;
    } else {
      n.rules("host", table(model::NfFamily::kIp,
                            {base("queue", model::Hook::kPrerouting, -150,
                                  {rule({trace::testing::go(model::VerdictKind::kQueue)})})}));
    }
    const Both a = from(n, "a");
    EXPECT_TRUE(a.agree());
    EXPECT_EQ(a.brief->unknown(), a.whole->unknown()) << program;
    EXPECT_FALSE(a.whole->unknown().empty()) << program;
  }
}

// An address of lo makes all of its network the machine's own: it answers questions for each.
TEST(VerdictsAlone, ANetworkOnLoAnswersForAllOfIt) {
  Net n = host_net();
  n.machine("d").joined("host", "br1", "vd", "d").address("d", "eth0", "10.2.0.3/24");
  n.address("c", "lo", "10.2.0.65/26").listen("c", "0.0.0.0", 81);
  ASSERT_EQ(n.ask("host", "10.2.0.70", 81).verdict, trace::Verdict::kOpen);
  const Both host = from(n, "host");
  EXPECT_TRUE(host.agree());
  packet::Packet p = host.reach.fields().layout().packet();
  host.reach.fields().set_address(p, Quantity::kDestination, ip("10.2.0.70"));
  host.reach.fields().set_address(p, Quantity::kSource, ip("10.2.0.1"));
  host.reach.fields().set(p, Quantity::kProtocol, 6);
  host.reach.fields().set(p, Quantity::kSourcePort, (32768 + 60999) / 2);
  host.reach.fields().set(p, Quantity::kDestinationPort, 81);
  for (const Answer* answer : {&*host.whole, &*host.brief}) {
    EXPECT_FALSE(answer->closed().contains(p));
    EXPECT_TRUE(answer->unknown().contains(p));
  }
  // So it does where such an address is a gateway's.
  n.address("c", "eth0", "10.8.0.1/24").route("host", "10.8.0.0/24", "10.2.0.70", "br1");
  const Both by_gateway = from(n, "host");
  EXPECT_TRUE(by_gateway.agree());
  EXPECT_TRUE(by_gateway.open("10.8.0.1", 81));
}

// A port that a rule translates at all addresses of a host, asked for by the host itself; the guest
// sees the bridge's address.
Net published() {
  Net n = host_net();
  model::Nat nat, hide;
  nat.kind = model::NatKind::kDnat;
  nat.family = hide.family = IpFamily::kV4;
  nat.address = constant(trace::testing::address("10.2.0.2"));
  nat.port = constant(be16(80));
  hide.kind = model::NatKind::kMasquerade;
  n.rules("host",
          table(model::NfFamily::kIp,
                {base("OUTPUT", model::Hook::kOutput, -100,
                      {rule({is(meta(model::MetaKey::kL4proto), bytes({6})), tcp_to(8080), nat})},
                      model::VerdictKind::kAccept, model::ChainType::kNat),
                 base("POSTROUTING", model::Hook::kPostrouting, 100,
                      {rule({is(net(12, 2), bytes({10, 1})), hide})}, model::VerdictKind::kAccept,
                      model::ChainType::kNat)}));
  for (int i = 0; i < 12; ++i)
    n.address("host", "br0", "10.1.0." + std::to_string(100 + i) + "/32");
  return n;
}

TEST(VerdictsAlone, AHostToItsOwnAddressesGoesTogether) {
  const Both host = from(published(), "host");
  EXPECT_TRUE(host.agree());
  for (const char* own : {"10.1.0.1", "10.2.0.1", "192.0.2.1", "10.1.0.105"}) {
    EXPECT_TRUE(host.open(own, 8080)) << own;
    EXPECT_TRUE(host.open(own, 80)) << own;
    EXPECT_FALSE(host.open(own, 8081)) << own;
  }
  EXPECT_LT(host.brief->outcomes().size(), host.whole->outcomes().size());
  // Each from itself: no other source is said to be open.
  packet::Packet p = host.reach.fields().layout().packet();
  const auto contains = [&](const char* source, const char* to) {
    const Fields& fields = host.reach.fields();
    fields.set_address(p, Quantity::kSource, ip(source));
    fields.set_address(p, Quantity::kDestination, ip(to));
    fields.set(p, Quantity::kProtocol, 6);
    fields.set(p, Quantity::kSourcePort, (32768 + 60999) / 2);
    fields.set(p, Quantity::kDestinationPort, 8080);
    return host.brief->open().contains(p);
  };
  EXPECT_TRUE(contains("10.1.0.1", "10.1.0.1"));
  EXPECT_FALSE(contains("10.1.0.1", "192.0.2.1"));
}

TEST(VerdictsAlone, ARuleThatAsksWhichOfItsAddressesAHostUsesPartsThem) {
  Net n = published();
  n.rules("host",
          table(model::NfFamily::kIp,
                {base("post", model::Hook::kPostrouting, 0,
                      {rule({is(net(12, 4), trace::testing::address("192.0.2.1")),
                             is(net(16, 4), trace::testing::address("10.2.0.2")), drop()})})}));
  n.listen("host", "0.0.0.0", 90, false, "br0");  // bound to the interface by which it is asked for
  const Both host = from(n, "host");
  EXPECT_TRUE(host.agree());
  EXPECT_TRUE(host.open("10.1.0.1", 8080));
  EXPECT_FALSE(host.open("192.0.2.1", 8080));
  for (const char* own : {"10.1.0.1", "10.2.0.1", "192.0.2.1"}) {
    EXPECT_EQ(host.open(own, 90), n.ask("host", own, 90).verdict == trace::Verdict::kOpen) << own;
  }
}

NetKinds kinds_of(std::uint32_t seed) {
  NetKinds kinds;
  kinds.nat = seed % 3 != 0;
  kinds.odd = seed % 5 == 0;
  kinds.policy = seed % 7 == 0;
  kinds.stacked = seed % 4 == 0;
  kinds.frames = seed % 6 == 0;
  return kinds;
}

// Random networks whose machines close most of what is forwarded and delivered.
void close(model::Snapshot& snapshot, const std::vector<IpAddress>& addresses,
           const std::vector<std::uint16_t>& ports, std::mt19937& random) {
  for (model::NetNs& ns : snapshot.namespaces) {
    if (random() % 4 != 0)
      ns.sysctls.bridge_nf_call_iptables = ns.sysctls.bridge_nf_call_ip6tables = 1;
    if (random() % 3 == 0) continue;
    std::vector<model::Rule> rules;
    for (int i = 0; i < 4; ++i) {
      const IpAddress a = addresses[random() % addresses.size()];
      if (a.is_v6()) continue;
      const unsigned side = random() % 2 == 0 ? 12 : 16;
      const auto octets = a.octets();
      rules.push_back(rule({is(net(side, 4), Bytes(octets.begin(), octets.end())), accept()}));
      rules.push_back(rule(
          {is(th(random() % 2 == 0 ? 0 : 2, 2), be16(ports[random() % ports.size()])), accept()}));
    }
    rules.push_back(rule({drop()}));
    std::vector<model::Chain> chains{base("f", model::Hook::kForward, -1, rules)};
    if (random() % 2 == 0) chains.push_back(base("i", model::Hook::kInput, -1, rules));
    ns.ruleset.tables.push_back(table(model::NfFamily::kInet, std::move(chains)));
  }
}

TEST(VerdictsAlone, AreThoseOfTheWholeWalkOnRandomNetworks) {
  std::size_t seats = 0, less = 0, open = 0;
  const auto run = [&](std::uint32_t seed, Tally&) {
    std::mt19937 random(seed);
    NetKinds kinds = kinds_of(seed);
    kinds.filter = seed % 2 == 0;
    RandomNet net = random_net(seed, kinds);
    close(net.snapshot, net.addresses, net.ports, random);
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      for (const model::NsId ns : net.machines) {
        LocalRequest request;
        request.ns = ns;
        request.protocol = random() % 3 == 0 ? IpProtocol::kUdp : IpProtocol::kTcp;
        const Both both(net.snapshot, family, request);
        EXPECT_TRUE(both.agree()) << "seed " << seed << " from " << ns.value;
        ++seats;
        if (both.brief_work * 10 < both.whole_work * 9) ++less;
        if (!both.brief->open().empty()) ++open;
      }
    }
  };
  over_seeds(9000, 30, run);
  std::printf("seats %zu, of which something is open to %zu, less work for %zu\n", seats, open,
              less);
  EXPECT_GT(open * 3, seats);
  EXPECT_GT(less * 8, seats);
}

// Only to some ports of some addresses is anything forwarded or delivered, where destinations are
// translated, too.
void permit_few(model::Snapshot& snapshot, const std::vector<IpAddress>& addresses,
                const std::vector<std::uint16_t>& ports, std::mt19937& random) {
  for (model::NetNs& ns : snapshot.namespaces) {
    if (random() % 4 != 0)
      ns.sysctls.bridge_nf_call_iptables = ns.sysctls.bridge_nf_call_ip6tables = 1;
    if (random() % 4 == 0) continue;
    std::vector<model::Rule> rules;
    for (int i = 0; i < 16; ++i) {
      const IpAddress a = addresses[random() % addresses.size()];
      const auto octets = a.octets();
      const auto at = static_cast<std::uint32_t>(a.is_v6() ? 24 : 16);
      const auto family = a.is_v6() ? 10 : 2;
      rules.push_back(rule({is(meta(model::MetaKey::kNfproto), bytes({family})),
                            is(net(at, static_cast<std::uint32_t>(octets.size())),
                               Bytes(octets.begin(), octets.end())),
                            is(th(2, 2), be16(ports[random() % ports.size()])), accept()}));
    }
    for (const std::uint32_t at : {0U, 2U})  // of answers
      rules.push_back(rule({is(th(at, 2), be16(46883)), accept()}));
    rules.push_back(rule({drop()}));
    std::vector<model::Chain> chains{base("f", model::Hook::kForward, -1, rules)};
    if (random() % 2 == 0) chains.push_back(base("i", model::Hook::kInput, -1, rules));
    if (random() % 4 == 0) chains.push_back(base("o", model::Hook::kOutput, -1, rules));
    ns.ruleset.tables.push_back(table(model::NfFamily::kInet, std::move(chains)));
  }
}

TEST(VerdictsAlone, AreTheSameWhereFewPacketsAreWalkedOneByOne) {
  std::size_t seats = 0, packets = 0, open = 0;
  const auto run = [&](std::uint32_t seed, Tally&) {
    std::mt19937 random(seed);
    RandomNet net = random_net(seed, kinds_of(seed));
    permit_few(net.snapshot, net.addresses, net.ports, random);
    const trace::World world = trace::World::build(net.snapshot).value();
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      Reach reach = Reach::build(net.snapshot, family);
      for (const model::NsId ns : net.machines) {
        LocalRequest request;
        request.ns = ns;
        request.protocol = random() % 3 == 0 ? IpProtocol::kUdp : IpProtocol::kTcp;
        const Answer whole = reach.from(request).value();
        const OneByOne each =
            traced(world, reach.fields(), trace::LocalOrigin{ns, 0, 0}, request.protocol, packets);
        request.verdicts_alone = true;
        request.one_by_one = &each;
        const Answer brief = reach.from(request).value();
        EXPECT_TRUE(agrees_with(whole, brief)) << "seed " << seed << " from " << ns.value;
        ++seats;
        if (!brief.open().empty()) ++open;
      }
    }
  };
  over_seeds(12000, 60, run);
  std::printf("seats %zu, of which something is open to %zu, packets %zu\n", seats, open, packets);
  EXPECT_GT(open * 4, seats);
  EXPECT_GT(packets * 12, seats);
}

}  // namespace
}  // namespace bulkhead::reach::testing
