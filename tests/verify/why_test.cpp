// Why a seat reaches something, or does not.
#include "verify/why.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>

#include "report/json_schema.h"
#include "report/why.h"
#include "trace/net.h"
#include "verify/attacker.h"

namespace bulkhead::verify {
namespace {

using trace::Verdict;
using trace::testing::accept;
using trace::testing::base;
using trace::testing::be16;
using trace::testing::bytes;
using trace::testing::drop;
using trace::testing::host_net;
using trace::testing::ip;
using trace::testing::is;
using trace::testing::meta;
using trace::testing::Net;
using trace::testing::rule;
using trace::testing::table;
using trace::testing::th;

// The host's FORWARD drops port 443.
Net guarded() {
  Net n = host_net();
  n.listen("c", "::", 443);
  n.rules("host",
          table(model::NfFamily::kInet, {base("FORWARD", model::Hook::kForward, 0,
                                              {rule({is(meta(model::MetaKey::kL4proto), bytes({6})),
                                                     is(th(2, 2), be16(443)), drop()})})}));
  n.ns("a").paths = {"/run/netns/a"};
  return n;
}

struct WhyAsked {
  WhyAsked(Net of, Point point, bool attacker = false) : net(std::move(of)) {
    world.emplace(trace::World::build(net.snapshot).value());
    asker.emplace(*world, zones);
    attackers.emplace(*asker);
    asker->forged_by(std::bind_front(&Attackers::ask, &*attackers));
    vantage = query::Vantage::parse("netns:/run/netns/a").value();
    why = explain(*asker, asker->seat(vantage).value(), point, attacker).value();
  }
  Net net;
  std::vector<policy::Zone> zones;
  std::optional<trace::World> world;
  std::optional<query::Asker> asker;
  std::optional<Attackers> attackers;
  query::Vantage vantage;
  Why why;
};

Point at(const char* to, std::uint16_t port) {
  return {ip(to), Port{port}, IpProtocol::kTcp};
}

TEST(Why, AnOpenPortHasAWayAndThePathOfOnePacket) {
  for (const char* to : {"10.2.0.2", "fd02::2"}) {
    const WhyAsked asked(guarded(), at(to, 80));
    EXPECT_EQ(asked.why.verdict(), Verdict::kOpen);
    ASSERT_EQ(asked.why.computed.open.size(), 1U);
    EXPECT_FALSE(asked.why.reply.answer.steps.empty());
    EXPECT_FALSE(asked.why.opening);
    EXPECT_FALSE(asked.why.contradicted());
  }
}

TEST(Why, AClosedPortNamesTheRuleAndWhatWouldOpenIt) {
  for (const char* to : {"10.2.0.2", "fd02::2"}) {
    const WhyAsked asked(guarded(), at(to, 443));
    EXPECT_EQ(asked.why.verdict(), Verdict::kClosed);
    ASSERT_EQ(asked.why.reply.answer.rules.size(), 1U);
    ASSERT_TRUE(asked.why.opening);
    EXPECT_TRUE(asked.why.opening->opens);
    ASSERT_EQ(asked.why.opening->changes.size(), 1U);
    EXPECT_EQ(asked.why.opening->changes[0].kind, query::ChangeKind::kAccept);
  }
}

TEST(Why, WhatIsNotModelledIsUnknownWithItsReason) {
  Net net = guarded();
  net.link("host", "br1").bridge->vlan_filtering = true;
  const WhyAsked asked(std::move(net), at("10.2.0.2", 80));
  EXPECT_EQ(asked.why.verdict(), Verdict::kUnknown);
  ASSERT_FALSE(asked.why.computed.unknown.empty());
  EXPECT_NE(asked.why.computed.unknown[0].reason.find("VLAN"), std::string::npos);
}

TEST(Why, WhereTheTwoWaysDifferNothingIsClaimed) {
  WhyAsked asked(guarded(), at("10.2.0.2", 80));
  asked.why.reply.answer.verdict = Verdict::kClosed;
  EXPECT_TRUE(asked.why.contradicted());
  EXPECT_EQ(asked.why.verdict(), Verdict::kUnknown);
}

TEST(Why, TheJsonIsWhatItsSchemasSay) {
  const auto schema = [](const char* name) {
    std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/" + name + ".schema.json");
    return nlohmann::json::parse(file);
  };
  for (const std::uint16_t port : {80, 443, 81}) {
    for (const bool attacker : {false, true}) {
      const WhyAsked asked(guarded(), at("10.2.0.2", port), attacker);
      const auto json =
          nlohmann::json::parse(report::why_json(asked.net.snapshot, asked.vantage, asked.why));
      EXPECT_EQ(testing_json::Validator(schema("reach-why")).check(json), "");
      EXPECT_EQ(testing_json::Validator(schema("query-out")).check(json["packet"]), "");
      EXPECT_EQ(json["verdict"], port == 80 ? "open" : "closed");
    }
  }
}

TEST(Why, TheTextFitsEightyColumnsAndSaysBoth) {
  for (const std::uint16_t port : {80, 443}) {
    const WhyAsked asked(guarded(), at("fd02::2", port));
    const std::string text =
        report::why_text(asked.net.snapshot, asked.vantage, asked.why, report::Style{});
    EXPECT_NE(text.find(port == 80 ? ": open" : ": closed"), std::string::npos) << text;
    if (port == 443) {
      EXPECT_NE(text.find("FORWARD"), std::string::npos) << text;
      EXPECT_NE(text.find("It would be open with"), std::string::npos) << text;
    }
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
}

}  // namespace
}  // namespace bulkhead::verify
