// Declared machines beyond the host: who asks them, and what their open ports are.
#include "scan/beyond.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scan/planned.h"

namespace bulkhead::scan {
namespace {

using packet::IntervalSet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Planned;
using testing::shop;
using ::testing::SizeIs;

const services::Matcher& matcher() {
  static const services::Matcher kMatcher = [] {
    std::vector<std::string> problems;
    return services::Matcher::make(services::builtin_entries().entries, problems);
  }();
  return kMatcher;
}

Wanted wanting(const policy::Config& config) {
  Wanted out;
  for (policy::Beyond& one : policy::beyond_host(config).machines)
    out.beyond.push_back(aim_beyond(std::move(one), matcher()));
  return out;
}

policy::Config config_of(const std::string& text) {
  auto config = policy::parse_config("bulkhead: 1\n" + text, "f");
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(policy::Config{});
}

constexpr const char* kNas =
    "scan: {targets: {nas: {at: [192.0.2.99], ports: [445, 9999, 161/udp]}}}\n";

TEST(ScanBeyond, ContainersAskAndTheHostDoesNot) {
  const Planned p(shop().snapshot, wanting(config_of(kNas)));
  EXPECT_EQ(p.aim("host", "192.0.2.99"), nullptr);
  for (const char* who : {"web", "api", "db"}) {
    const Aim* aim = p.aim("container:docker/" + std::string(who), "192.0.2.99");
    ASSERT_NE(aim, nullptr) << who;
    EXPECT_EQ(aim->ports, IntervalSet::single(445).unite(IntervalSet::single(9999)));
    EXPECT_EQ(aim->doubt, aim->ports) << "whoever stands there is not known";
    const Aim* udp = p.aim("container:docker/" + std::string(who), "192.0.2.99", IpProtocol::kUdp);
    ASSERT_NE(udp, nullptr);
    EXPECT_EQ(udp->ports, IntervalSet::single(161));
  }
}

TEST(ScanBeyond, WhatIsOfThisHostIsAskedAsThat) {
  const Planned p(shop().snapshot,
                  wanting(config_of("scan: {targets: {x: {at: [172.19.0.2], ports: [445]}}}\n")));
  const Aim* aim = p.aim("container:docker/web", "172.19.0.2");
  ASSERT_NE(aim, nullptr);
  EXPECT_FALSE(aim->beyond);
}

TEST(ScanBeyond, NarrowedByToAndPorts) {
  Wanted wanted = wanting(config_of(kNas));
  wanted.to = {testing::ip("172.18.0.2")};
  EXPECT_EQ(Planned(shop().snapshot, wanted).aim("container:docker/web", "192.0.2.99"), nullptr);
  wanted.to = {testing::ip("192.0.2.99")};
  wanted.ports = {{{22, 23}, {}}};
  const Planned p(shop().snapshot, wanted);
  const Aim* aim = p.aim("container:docker/web", "192.0.2.99");
  ASSERT_NE(aim, nullptr);
  EXPECT_EQ(aim->ports, IntervalSet::range(22, 23));
  EXPECT_TRUE(aim->beyond);
}

TEST(ScanBeyond, WithoutPortsThoseOfTheCatalogueAreAsked) {
  const BeyondAim plain = aim_beyond(
      policy::beyond_host(config_of("scan: {targets: {x: {at: [10.0.0.1]}}}\n")).machines[0],
      matcher());
  for (const std::uint16_t port : {22, 445, 2375, 5432, 6379, 8080})
    EXPECT_TRUE(plain.tcp.contains(port)) << port;
  EXPECT_FALSE(plain.tcp.contains(0));
  EXPECT_TRUE(plain.udp.empty());
  const BeyondAim console = aim_beyond(
      policy::beyond_host(config_of("scan: {targets: {x: {at: [10.0.0.1], is: management}}}\n"))
          .machines[0],
      matcher());
  EXPECT_TRUE(console.udp.contains(623));
}

// Opens `ports` of the target from these seats, with what answered.
struct Answered {
  policy::Config config;
  Planned p;
  Result result;
  Answered(const std::string& yaml, const std::vector<std::string>& from, std::uint16_t port,
           const char* service, const char* access)
      : config(config_of(yaml)), p(shop().snapshot, wanting(config)) {
    result.plan = p.plan;
    result.swept.resize(p.plan.aims.size());
    for (std::size_t i = 0; i < p.plan.aims.size(); ++i) {
      const Aim& aim = p.plan.aims[i];
      const std::string& vantage = p.plan.seats[aim.seat].vantage;
      if (!aim.beyond || aim.protocol != IpProtocol::kTcp ||
          std::ranges::find(from, vantage) == from.end())
        continue;
      result.swept[i].runs.push_back({{port, port}, State::kOpen, Proof::kAccepted, 0});
    }
    result.judged = judge(p.asker, p.plan, result.swept);
    for (auto& ports : result.judged.open)
      for (OpenPort& open : ports)
        if (service != nullptr) open.service = Service{service, service, access, "x"};
  }
  [[nodiscard]] std::vector<BeyondFinding> found() const {
    return judge_beyond(p.asker, config, matcher(), result, 0);
  }
};

const std::vector<std::string> kBoth{"container:docker/web", "container:docker/api"};

TEST(ScanBeyond, AnOpenPortIsAFindingOfWhatAnswers) {
  const Answered a(kNas, kBoth, 9999, "docker-api", "open");
  EXPECT_THAT(a.result.judged.disagreements, IsEmpty());
  const auto found = a.found();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].kind, audit::Kind::kT2);
  EXPECT_EQ(found[0].severity, audit::Severity::kHigh);
  EXPECT_EQ(found[0].by, BeyondBy::kItself);
  EXPECT_THAT(found[0].from, ElementsAre("container:docker/web", "container:docker/api"));
  const Answered redis(kNas, kBoth, 9999, "redis", "protected");
  EXPECT_EQ(redis.found()[0].kind, audit::Kind::kT5);
  EXPECT_EQ(redis.found()[0].severity, audit::Severity::kLow);
  EXPECT_EQ(Answered(kNas, kBoth, 9999, "redis", "open").found()[0].severity,
            audit::Severity::kHigh);
}

TEST(ScanBeyond, WithoutAnAnswerItIsByItsPortAndSaysSo) {
  const Answered a(kNas, kBoth, 445, nullptr, "");
  const auto found = a.found();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].kind, audit::Kind::kT5);
  EXPECT_EQ(found[0].by, BeyondBy::kPort);
  EXPECT_EQ(found[0].severity, audit::Severity::kLow);
  EXPECT_NE(found[0].likely, "");
  EXPECT_EQ(Answered(kNas, kBoth, 9999, nullptr, "").found()[0].by, BeyondBy::kNothing);
}

TEST(ScanBeyond, AZoneOfManagementIsThatNetwork) {
  const Answered a("zones: {bmc: {role: management, interface: eth0, prefixes: [192.0.2.96/29]}}\n",
                   {"container:docker/web"}, 22, nullptr, "");
  const auto found = a.found();
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0].kind, audit::Kind::kManagementNetwork);
  EXPECT_EQ(found[0].severity, audit::Severity::kHigh);
}

TEST(ScanBeyond, PermittedToAllIsNoThreatAndASuppressedOneIsLast) {
  const std::string allow =
      "tenants: {t: {containers: [web, api], egress: [{from: web, to: 192.0.2.99, port: "
      "9999/tcp}]}}\n";
  const Answered web(kNas + allow, {"container:docker/web"}, 9999, "redis", "open");
  ASSERT_THAT(web.found(), SizeIs(1));
  EXPECT_EQ(web.found()[0].severity, audit::Severity::kInfo);
  const Answered both(kNas + allow, kBoth, 9999, "redis", "open");
  EXPECT_EQ(both.found()[0].severity, audit::Severity::kHigh);
  EXPECT_THAT(both.found()[0].permitted, ElementsAre("container:docker/web"));
  const std::string id = both.found()[0].id;
  const Answered quiet(
      kNas + allow + "suppress: [{id: " + id + ", reason: known, expires: 2099-01-01}]\n", kBoth,
      9999, "redis", "open");
  EXPECT_EQ(quiet.found()[0].suppressed_by, "known");
}

}  // namespace
}  // namespace bulkhead::scan
