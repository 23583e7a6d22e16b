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

struct ReachableAsked {
  explicit ReachableAsked(Net given, std::string_view from, const Limits& limits = {})
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
    const ReachableAsked asked(n, from);
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
  const ReachableAsked asked(outside_net(), "netns:/run/netns/a");
  ASSERT_FALSE(asked.reachable.leaves.empty());
  for (const WayOut& way : asked.reachable.leaves) {
    EXPECT_EQ(way.ns, asked.net.id("host"));
    EXPECT_TRUE(way.all_ports);
  }
}

TEST(Reachable, LimitsNarrowTheAnswerAndChangeNothingElse) {
  const Net n = outside_net();
  const ReachableAsked all(n, "netns:/run/netns/a");
  Limits limits;
  limits.to = Prefix::parse("10.2.0.0/24").value();
  limits.protocol = IpProtocol::kTcp;
  const ReachableAsked some(n, "netns:/run/netns/a", limits);
  EXPECT_FALSE(some.reachable.open.empty());
  EXPECT_LT(some.reachable.open.size(), all.reachable.open.size());
  for (const Reached& r : some.reachable.open) {
    EXPECT_TRUE(limits.to->contains(r.to.first)) << r.to.first.to_string();
    EXPECT_TRUE(all.lists(r.to.first.to_string(),
                          static_cast<std::uint16_t>(r.ports.intervals().front().first)));
  }
  limits.port = Port{81};
  EXPECT_TRUE(ReachableAsked(n, "netns:/run/netns/a", limits).reachable.open.empty());
}

// DNAT of port 8080 to whatever address: one range that holds nearly all of them.
model::Rule nat_to(const char* address) {
  model::Nat n;
  n.kind = model::NatKind::kDnat;
  n.family = ip(address).family();
  n.address = constant(trace::testing::address(address));
  n.port = constant(be16(80));
  return rule({is(meta(model::MetaKey::kL4proto), bytes({6})), is(th(2, 2), be16(8080)), n});
}

TEST(Reachable, APrefixClipsRangesThatReachBeyondItAndWitnessesLieInside) {
  struct Row {
    const char *from, *to, *first, *last;
    std::uint16_t port;
  };
  for (const Row& row :
       {Row{"host", "127.9.0.0/16", "127.9.0.0", "127.9.255.255", 80},
        Row{"host", "127.0.0.0/9", "127.0.0.0", "127.127.255.255", 80},
        Row{"netns:/run/netns/a", "203.0.112.0/23", "203.0.112.0", "203.0.113.255", 8080},
        Row{"netns:/run/netns/a", "2001:db8:7::/48",
            "2001:db8:7::", "2001:db8:7:ffff:ffff:ffff:ffff:ffff", 8080},
        Row{"netns:/run/netns/a", "2001:db8::1/128", "2001:db8::1", "2001:db8::1", 8080}}) {
    Net n = outside_net();
    n.route("host", "default", "fd09::fe", "up0");
    for (const auto& [family, to] :
         {std::pair(NfFamily::kIp, "10.2.0.2"), std::pair(NfFamily::kIp6, "fd02::2")}) {
      auto chain = base("pre", Hook::kPrerouting, -100, {nat_to(to)});
      chain.base->type = model::ChainType::kNat;
      n.rules("host", table(family, {std::move(chain)}));
    }
    Limits limits;
    limits.to = Prefix::parse(row.to).value();
    limits.port = Port{row.port};
    limits.protocol = IpProtocol::kTcp;
    const ReachableAsked asked(std::move(n), row.from, limits);
    ASSERT_FALSE(asked.reachable.open.empty()) << row.to;
    IpAddress first = asked.reachable.open.front().to.first, last = first;
    for (const Reached& r : asked.reachable.open) {
      EXPECT_TRUE(limits.to->contains(r.to.first) && limits.to->contains(r.to.last)) << row.to;
      EXPECT_TRUE(limits.to->contains(r.witness.to)) << row.to << " " << r.witness.to.to_string();
      first = std::min(first, r.to.first);
      last = std::max(last, r.to.last);
    }
    EXPECT_EQ(first.to_string(), row.first) << row.to;
    EXPECT_EQ(last.to_string(), row.last) << row.to;
    EXPECT_TRUE(asked.reachable.contradictions.empty()) << row.to;
  }
}

TEST(Reachable, AWayOutHasItsWitnessInsideThePrefix) {
  for (const char* to : {"203.0.113.0/24", "8.0.0.0/6", "2001:db8::/32", "8000::/3"}) {
    Limits limits;
    limits.to = Prefix::parse(to).value();
    Net n = outside_net();
    n.route("host", "default", "fd09::fe", "up0");
    const ReachableAsked asked(std::move(n), "netns:/run/netns/a", limits);
    ASSERT_FALSE(asked.reachable.leaves.empty()) << to;
    for (const WayOut& way : asked.reachable.leaves)
      EXPECT_TRUE(limits.to->contains(way.witness.to)) << way.witness.to.to_string();
  }
}

TEST(Solver, AnswersForManySeatsAsOneBuiltForEachDoesAndJudgesPointsAsTheInterpreter) {
  Net n = outside_net();
  n.rules("host", table(NfFamily::kInet, {base("fwd", Hook::kForward, 0,
                                               {rule({is(th(2, 2), be16(81)), drop()})})}));
  const auto world = trace::World::build(n.snapshot).value();
  const auto zones = policy::guess_zones(n.snapshot);
  const query::Asker asker(world, zones);
  std::vector<Point> points;
  for (const char* to : {"10.1.0.1", "10.1.0.3", "10.2.0.2", "192.0.2.1", "fd01::3", "fd02::2",
                         "127.0.0.1", "203.0.113.9"}) {
    for (const std::uint16_t port : {79, 80, 81}) points.push_back({ip(to), Port{port}});
  }
  Solver solver(asker);
  std::size_t counts[3] = {};
  for (const char* from : {"netns:/run/netns/a", "host", "internet", "lan", "netns:/run/netns/a"}) {
    const auto seat = asker.seat(query::Vantage::parse(from).value()).value();
    const auto together = solver.from(seat, {}, points).value();
    const auto alone = reachable(asker, seat, {}).value();
    ASSERT_EQ(together.open.size(), alone.open.size()) << from;
    for (std::size_t i = 0; i < alone.open.size(); ++i) {
      EXPECT_EQ(together.open[i].to, alone.open[i].to);
      EXPECT_EQ(together.open[i].socket, alone.open[i].socket);
    }
    ASSERT_EQ(together.points.size(), points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      query::Target target;
      target.to = points[i].to;
      target.port = points[i].port;
      EXPECT_EQ(together.points[i], asker.ask(seat, target).answer.verdict)
          << from << " " << points[i].to.to_string() << " " << points[i].port.number;
      ++counts[static_cast<std::size_t>(together.points[i])];
    }
  }
  for (const std::size_t count : counts) EXPECT_GT(count, 0U);
}

TEST(Solver, JudgesOtherPointsInTheSamePlaceAnew) {
  const Net n = outside_net();
  const auto world = trace::World::build(n.snapshot).value();
  const auto zones = policy::guess_zones(n.snapshot);
  const query::Asker asker(world, zones);
  const auto seat = asker.seat(query::Vantage::parse("netns:/run/netns/a").value()).value();
  Solver solver(asker);
  std::vector<Point> points{{ip("203.0.113.9"), Port{79}}};
  EXPECT_EQ(solver.from(seat, {}, points).value().points[0], trace::Verdict::kUnknown);
  points[0] = {ip("10.2.0.2"), Port{80}};
  EXPECT_EQ(solver.from(seat, {}, points).value().points[0], trace::Verdict::kOpen);
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
    const ReachableAsked asked(outside_net(), from);
    const std::string json = report::reach_json(asked.net.snapshot, asked.vantage, asked.reachable);
    std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/reach.schema.json");
    const auto schema = nlohmann::json::parse(file);
    EXPECT_EQ(testing_json::Validator(schema).check(nlohmann::json::parse(json)), "");
  }
}

TEST(ReachReport, SaysThatABoundWasMetAndWhatIsNotKnownForIt) {
  Limits limits;
  limits.as_attacker = true;
  const ReachableAsked enough(outside_net(), "netns:/run/netns/a", limits);
  EXPECT_FALSE(enough.reachable.exhausted);
  limits.most_work = 0;
  const ReachableAsked none(outside_net(), "netns:/run/netns/a", limits);
  EXPECT_TRUE(none.reachable.exhausted);
  const auto json =
      nlohmann::json::parse(report::reach_json(none.net.snapshot, none.vantage, none.reachable));
  EXPECT_EQ(json["complete"], false);
  const std::string text =
      report::reach_text(none.net.snapshot, none.vantage, limits, none.reachable, {});
  EXPECT_NE(text.find("more work than is allowed"), std::string::npos) << text;
}

TEST(ReachReport, FitsEightyColumnsInBothLanguagesAndEscapesNames) {
  Net n = outside_net();
  n.ns("c").paths = {"/run/netns/\x1b[31mred"};
  const ReachableAsked asked(std::move(n), "netns:/run/netns/a");
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
