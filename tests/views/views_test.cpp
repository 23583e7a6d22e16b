#include <algorithm>
#include <map>
#include <set>

#include "verify/attacker.h"
#include "views/asked.h"
#include "views/matrix.h"
#include "views/through.h"
#include "views/unused.h"
#include "views/who_reaches.h"

namespace bulkhead::views {
namespace {

using testing::Asked;
using testing::dual_stack;
using testing::shop;
using trace::Verdict;

std::string label(const audit::Service& s) {
  return (s.container == nullptr ? s.subject.process : s.container->name) + ":" +
         std::to_string(s.subject.port->number);
}

const Cell& cell(const Matrix& m, std::string_view from, std::string_view service) {
  const auto seat = std::ranges::find(m.seats, from, &audit::SeatEntry::text);
  const auto at = std::ranges::find(m.services, service, label);
  EXPECT_NE(seat, m.seats.end()) << from;
  EXPECT_NE(at, m.services.end()) << service;
  return m.rows.at(static_cast<std::size_t>(seat - m.seats.begin()))
      .at(static_cast<std::size_t>(at - m.services.begin()));
}

TEST(Matrix, SaysOpenAndClosedAsTheInterpreterFindsThemAddressByAddress) {
  for (auto& snapshot : {shop().snapshot, dual_stack()}) {
    Asked asked(snapshot);
    const Matrix m = draw_matrix(asked.survey).value();
    std::size_t open = 0, closed = 0;
    for (std::size_t s = 0; s < m.seats.size(); ++s) {
      for (std::size_t i = 0; i < m.services.size(); ++i) {
        const audit::Service& service = m.services[i];
        bool traced = false;
        for (const audit::Dial& dial : service.dials) {
          query::Target target;
          target.to = dial.to;
          target.port = dial.port;
          target.protocol = service.subject.protocol;
          const auto answer = asked.asker.ask(m.seats[s].seat, target).answer;
          traced = traced || (answer.verdict == Verdict::kOpen &&
                              (std::ranges::count(service.sockets, answer.socket) > 0 ||
                               std::ranges::count(service.fronts, answer.socket) > 0));
        }
        const Cell& c = m.rows[s][i];
        if (traced) {
          EXPECT_EQ(c.verdict, Verdict::kOpen) << m.seats[s].text << " " << label(service);
        }
        if (c.verdict == Verdict::kClosed) {
          EXPECT_FALSE(traced) << m.seats[s].text << " " << label(service);
          EXPECT_FALSE(c.reason.empty()) << m.seats[s].text << " " << label(service);
        }
        EXPECT_EQ(c.verdict == Verdict::kOpen, !c.ways.empty());
        open += c.verdict == Verdict::kOpen ? 1 : 0;
        closed += c.verdict == Verdict::kClosed ? 1 : 0;
      }
    }
    EXPECT_GT(open, 5U);
    EXPECT_GT(closed, 5U);
  }
}

TEST(Matrix, ShowsEveryServiceThatSomebodyElseReachesAndCountsTheOthers) {
  Asked asked(shop().snapshot);
  const Matrix m = draw_matrix(asked.survey).value();
  std::set<std::string> shown;
  for (const audit::Service& s : m.services) shown.insert(label(s));
  EXPECT_EQ(shown, (std::set<std::string>{"web:80", "api:7000", "db:5432", "dockerd:2375"}));
  EXPECT_EQ(m.unreached, 1U);  // port 25 on the host's loopback
  EXPECT_EQ(cell(m, "internet", "web:80").verdict, Verdict::kOpen);
  EXPECT_EQ(cell(m, "internet", "db:5432").verdict, Verdict::kClosed);
  EXPECT_EQ(cell(m, "container:docker/web", "db:5432").verdict, Verdict::kClosed);
  EXPECT_EQ(cell(m, "container:docker/api", "db:5432").verdict, Verdict::kOpen);
  EXPECT_EQ(cell(m, "host", "db:5432").verdict, Verdict::kOpen);
}

TEST(Matrix, CellsKnowTheAddressesOfBothFamiliesTheKnownOneFirst) {
  Asked web(shop().snapshot);
  const Matrix shop = draw_matrix(web.survey).value();
  EXPECT_EQ(cell(shop, "internet", "web:80").ways.front().witness.to.to_string(), "192.0.2.10");
  EXPECT_EQ(cell(shop, "container:docker/api2", "web:80").ways.front().witness.to.to_string(),
            "172.18.0.2");
  Asked asked(dual_stack());
  const Matrix m = draw_matrix(asked.survey).value();
  for (const char* to : {"10.2.0.2", "fd02::2"}) {
    const Cell& c = cell(m, "container:docker/a", "c:80");
    EXPECT_TRUE(std::ranges::any_of(c.ways, [&](const verify::Reached& way) {
      return way.witness.to.to_string() == to;
    })) << to;
  }
}

TEST(Matrix, AClassHoldsContainersThatAgreeOnEveryServiceAndAllOfThem) {
  Asked asked(shop().snapshot);
  const Matrix m = draw_matrix(asked.survey).value();
  std::set<std::string> classes;
  for (const SeatClass& c : m.classes) {
    std::string text;
    for (const std::size_t s : c.seats) {
      text += m.seats[s].text + " ";
      for (std::size_t i = 0; i < m.services.size(); ++i)
        EXPECT_EQ(m.rows[s][i].verdict, m.rows[c.seats.front()][i].verdict);
    }
    classes.insert(text);
  }
  EXPECT_TRUE(classes.contains("container:docker/web container:docker/api2 ") ||
              classes.contains("container:docker/api2 container:docker/web "));
  EXPECT_TRUE(classes.contains("container:docker/api "));
  EXPECT_TRUE(classes.contains("host "));
}

// The host drops what comes from db; db may say that it is somebody else.
model::Snapshot closed_to_db() {
  using namespace trace::testing;  // NOLINT
  auto h = shop();
  h.snapshot.namespaces[0].ruleset.tables.push_back(
      table(model::NfFamily::kIp, {base("guard", model::Hook::kInput, -5,
                                        {rule({is(net(12, 4), address("172.19.0.2")), drop()})})}));
  return h.snapshot;
}

TEST(Matrix, AsAttackerMarksWhatForgedPacketsAloneOpen) {
  verify::Limits attacker;
  attacker.as_attacker = true;
  Asked plain(closed_to_db()), forging(closed_to_db(), attacker);
  const Matrix before = draw_matrix(plain.survey).value();
  const Matrix after = draw_matrix(forging.survey).value();
  EXPECT_FALSE(before.as_attacker);
  EXPECT_TRUE(after.as_attacker);
  EXPECT_EQ(cell(before, "container:docker/db", "dockerd:2375").verdict, Verdict::kClosed);
  const Cell& c = cell(after, "container:docker/db", "dockerd:2375");
  EXPECT_EQ(c.verdict, Verdict::kOpen);
  EXPECT_TRUE(c.forged);
  ASSERT_FALSE(c.ways.empty());
  EXPECT_TRUE(c.ways.front().witness.frame);
  EXPECT_NE(c.ways.front().witness.source, trace::testing::ip("172.19.0.2"));
  // What is open without lies is not marked.
  EXPECT_FALSE(cell(after, "container:docker/api", "dockerd:2375").forged);
  EXPECT_EQ(cell(after, "container:docker/api", "dockerd:2375").verdict, Verdict::kOpen);
}

// Many containers on one network that differ in their address alone, of which rules let in one.
model::Snapshot fleet() {
  using namespace trace::testing;  // NOLINT
  testing_hosts::HostBuilder h;
  h.network("front", "br-front", "172.18.0.1");
  h.network("back", "br-back", "172.19.0.1");
  for (int i = 2; i < 7; ++i) {
    const std::string n = std::to_string(i);
    h.listen(h.container("web" + n, "front", "172.18.0." + n).ns, 80, "nginx");
  }
  h.listen(h.container("db", "back", "172.19.0.2").ns, 5432, "postgres");
  h.listen(0, 2375, "dockerd", "172.18.0.1");
  h.snapshot.namespaces[0].ruleset.tables.push_back(
      table(model::NfFamily::kIp,
            {base("in", model::Hook::kInput, -5,
                  {rule({is(net(12, 4), address("172.18.0.4")), accept()}), rule({drop()})}),
             base("on", model::Hook::kForward, -5,
                  {rule({is(net(12, 4), address("172.18.0.5")), accept()}),
                   rule({is(net(12, 4), address("172.19.0.2")), accept()}), rule({drop()})})}));
  return h.snapshot;
}

TEST(Matrix, AsAttackerSaysWhatAskingForEachSeatAndAddressTells) {
  verify::Limits attacker;
  attacker.as_attacker = true;
  std::size_t forged = 0, closed = 0;
  for (const auto& snapshot : {closed_to_db(), fleet()}) {
    Asked asked(snapshot, attacker);
    const Matrix m = draw_matrix(asked.survey).value();
    EXPECT_FALSE(asked.survey.exhausted());
    verify::Attackers one_by_one(asked.asker, SIZE_MAX, verify::Attackers::Ways::kSymbolic);
    for (std::size_t s = 0; s < m.seats.size(); ++s) {
      for (std::size_t i = 0; i < m.services.size(); ++i) {
        const Cell& c = m.rows[s][i];
        bool open = false;
        for (const audit::Dial& dial : m.services[i].dials) {
          query::Target target;
          target.to = dial.to;
          target.port = dial.port;
          target.protocol = m.services[i].subject.protocol;
          const query::Reply plain = asked.asker.ask(m.seats[s].seat, target);
          if (!asked.asker.is_asked(m.seats[s].seat, dial.to)) continue;
          target.as_attacker = true;
          const auto answer = one_by_one.ask(m.seats[s].seat, target, plain).answer;
          const audit::Service& service = m.services[i];
          open = open || (answer.verdict == Verdict::kOpen &&
                          (std::ranges::count(service.sockets, answer.socket) > 0 ||
                           std::ranges::count(service.fronts, answer.socket) > 0));
        }
        const std::string where = m.seats[s].text + " " + label(m.services[i]);
        if (open) {
          EXPECT_EQ(c.verdict, Verdict::kOpen) << where << ": " << c.reason;
        }
        if (c.verdict == Verdict::kOpen && c.forged) {
          EXPECT_TRUE(open) << where;
        }
        forged += c.forged ? 1 : 0;
        closed += c.verdict == Verdict::kClosed ? 1 : 0;
      }
    }
  }
  EXPECT_GT(forged, 8U);
  EXPECT_GT(closed, 4U);
}

TEST(Matrix, WhoMayNotForgeGetsNoMoreAsAttacker) {
  verify::Limits attacker;
  attacker.as_attacker = true;
  model::Snapshot snapshot = closed_to_db();
  for (model::Container& c : snapshot.engines[0].containers) c.capabilities_dropped = {"ALL"};
  Asked asked(snapshot, attacker);
  const Matrix m = draw_matrix(asked.survey).value();
  EXPECT_EQ(cell(m, "container:docker/db", "dockerd:2375").verdict, Verdict::kClosed);
}

TEST(WhoReaches, AsAttackerNamesWhoGetsInByForgedPackets) {
  verify::Limits attacker;
  attacker.as_attacker = true;
  Asked asked(closed_to_db(), attacker);
  Wanted wanted;
  wanted.host = true;
  wanted.port = Port{2375};
  const WhoReaches who = who_reaches(asked.survey, wanted).value();
  ASSERT_EQ(who.services.size(), 1U);
  EXPECT_TRUE(std::ranges::any_of(who.services[0].open, [](const Seen& seen) {
    return seen.seat.text == "container:docker/db" && seen.cell.forged;
  }));
}

TEST(Matrix, ContainersOfOneNamespaceAreOneSeatWithBothNames) {
  Asked asked(dual_stack());
  const Matrix m = draw_matrix(asked.survey).value();
  const auto c = std::ranges::find(m.seats, "container:docker/c", &audit::SeatEntry::text);
  ASSERT_NE(c, m.seats.end());
  EXPECT_EQ(names_of(asked.snapshot, *c), (std::vector<std::string>{"c", "side"}));
  EXPECT_EQ(std::ranges::count(m.seats, "container:docker/side", &audit::SeatEntry::text), 0);
}

TEST(Matrix, AContainerThatCouldNotBeReadIsUnknownEverywhereNeverClosed) {
  auto h = shop();
  h.engine().containers[2].netns.reset();
  Asked asked(h.snapshot);
  const Matrix m = draw_matrix(asked.survey).value();
  for (const char* service : {"web:80", "db:5432"}) {
    EXPECT_EQ(cell(m, "container:docker/api2", service).verdict, Verdict::kUnknown);
    EXPECT_NE(cell(m, "container:docker/api2", service).reason, "");
  }
}

TEST(WhoReaches, NamesTheInternetFirstAndLeavesTheContainerItselfOut) {
  Asked asked(shop().snapshot);
  Wanted wanted;
  wanted.container = &asked.snapshot.engines[0].containers[0];
  const WhoReaches who = who_reaches(asked.survey, wanted).value();
  ASSERT_EQ(who.services.size(), 1U);
  std::vector<std::string> from;
  for (const Seen& seen : who.services[0].open) from.push_back(seen.seat.text);
  EXPECT_EQ(from, (std::vector<std::string>{"internet", "lan", "host", "container:docker/api",
                                            "container:docker/api2"}));
  EXPECT_EQ(who.services[0].closed + from.size() + who.services[0].unknown.size() + 1, who.seats);
}

TEST(WhoReaches, TheHostsServicesAndOneAddressInBothFamilies) {
  Asked asked(shop().snapshot);
  Wanted host;
  host.host = true;
  const WhoReaches who = who_reaches(asked.survey, host).value();
  ASSERT_EQ(who.services.size(), 2U);
  EXPECT_EQ(label(who.services[0].service), "dockerd:2375");
  EXPECT_TRUE(who.services[1].open.empty());  // on the loopback
  for (const char* to : {"10.2.0.2", "fd02::2"}) {
    Wanted wanted;
    wanted.address = testing_hosts::ip(to);
    verify::Limits limits;
    limits.to = Prefix::single(*wanted.address);
    Asked dual(dual_stack(), limits);
    const WhoReaches one = who_reaches(dual.survey, wanted).value();
    ASSERT_EQ(one.services.size(), 1U) << to;
    EXPECT_EQ(label(one.services[0].service), "c:80");
    ASSERT_GE(one.services[0].open.size(), 3U);  // host, a, b
    for (const Seen& seen : one.services[0].open)
      EXPECT_EQ(seen.cell.ways.front().witness.to.to_string(), to);
  }
}

TEST(WhoReaches, APortNarrowsTheServicesNotTheAddressesAtWhichTheyAreDialled) {
  Asked asked(shop().snapshot);
  Wanted wanted;
  wanted.container = &asked.snapshot.engines[0].containers[0];
  wanted.port = Port{80};
  const WhoReaches who = who_reaches(asked.survey, wanted).value();
  ASSERT_EQ(who.services.size(), 1U);
  EXPECT_EQ(who.services[0].open.front().cell.ways.front().witness.port.number, 8080);
  wanted.port = Port{81};
  EXPECT_TRUE(who_reaches(asked.survey, wanted).value().services.empty());
}

TEST(Unused, SaysWhyNobodyOutsideArrives) {
  auto h = shop();
  const auto box = h.container("box", "front", "172.18.0.9");
  h.listen(box.ns, 90, "app");
  h.listen(box.ns, 91, "app");
  h.publish(box, 9000, 9999);             // nobody listens
  h.publish(box, 9001, 90, "127.0.0.1");  // loopback
  h.publish(box, 9002, 91);               // closed below
  auto drop = h.rule();
  h.add(drop, h.name_is(model::MetaKey::kIifname, "eth0"));
  h.add(drop, h.is_port(91));
  h.add(drop, h.decide(model::VerdictKind::kDrop));
  const std::uint64_t handle = drop.handle;
  h.chain("filter", "DOCKER-USER").rules.push_back(std::move(drop));
  // Without these rules a neighbour on the LAN reaches 127.0.0.1:9001: DNAT comes before routing.
  Asked bare(h.snapshot);
  EXPECT_EQ(find_unused(bare.survey).value().reached, 2U);
  h.no_direct_access(box);
  Asked asked(h.snapshot);
  const Unused unused = find_unused(asked.survey).value();
  EXPECT_EQ(unused.published, 4U);
  EXPECT_EQ(unused.reached, 1U);  // web
  std::map<std::uint16_t, const PublishedUnused*> by_port;
  for (const PublishedUnused& p : unused.ports) by_port[p.host_port.number] = &p;
  ASSERT_EQ(by_port.size(), 3U);
  EXPECT_EQ(by_port.at(9000)->why, Why::kNobodyListens);
  EXPECT_EQ(by_port.at(9001)->why, Why::kLoopback);
  ASSERT_EQ(by_port.at(9002)->why, Why::kFirewall);
  ASSERT_FALSE(by_port.at(9002)->rules.empty());
  EXPECT_NE(by_port.at(9002)->rules.back().place.find(std::to_string(handle)), std::string::npos)
      << by_port.at(9002)->rules.back().place;
  EXPECT_EQ(by_port.at(9002)->witness.port.number, 9002);
}

TEST(Unused, APortThatIsReachedByOneFamilyOnlyIsUsed) {
  auto h = shop();
  h.engine().containers[0].published.push_back(
      {IpProtocol::kTcp, Port{80}, testing_hosts::ip("::"), Port{8080}});
  Asked asked(h.snapshot);
  const Unused unused = find_unused(asked.survey).value();
  EXPECT_EQ(unused.published, 1U);
  EXPECT_TRUE(unused.ports.empty());
}

TEST(Unused, WithoutAZoneNothingIsSaidToBeUnused) {
  const auto h = shop();
  const auto world = trace::World::build(h.snapshot).value();
  const query::Asker asker(world, {});
  const policy::Config config;
  Survey survey = Survey::make(asker, config, {}).value();
  const Unused unused = find_unused(survey).value();
  ASSERT_EQ(unused.ports.size(), 1U);
  EXPECT_EQ(unused.ports[0].why, Why::kUnknown);
}

TEST(Through, ShowsTheShortestChainToTheWorstTargetFirst) {
  Asked asked(shop().snapshot);
  const auto from = query::Vantage::parse("internet").value();
  const Through all = go_through(asked.survey, from, asked.seat("internet"), 4).value();
  ASSERT_FALSE(all.chains.empty());
  const Chain& worst = all.chains.front();
  EXPECT_EQ(worst.prize, Prize::kHostManagement);
  std::vector<std::string> steps;
  for (const Step& s : worst.steps) steps.push_back(s.from + " " + label(s.service));
  EXPECT_EQ(steps,
            (std::vector<std::string>{"internet web:80", "container:docker/web dockerd:2375"}));
  std::map<std::string, std::size_t> length;
  for (const Chain& c : all.chains) length[label(c.steps.back().service)] = c.steps.size();
  EXPECT_EQ(length, (std::map<std::string, std::size_t>{
                        {"dockerd:2375", 2}, {"web:80", 1}, {"api:7000", 2}, {"db:5432", 3}}));
  EXPECT_EQ(all.taken, 3U);
  EXPECT_FALSE(all.more);
}

TEST(Through, StopsAtTheDepthAndSaysSo) {
  Asked asked(shop().snapshot);
  const auto from = query::Vantage::parse("internet").value();
  const Through one = go_through(asked.survey, from, asked.seat("internet"), 1).value();
  ASSERT_EQ(one.chains.size(), 1U);
  EXPECT_EQ(one.taken, 1U);
  EXPECT_TRUE(one.more);
}

TEST(Through, EachStepIsAWayThatTheInterpreterFindsOpen) {
  Asked asked(dual_stack());
  const auto from = query::Vantage::parse("container:a").value();
  const Through all = go_through(asked.survey, from, asked.seat("container:a"), 3).value();
  std::size_t steps = 0;
  for (const Chain& c : all.chains) {
    for (const Step& s : c.steps) {
      query::Target target;
      target.to = s.way.witness.to;
      target.port = s.way.witness.port;
      EXPECT_EQ(asked.asker.ask(asked.seat(s.from), target).answer.verdict, Verdict::kOpen);
      ++steps;
    }
  }
  EXPECT_GE(steps, 3U);
}

}  // namespace
}  // namespace bulkhead::views
