// VXLANs whose ends are in the snapshot, and those whose other end is not. What the kernel does is
// judged by tests/kernel/vxlan.py; here is what that lab cannot show.
#include "topology/vxlan.h"

#include <gtest/gtest.h>

#include "trace/net.h"

namespace bulkhead::trace::testing {
namespace {

using model::Hook;
using model::NfFamily;

// Two hosts on a wire, joined by number 5 as well; `under` is the family of the packets.
Net two_ends(IpFamily under) {
  Net n;
  for (const char* m : {"a", "b"}) n.machine(m);
  n.veth("a", "u0", "b", "u0");
  const bool v4 = under == IpFamily::kV4;
  const std::string net = v4 ? "10.9.0." : "fd09::", bits = v4 ? "/24" : "/64";
  for (const auto& [m, own, other] : {std::tuple("a", "1", "2"), std::tuple("b", "2", "1")}) {
    n.address(m, "u0", net + own + bits);
    n.vxlan(m, "vx5", 5, net + own);
    n.entry(m, "vx5", net + other);
    n.address(m, "vx5", std::string("10.5.0.") + own + "/24");
    n.address(m, "vx5", std::string("fd05::") + own + "/64");
    n.listen(m, "::", 80);
  }
  return n;
}

struct VxlanRow {
  IpFamily under;
  const char* to;
};
const VxlanRow kVxlanRows[] = {{IpFamily::kV4, "10.5.0.2"},
                               {IpFamily::kV4, "fd05::2"},
                               {IpFamily::kV6, "10.5.0.2"},
                               {IpFamily::kV6, "fd05::2"}};

model::Table no_udp(const char* chain, Hook hook) {
  return table(NfFamily::kInet, {base(chain, hook, 0,
                                      {rule({is(meta(model::MetaKey::kL4proto), bytes({17})),
                                             is(th(2, 2), be16(4789)), drop()})})});
}

TEST(Vxlan, EndsReachEachOther) {
  for (const VxlanRow& row : kVxlanRows) {
    const Answer a = two_ends(row.under).ask("a", row.to, 80);
    EXPECT_EQ(a.verdict, Verdict::kOpen) << row.to << ": " << a.reason;
  }
}

TEST(Vxlan, RulesForThePacketsAroundTheFramesCount) {
  for (const VxlanRow& row : kVxlanRows) {
    for (const auto& [machine, hook] : {std::pair("a", Hook::kOutput), std::pair("b", Hook::kInput),
                                        std::pair("b", Hook::kOutput)}) {
      Net n = two_ends(row.under);
      n.rules(machine, no_udp("c", hook));
      const Answer a = n.ask("a", row.to, 80);
      EXPECT_EQ(a.verdict, Verdict::kClosed) << row.to;
    }
  }
}

TEST(Vxlan, AnEndThatIsNotInTheSnapshotIsOutside) {
  for (const char* to : {"10.5.0.2", "fd05::2"}) {
    Net n;
    n.machine("a").device("a", "u0").address("a", "u0", "10.9.0.1/24");
    n.vxlan("a", "vx5", 5, "10.9.0.1").entry("a", "vx5", "10.9.0.2");
    n.address("a", "vx5", "10.5.0.1/24").address("a", "vx5", "fd05::1/64");
    const Answer a = n.ask("a", to, 80);
    EXPECT_EQ(a.verdict, Verdict::kUnknown);
    EXPECT_EQ(a.reason,
              "leaves what is known by vx5 (VXLAN) to an end that is not in the snapshot");
    ASSERT_TRUE(a.exit);
    EXPECT_EQ(a.exit->link, n.link("a", "vx5").index);
    n.rules("a", no_udp("c", Hook::kOutput));  // but what does not get out does not get there
    EXPECT_EQ(n.ask("a", to, 80).verdict, Verdict::kClosed);
  }
}

TEST(Vxlan, WhatIsNotModelledIsUnknownByItsReason) {
  const auto reason = [](auto&& change) {
    Net n = two_ends(IpFamily::kV4);
    change(n.link("a", "vx5"));
    const Answer a = n.ask("a", "10.5.0.2", 80);
    EXPECT_EQ(a.verdict, Verdict::kUnknown);
    return a.reason;
  };
  using model::Link;
  EXPECT_NE(reason([](Link& l) { l.vxlan->external = true; }).find("(external)"),
            std::string::npos);
  EXPECT_NE(reason([](Link& l) { l.vxlan->vni_filter = true; }).find("(vnifilter)"),
            std::string::npos);
  EXPECT_NE(reason([](Link& l) { l.vxlan->group_policy = true; }).find("(gbp)"), std::string::npos);
  EXPECT_NE(reason([](Link& l) { l.vxlan->generic = true; }).find("(gpe)"), std::string::npos);
  EXPECT_NE(reason([](Link& l) { l.vxlan.reset(); }).find("does not say how"), std::string::npos);
  EXPECT_NE(reason([](Link& l) { l.peer_elsewhere = true; }).find("namespace that sends"),
            std::string::npos);
}

TEST(Vxlan, PacketsWithinPacketsHaveAnEnd) {
  Net n = two_ends(IpFamily::kV4);  // each vxlan's packets go by another, in a ring
  for (const auto& [m, own, other] : {std::tuple("a", "1", "2"), std::tuple("b", "2", "1")}) {
    n.vxlan(m, "vx6", 6, std::string("10.5.0.") + own)
        .entry(m, "vx6", std::string("10.5.0.") + other);
    n.address(m, "vx6", std::string("10.6.0.") + own + "/24");
  }
  EXPECT_EQ(n.ask("a", "10.6.0.2", 80).verdict, Verdict::kOpen);
  for (const auto& [m, own, other] : {std::tuple("a", "1", "2"), std::tuple("b", "2", "1")}) {
    n.link(m, "vx5").detail.vxlan_local = ip(std::string("10.6.0.") + own);
    n.ns(m).fdb.front().destination = ip(std::string("10.6.0.") + other);
  }
  const Answer a = n.ask("a", "10.6.0.2", 80);
  EXPECT_EQ(a.verdict, Verdict::kUnknown);
  EXPECT_NE(a.reason.find("without end"), std::string::npos) << a.reason;
}

TEST(Vxlan, AnAttackersLieDoesNotMakeAnAnswerClosed) {
  // b learns from frames; whether it sends the answer to the attacker or to the true owner of the
  // MAC address that both have is not known.
  Net n = two_ends(IpFamily::kV4);
  n.machine("c").veth("a", "w0", "c", "eth0");
  Question q;
  q.from = ForgedOrigin{n.id("a"),      n.link("a", "vx5").index, false,
                        ip("10.5.0.9"), n.link("a", "vx5").mac,   n.link("b", "vx5").mac,
                        false};
  q.to = ip("10.5.0.2");
  q.port = Port{80};
  EXPECT_EQ(n.ask(q).verdict, Verdict::kOpen);
}

}  // namespace
}  // namespace bulkhead::trace::testing
