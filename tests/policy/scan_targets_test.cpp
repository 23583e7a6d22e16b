// What a scan asks beyond the host: what may stand in scan:, and what it means.
#include "policy/scan_targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/host_builder.h"
#include "policy/good.h"
#include "policy/one_target.h"
#include "policy/tenants.h"
#include "policy/zones.h"

namespace bulkhead::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string wrong(const std::string& text) {
  const auto config = parse_config("bulkhead: 1\n" + text, "f");
  return config ? "" : config.error().message;
}

std::vector<std::string> names_of(const BeyondHost& beyond) {
  std::vector<std::string> out;
  for (const Beyond& b : beyond.machines) out.push_back(b.target + " " + b.to.to_string());
  return out;
}

constexpr const char* kZones =
    "bulkhead: 1\n"
    "zones:\n"
    "  bmc: {role: management, interface: eth1, prefixes: [10.9.0.0/30]}\n"
    "  office: {role: lan, interface: eth2, prefixes: [10.8.0.0/30]}\n";

TEST(ScanTargets, AddressesPrefixesZonesAndTrustGroupsAreExpandedOnceEach) {
  const Config config = good(std::string(kZones) +
                             "trust: {stores: [10.7.0.7]}\n"
                             "scan:\n"
                             "  targets:\n"
                             "    nas: {at: [10.1.0.5, 'fd00::5'], ports: [445, 111/udp], is: "
                             "traditional, why: files}\n"
                             "    stores: {at: [stores, 10.1.0.5]}\n"
                             "    desks: {at: office}\n");
  const BeyondHost beyond = beyond_host(config);
  EXPECT_THAT(names_of(beyond),
              ElementsAre("nas 10.1.0.5", "nas fd00::5", "stores 10.7.0.7", "desks 10.8.0.1",
                          "desks 10.8.0.2", "bmc 10.9.0.1", "bmc 10.9.0.2"));
  EXPECT_THAT(beyond.machines[0].ports, ElementsAre(PortSpec{Port{445}, IpProtocol::kTcp},
                                                    PortSpec{Port{111}, IpProtocol::kUdp}));
  EXPECT_EQ(beyond.machines[0].is, services::ServiceClass::kTraditional);
  EXPECT_FALSE(beyond.machines[0].management);
  EXPECT_TRUE(beyond.machines[5].management);
  EXPECT_TRUE(beyond.machines[5].of_zone);
  EXPECT_THAT(beyond.left_out, IsEmpty());
}

TEST(ScanTargets, OfOneTargetAloneNothingIsMissingThatAnotherNamesToo) {
  const Config config = good(std::string(kZones) +
                             "scan:\n"
                             "  targets:\n"
                             "    nas: {at: 10.8.0.1, ports: [445]}\n"
                             "    rack: {at: [office, bmc], ports: [2049]}\n");
  std::vector<IpAddress> at;
  for (const Beyond& one : machines_of_target(config, config.scan.targets.back())) {
    at.push_back(one.to);
    EXPECT_EQ(one.target, "rack");
    EXPECT_THAT(one.ports, ElementsAre(PortSpec{Port{2049}, IpProtocol::kTcp}));
    EXPECT_EQ(one.management, one.to.to_string().starts_with("10.9."));
  }
  EXPECT_THAT(at, SizeIs(4));
}

TEST(ScanTargets, NothingIsAskedThatIsNotDeclared) {
  EXPECT_THAT(beyond_host(good("bulkhead: 1\n")).machines, IsEmpty());
  // A zone of another role is known, and not asked.
  EXPECT_THAT(names_of(beyond_host(good(kZones))), ElementsAre("bmc 10.9.0.1", "bmc 10.9.0.2"));
  EXPECT_THAT(beyond_host(good(std::string(kZones) + "scan: {zones: []}\n")).machines, IsEmpty());
  EXPECT_THAT(names_of(beyond_host(good(std::string(kZones) + "scan: {zones: [office]}\n"))),
              ElementsAre("office 10.8.0.1", "office 10.8.0.2"));
}

TEST(ScanTargets, AManagementZoneThatIsTooWideIsLeftOutWithItsReason) {
  const BeyondHost beyond = beyond_host(
      good("bulkhead: 1\nzones: {bmc: {role: management, interface: e, prefixes: [10.0.0.0/16, "
           "10.9.0.0/31]}}\n"));
  EXPECT_THAT(names_of(beyond), ElementsAre("bmc 10.9.0.0", "bmc 10.9.0.1"));
  ASSERT_THAT(beyond.left_out, SizeIs(1));
  EXPECT_THAT(beyond.left_out[0].why, HasSubstr("10.0.0.0/16 holds more than 256"));
  EXPECT_EQ(beyond.left_out[0].zone, "bmc");
}

TEST(ScanTargets, OfAZoneThatIsTooWideTheMachinesThatAreNamedAreAsked) {
  const BeyondHost beyond = beyond_host(good(
      "bulkhead: 1\nzones: {bmc: {role: management, interface: e, prefixes: [10.0.0.0/8, "
      "10.0.0.0/8]}}\nscan: {targets: {rack: {at: [10.7.0.1, 192.0.2.1]}, all: {at: [bmc]}}}\n"));
  EXPECT_THAT(names_of(beyond), ElementsAre("rack 10.7.0.1", "rack 192.0.2.1"));
  EXPECT_TRUE(beyond.machines[0].management);
  ASSERT_THAT(beyond.left_out, SizeIs(1)) << "said once, whoever means it";
  EXPECT_THAT(beyond.left_out[0].why, HasSubstr("asked are those that are named beside it (1)"));
  // What does not fit in all is no zone's, and is missing.
  EXPECT_TRUE(beyond_host(good("bulkhead: 1\n")).left_out.empty());
}

TEST(ScanTargets, NoMoreThanSoManyInAll) {
  std::string text = "bulkhead: 1\nscan: {targets: {all: {at: [";
  for (int i = 0; i < 5; ++i)
    text += (i > 0 ? ", " : "") + std::string("'fd00::") + std::to_string(i) + ":0/120'";
  const BeyondHost beyond = beyond_host(good(text + "]}}}\n"));
  EXPECT_THAT(beyond.machines, SizeIs(kMostBeyondHost));
  ASSERT_THAT(beyond.left_out, SizeIs(1));
  EXPECT_THAT(beyond.left_out[0].what, HasSubstr("256 addresses"));
  EXPECT_EQ(beyond.left_out[0].zone, "");
}

TEST(ScanTargets, MistakesAreNamedWithTheirLine) {
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: [10.0.0.0/16]}}}\n"),
              HasSubstr("f:2:29: '10.0.0.0/16' holds more than 256 addresses"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {ports: [22]}}}\n"), HasSubstr("is nowhere"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: [nowhere]}}}\n"), HasSubstr("neither an address"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: [224.0.0.1]}}}\n"), HasSubstr("multicast"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: [127.0.0.1]}}}\n"), HasSubstr("this host itself"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: ['fe80::1']}}}\n"), HasSubstr("link-local"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: [10.0.0.1], is: managment}}}\n"),
              HasSubstr("did you mean 'management'"));
  EXPECT_THAT(wrong("scan: {targets: {nas: {at: [10.0.0.1], port: 22}}}\n"),
              HasSubstr("did you mean 'ports'"));
  EXPECT_THAT(wrong("scan: {target: {}}\n"), HasSubstr("did you mean 'targets'"));
  EXPECT_THAT(wrong("scan: {zones: [bcm]}\nzones: {bmc: {role: management, interface: e}}\n"),
              HasSubstr("did you mean 'bmc'"));
  EXPECT_THAT(wrong("scan: {targets: {bmc: {at: [10.0.0.1]}}}\n"
                    "zones: {bmc: {role: management, interface: e}}\n"),
              HasSubstr("is a zone already"));
}

TEST(ScanTargets, TheWhitelistLetsThroughWhatItsEgressNames) {
  testing_hosts::HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  h.container("api", "n", "172.18.0.2", "shop", "api");
  h.container("web", "n", "172.18.0.3", "shop", "web");
  const Config config = good(
      "bulkhead: 1\n"
      "zones: {office: {role: lan, interface: eth1, prefixes: [10.8.0.0/24]}}\n"
      "tenants:\n"
      "  shop:\n"
      "    egress:\n"
      "      - {from: api, to: 10.1.0.0/24, port: 445/tcp}\n"
      "      - {from: web, to: office, port: [22/tcp, 53/udp]}\n");
  const auto zones = resolve_zones(config, h.snapshot);
  const model::Engine& engine = h.engine();
  const auto let = [&](std::size_t who, const char* to, std::uint16_t port,
                       IpProtocol protocol = IpProtocol::kTcp) {
    return declares_egress(config, zones, engine, engine.containers[who], testing_hosts::ip(to),
                           {Port{port}, protocol});
  };
  EXPECT_TRUE(let(0, "10.1.0.9", 445));
  EXPECT_FALSE(let(0, "10.1.0.9", 446));
  EXPECT_FALSE(let(0, "10.1.1.9", 445));
  EXPECT_FALSE(let(1, "10.1.0.9", 445));
  EXPECT_TRUE(let(1, "10.8.0.9", 22));
  EXPECT_TRUE(let(1, "10.8.0.9", 53, IpProtocol::kUdp));
  EXPECT_FALSE(let(1, "10.8.0.9", 53));
}

}  // namespace
}  // namespace bulkhead::policy
