// One row per fact about connection tracking, NAT and refusals.
#include <gtest/gtest.h>

#include "trace/net.h"
#include "trace/verdicts.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::ChainType;
using model::Hook;
using model::NfFamily;
using model::VerdictKind;

model::Statement to_port(unsigned port) {
  return is(th(2, 2), be16(port));
}
model::Statement tcp() {
  return is(meta(model::MetaKey::kL4proto), bytes({6}));
}
model::Statement nat(model::NatKind kind, const char* to, int port = 0) {
  model::Nat n;
  n.kind = kind;
  if (to != nullptr) {
    n.family = ip(to).family();
    n.address = constant(address(to));
  }
  if (port != 0) n.port = constant(be16(static_cast<unsigned>(port)));
  return n;
}
model::Chain nat_chain(Hook hook, std::int32_t priority, std::vector<model::Rule> rules) {
  return base("nat", hook, priority, std::move(rules), VerdictKind::kAccept, ChainType::kNat);
}
model::Statement reject(model::RejectKind kind, std::uint8_t code = 0) {
  return model::Reject{kind, code};
}

struct Family {
  NfFamily family;
  const char *guest_a, *guest_b, *guest_c, *host0, *host1, *uplink, *outside;
};
const Family kFamilies[] = {
    {NfFamily::kIp, "10.1.0.2", "10.1.0.3", "10.2.0.2", "10.1.0.1", "10.2.0.1", "192.0.2.1",
     "192.0.2.9"},
    {NfFamily::kIp6, "fd01::2", "fd01::3", "fd02::2", "fd01::1", "fd02::1", "fd09::1", "fd09::9"}};

TEST(Nat, DnatHappensBeforeRoutingAndItsRepliesAreTurnedBack) {
  for (const Family& f : kFamilies) {
    Net n = host_net();
    n.rules("host",
            table(f.family, {nat_chain(Hook::kPrerouting, -100,
                                       {rule({tcp(), to_port(8080),
                                              nat(model::NatKind::kDnat, f.guest_a, 80)})})}));
    const Answer a = n.ask("out", f.uplink, 8080);
    EXPECT_EQ(a.verdict, kOpen) << a.reason;
    EXPECT_EQ(a.socket_ns, n.id("a"));
    EXPECT_EQ(n.ask("c", f.host1, 8080).verdict, kOpen);
    EXPECT_EQ(n.ask("host", f.uplink, 8080).how, How::kRefused)
        << "what the host sends skips prerouting";
  }
}

TEST(Nat, OutputDnatServesTheHostItself) {
  for (const Family& f : kFamilies) {
    Net n = host_net();
    n.rules("host",
            table(f.family, {nat_chain(Hook::kOutput, -100,
                                       {rule({tcp(), to_port(8080),
                                              nat(model::NatKind::kDnat, f.guest_a, 80)})})}));
    const Answer a = n.ask("host", f.uplink, 8080);
    EXPECT_EQ(a.verdict, kOpen) << a.reason;
    EXPECT_EQ(a.socket_ns, n.id("a"));
  }
}

// The reply of a neighbour on the same bridge goes straight back and is not recognised, unless
// br_netfilter shows it to conntrack.
TEST(Nat, HairpinOnOneBridgeNeedsMasqueradeOrBrNetfilter) {
  for (const Family& f : kFamilies) {
    for (const bool calls : {false, true}) {
      for (const bool masquerade : {false, true}) {
        Net n = host_net();
        n.bridge_calls("host", calls);
        std::vector<model::Chain> chains{
            nat_chain(Hook::kPrerouting, -100,
                      {rule({tcp(), to_port(8080), nat(model::NatKind::kDnat, f.guest_b, 80)})})};
        if (masquerade)
          chains.push_back(
              nat_chain(Hook::kPostrouting, 100,
                        {rule({tcp(), to_port(80), nat(model::NatKind::kMasquerade, nullptr)})}));
        n.rules("host", table(f.family, std::move(chains)));
        const Answer a = n.ask("a", f.host0, 8080);
        EXPECT_EQ(a.verdict, calls || masquerade ? kOpen : kClosed)
            << f.host0 << calls << masquerade << a.reason;
      }
    }
  }
}

TEST(Nat, AConnectionToOneselfThroughDnatNeedsHairpinOnThePort) {
  Net n = host_net();
  n.rules(
      "host",
      table(NfFamily::kIp,
            {nat_chain(Hook::kPrerouting, -100,
                       {rule({tcp(), to_port(8080), nat(model::NatKind::kDnat, "10.1.0.2", 80)})}),
             nat_chain(Hook::kPostrouting, 100,
                       {rule({tcp(), to_port(80), nat(model::NatKind::kMasquerade, nullptr)})})}));
  n.bridge_calls("host", false);
  EXPECT_EQ(n.ask("a", "10.1.0.1", 8080).verdict, kOpen) << "routed: the bridge itself sends it";
  n.bridge_calls("host", true);
  EXPECT_EQ(n.ask("a", "10.1.0.1", 8080).verdict, kClosed)
      << "switched: back to the port of arrival";
  n.link("host", "va").port->hairpin = true;
  EXPECT_EQ(n.ask("a", "10.1.0.1", 8080).verdict, kOpen);
}

TEST(Nat, DnatToLoopbackNeedsRouteLocalnet) {
  Net n = host_net();
  n.listen("host", "127.0.0.1", 9000);
  n.rules("host", table(NfFamily::kIp,
                        {nat_chain(Hook::kPrerouting, -100,
                                   {rule({tcp(), to_port(8080),
                                          nat(model::NatKind::kDnat, "127.0.0.1", 9000)})})}));
  EXPECT_EQ(n.ask("a", "10.1.0.1", 8080).verdict, kClosed);
  n.link("host", "br0").ipv4.route_localnet = 1;
  EXPECT_EQ(n.ask("a", "10.1.0.1", 8080).verdict, kOpen);
}

TEST(Nat, RedirectTakesTheFirstAddressOfTheIncomingInterface) {
  for (const Family& f : kFamilies) {
    Net n = host_net();
    n.listen("host", f.host0, 9000);
    n.rules("host",
            table(f.family, {nat_chain(Hook::kPrerouting, -100,
                                       {rule({tcp(), to_port(8080),
                                              nat(model::NatKind::kRedirect, nullptr, 9000)})})}));
    EXPECT_EQ(n.ask("a", f.guest_c, 8080).verdict, kOpen);
    EXPECT_EQ(n.ask("c", f.guest_a, 8080).verdict, kClosed);
  }
}

TEST(Nat, OfTwoBackEndsAtOnePriorityTheFirstIsNotKnown) {
  Net n = host_net();
  n.listen("a", "::", 81);
  auto nft = table(
      NfFamily::kIp,
      {nat_chain(Hook::kPrerouting, -100,
                 {rule({tcp(), to_port(8080), nat(model::NatKind::kDnat, "10.1.0.2", 80)})})});
  auto legacy =
      table(NfFamily::kIp,
            {nat_chain(Hook::kPrerouting, -100,
                       {rule({tcp(), to_port(8080), nat(model::NatKind::kDnat, "10.1.0.2", 7)})})});
  legacy.backend = model::TableBackend::kLegacy;
  legacy.name = "nat";
  n.rules("host", nft).rules("host", legacy);
  EXPECT_EQ(n.ask("out", "192.0.2.1", 8080).verdict, Verdict::kUnknown);
}

// nf_hook_state keeps the output device of the hook's beginning.
TEST(Nat, OutputRulesAfterDnatStillSeeTheFirstDevice) {
  Net n = host_net();
  n.rules(
      "host",
      table(NfFamily::kIp,
            {nat_chain(Hook::kOutput, -100,
                       {rule({tcp(), to_port(8080), nat(model::NatKind::kDnat, "10.1.0.2", 80)})}),
             base("out", Hook::kOutput, 0,
                  {rule({is(meta(model::MetaKey::kOifname), name("br0")), drop()})})}));
  EXPECT_EQ(n.ask("host", "192.0.2.1", 8080).verdict, kOpen)
      << "lo was the device when the hook began";
  EXPECT_EQ(n.ask("host", "10.1.0.2", 80).verdict, kClosed);
}

TEST(Reject, EachKindIsHeardAsWhatItIs) {
  for (const Family& f : kFamilies) {
    struct Case {
      model::Statement how;
      How heard;
    };
    const bool v4 = f.family == NfFamily::kIp;
    for (const Case& c : {Case{reject(model::RejectKind::kTcpReset), How::kRefused},
                          Case{reject(model::RejectKind::kIcmp, v4 ? 3 : 4), How::kRefused},
                          Case{reject(model::RejectKind::kIcmp, v4 ? 13 : 1), How::kUnreachable},
                          Case{drop(), How::kDropped}}) {
      for (const Hook hook : {Hook::kForward, Hook::kInput}) {
        Net n = host_net();
        n.rules("host", table(f.family, {base("x", hook, 0, {rule({tcp(), to_port(80), c.how})})}));
        EXPECT_EQ(n.ask("a", hook == Hook::kForward ? f.guest_c : f.host1, 80).how, c.heard)
            << f.guest_c;
      }
      Net local = host_net();
      local.rules(
          "host",
          table(f.family, {base("x", Hook::kOutput, 0, {rule({tcp(), to_port(80), c.how})})}));
      EXPECT_EQ(local.ask("host", f.guest_c, 80).how, c.heard) << "at output, " << f.guest_c;
    }
  }
}

// nf_send_reset(): with br_netfilter the reset leaves by the port itself, past NAT, so that its
// source is the translated one and the client does not know it.
TEST(Reject, AResetForATranslatedConnectionIsLostWithBrNetfilter) {
  for (const bool calls : {false, true}) {
    Net n = host_net();
    n.bridge_calls("host", calls);
    n.rules("host",
            table(NfFamily::kIp,
                  {nat_chain(
                       Hook::kPrerouting, -100,
                       {rule({tcp(), to_port(8080), nat(model::NatKind::kDnat, "10.2.0.2", 80)})}),
                   base("x", Hook::kForward, 0,
                        {rule({tcp(), to_port(80), reject(model::RejectKind::kTcpReset)})})}));
    EXPECT_EQ(n.ask("a", "10.1.0.1", 8080).how, calls ? How::kDropped : How::kRefused);
  }
}

TEST(Conntrack, AnEstablishedRuleLetsAnswersBack) {
  for (const Family& f : kFamilies) {
    Net n = host_net();
    const auto new_in = is_not(masked(ct(model::CtKey::kState), le32(6)), le32(0));
    n.rules("host", table(f.family,
                          {base("fwd", Hook::kForward, 0,
                                {rule({is(meta(model::MetaKey::kL4proto), bytes({58})), accept()}),
                                 rule({new_in, accept()}), rule({to_port(80), accept()})},
                                VerdictKind::kDrop)}));
    EXPECT_EQ(n.ask("a", f.guest_c, 80).verdict, kOpen);
    Net stateless = host_net();
    stateless.rules("host",
                    table(f.family, {base("fwd", Hook::kForward, 0, {rule({to_port(80), accept()})},
                                          VerdictKind::kDrop)}));
    const Answer a = stateless.ask("a", f.guest_c, 80);
    EXPECT_EQ(a.how, How::kDropped) << "the SYN/ACK is dropped";
    EXPECT_EQ(a.socket_ns, stateless.id("c"));
  }
}

// The ACK that ends the handshake is answered by a reset: SO_ERROR says refused.
TEST(Conntrack, ARejectedAckUndoesTheConnection) {
  for (const Family& f : kFamilies) {
    const auto established = is_not(masked(ct(model::CtKey::kState), le32(2)), le32(0));
    for (const bool rejected : {true, false}) {
      Net n = host_net();
      n.rules("c", table(f.family,
                         {base("in", Hook::kInput, 0,
                               {rule({established, rejected ? reject(model::RejectKind::kTcpReset)
                                                            : drop()})})}));
      EXPECT_EQ(n.ask("a", f.guest_c, 80).verdict, rejected ? kClosed : kOpen)
          << "lost in silence: connect() has returned";
    }
  }
}

}  // namespace
}  // namespace bulkhead::trace
