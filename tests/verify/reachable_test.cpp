#include "verify/reachable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "policy/zones.h"
#include "report/json_schema.h"
#include "report/reach_text.h"
#include "trace/net.h"

namespace bulkhead::verify {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::NfFamily;

// A host whose uplink leads out of the model.
Net outside_net() {
  Net n = host_net();
  n.link("host", "up0").peer_ns.reset();
  n.link("host", "up0").peer_elsewhere = true;
  n.route("host", "default", "192.0.2.254", "up0");
  n.ns("a").paths = {"/run/netns/a"};
  return n;
}

struct Asked {
  explicit Asked(Net given, std::string_view from, const Limits& limits = {})
      : net(std::move(given)),
        world(trace::World::build(net.snapshot).value()),
        zones(policy::guess_zones(net.snapshot)),
        asker(world, zones),
        vantage(query::Vantage::parse(from).value()),
        seat(asker.seat(vantage).value()),
        reachable(verify::reachable(asker, seat, limits).value()) {}
  Net net;
  trace::World world;
  std::vector<policy::Zone> zones;
  query::Asker asker;
  query::Vantage vantage;
  query::Seat seat;
  Reachable reachable;

  [[nodiscard]] bool lists(std::string_view to, std::uint16_t port) const {
    const IpAddress address = ip(to);
    return std::ranges::any_of(reachable.open, [&](const Reached& r) {
      return r.protocol == IpProtocol::kTcp && r.to.first.family() == address.family() &&
             r.to.first <= address && address <= r.to.last && r.ports.contains(port);
    });
  }
};

TEST(Reachable, ListsWhatTheInterpreterFindsOneByOneAndNothingElse) {
  Net n = outside_net();
  n.listen("b", "10.1.0.3", 99).listen("c", "::", 7000, true);
  n.rules("host", table(NfFamily::kInet, {base("fwd", Hook::kForward, 0,
                                               {rule({is(th(2, 2), be16(80)), drop()})})}));
  for (const char* from : {"netns:/run/netns/a", "host", "internet", "lan"}) {
    const Asked asked(n, from);
    EXPECT_TRUE(asked.reachable.complete);
    EXPECT_TRUE(asked.reachable.contradictions.empty()) << from;
    EXPECT_EQ(asked.reachable.confirmed, asked.reachable.open.size());
    std::size_t open = 0;
    for (const char* to : {"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.2.0.1", "10.2.0.2", "192.0.2.1",
                           "fd01::1", "fd01::3", "fd02::2", "127.0.0.1", "203.0.113.9"}) {
      for (const std::uint16_t port : {79, 80, 81, 99, 7000}) {
        query::Target target;
        target.to = ip(to);
        target.port = Port{port};
        const bool traced =
            asked.asker.ask(asked.seat, target).answer.verdict == trace::Verdict::kOpen;
        EXPECT_EQ(asked.lists(to, port), traced) << from << " to " << to << " " << port;
        open += traced ? 1 : 0;
      }
    }
    EXPECT_GT(open, 0U) << from << ": a test of nothing but closed ports";
  }
}

TEST(Reachable, SaysWherePacketsLeaveTheModel) {
  const Asked asked(outside_net(), "netns:/run/netns/a");
  ASSERT_FALSE(asked.reachable.leaves.empty());
  for (const WayOut& way : asked.reachable.leaves) {
    EXPECT_EQ(way.ns, asked.net.id("host"));
    EXPECT_TRUE(way.all_ports);
  }
}

TEST(Reachable, LimitsNarrowTheAnswerAndChangeNothingElse) {
  const Net n = outside_net();
  const Asked all(n, "netns:/run/netns/a");
  Limits limits;
  limits.to = Prefix::parse("10.2.0.0/24").value();
  limits.protocol = IpProtocol::kTcp;
  const Asked some(n, "netns:/run/netns/a", limits);
  EXPECT_FALSE(some.reachable.open.empty());
  EXPECT_LT(some.reachable.open.size(), all.reachable.open.size());
  for (const Reached& r : some.reachable.open) {
    EXPECT_TRUE(limits.to->contains(r.to.first)) << r.to.first.to_string();
    EXPECT_TRUE(all.lists(r.to.first.to_string(),
                          static_cast<std::uint16_t>(r.ports.intervals().front().first)));
  }
  limits.port = Port{81};
  EXPECT_TRUE(Asked(n, "netns:/run/netns/a", limits).reachable.open.empty());
}

TEST(Reachable, AZoneWithoutAnInterfaceIsAnErrorNotAnEmptyList) {
  const Net n = host_net();
  const auto world = trace::World::build(n.snapshot).value();
  std::vector<policy::Zone> zones(1);
  zones[0].name = "lost";
  const query::Asker asker(world, zones);
  const auto seat = asker.seat(query::Vantage::parse("zone:lost").value());
  ASSERT_TRUE(seat);
  EXPECT_FALSE(reachable(asker, *seat, {}));
}

TEST(ReachReport, TheJsonIsWhatItsSchemaSays) {
  for (const char* from : {"netns:/run/netns/a", "internet"}) {
    const Asked asked(outside_net(), from);
    const std::string json = report::reach_json(asked.net.snapshot, asked.vantage, asked.reachable);
    std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/reach.schema.json");
    const auto schema = nlohmann::json::parse(file);
    EXPECT_EQ(testing_json::Validator(schema).check(nlohmann::json::parse(json)), "");
  }
}

TEST(ReachReport, FitsEightyColumnsInBothLanguagesAndEscapesNames) {
  Net n = outside_net();
  n.ns("c").paths = {"/run/netns/\x1b[31mred"};
  const Asked asked(std::move(n), "netns:/run/netns/a");
  for (const report::Language language :
       {report::Language::kEnglish, report::Language::kJapanese}) {
    report::Style style;
    style.language = language;
    const std::string text =
        report::reach_text(asked.net.snapshot, asked.vantage, {}, asked.reachable, style);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_NE(text.find("10.2.0.2"), std::string::npos) << text;
    if (language == report::Language::kJapanese) continue;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
}

}  // namespace
}  // namespace bulkhead::verify
