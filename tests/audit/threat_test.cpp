#include <gmock/gmock.h>

#include "audit/ask.h"

namespace bulkhead::audit {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using namespace testing_hosts;

// Two projects on networks of their own; sshd and a web front end are meant to be there.
HostBuilder clean_host() {
  HostBuilder h;
  h.network("shop_default", "br-shop", "172.18.0.1");
  const auto web =
      h.container("shop-web-1", "shop_default", "172.18.0.2", "shop", "web", "nginx:1");
  h.container("shop-db-1", "shop_default", "172.18.0.3", "shop", "db", "postgres:16");
  h.listen(web.ns, 80, "nginx");
  h.listen(web.ns + 1, 5432, "postgres");
  h.publish(web, 80, 80);
  h.listen(0, 22, "sshd");
  h.closed_but_for({22});
  return h;
}

std::vector<std::string> threats(const Report& report) {
  std::vector<std::string> out;
  for (const std::string& s : summary(report)) {
    if (s[0] == 'T') out.push_back(s);
  }
  return out;
}

TEST(Threats, ACleanHostHasNone) {
  HostBuilder h = clean_host();
  // sshd listens for all, and containers may knock: say that they may.
  const Report report =
      audit_of(h.snapshot,
               "bulkhead: 1\nhost: {ssh: {port: 22, from: tenant.shop/*}}\ntenants: {shop: {}}\n");
  EXPECT_THAT(threats(report), IsEmpty());
  EXPECT_THAT(summary(report),
              UnorderedElementsAre("egress", "cloud-metadata", "firewall shop-web-1"))
      << "port 80 is published though INPUT allows 22 only";
  EXPECT_EQ(report.unknown, 0U);
}

TEST(Threats, AContainerThatReachesAHostServiceIsT3) {
  const Report report = audit_of(clean_host().snapshot);
  EXPECT_THAT(threats(report), ElementsAre("T3 sshd"));
  const Finding& t3 = *of_kind(report, Kind::kT3).front();
  EXPECT_THAT(from(t3),
              UnorderedElementsAre("container:docker/shop-web-1", "container:docker/shop-db-1"));
  EXPECT_EQ(t3.severity, Severity::kMedium);
  ASSERT_TRUE(t3.reaches[0].socket);
  EXPECT_EQ(t3.reaches[0].socket->process, "sshd");
}

TEST(Threats, TheNameServerOfPodmanIsThereForItsContainers) {
  const struct {
    model::EngineKind kind;
    const char* process;
    std::uint16_t port;
    bool found;
  } kRows[] = {
      {model::EngineKind::kPodman, "aardvark-dns", 53, false},
      {model::EngineKind::kPodman, "aardvark-dns", 54, true},
      {model::EngineKind::kPodman, "dnsmasq", 53, true},
      {model::EngineKind::kDocker, "aardvark-dns", 53, true},
  };
  for (const auto& row : kRows) {
    HostBuilder h;
    h.engine().kind = row.kind;
    h.network("a", "br-a", "172.18.0.1");
    h.container("app", "a", "172.18.0.2");
    h.listen(0, row.port, row.process);
    EXPECT_EQ(of_kind(audit_of(h.snapshot), Kind::kT3).size(), row.found ? 1U : 0U)
        << row.process << " " << row.port;
  }
}

TEST(Threats, TheDockerApiOnTcpIsT1AndT2) {
  HostBuilder h;
  h.network("a_default", "br-a", "172.18.0.1");
  h.container("a-app-1", "a_default", "172.18.0.2", "a", "app");
  h.listen(0, 2375, "dockerd");
  const Report report = audit_of(h.snapshot);
  EXPECT_THAT(threats(report), ElementsAre("T1 dockerd", "T2 dockerd"));
  const Finding& t1 = *of_kind(report, Kind::kT1).front();
  EXPECT_EQ(t1.severity, Severity::kCritical);
  EXPECT_THAT(from(t1), ElementsAre("internet"));
  EXPECT_FALSE(t1.reaches[0].up_to_uplink);
  EXPECT_EQ(t1.reaches[0].to, ip("192.0.2.10"));
  EXPECT_FALSE(t1.reaches[0].path.empty());
  const Finding& t2 = *of_kind(report, Kind::kT2).front();
  EXPECT_THAT(from(t2), ElementsAre("lan", "container:docker/a-app-1"));
  EXPECT_EQ(t2.severity, Severity::kHigh);
}

TEST(Threats, BehindNatT1IsComputedUpToTheUplink) {
  HostBuilder h("10.0.2.15", "10.0.2.2");
  h.listen(0, 2375, "dockerd");
  const Report report = audit_of(h.snapshot);
  ASSERT_EQ(of_kind(report, Kind::kT1).size(), 1U);
  EXPECT_TRUE(of_kind(report, Kind::kT1)[0]->reaches[0].up_to_uplink);
}

TEST(Threats, APublishedDatabaseIsT5AndAMicroserviceT4) {
  HostBuilder h;
  h.network("shop_default", "br-shop", "172.18.0.1");
  const auto db =
      h.container("shop-db-1", "shop_default", "172.18.0.2", "shop", "db", "postgres:16");
  const auto api = h.container("shop-api-1", "shop_default", "172.18.0.3", "shop", "api");
  h.listen(db.ns, 5432, "postgres");
  h.listen(api.ns, 7070, "api");
  h.publish(db, 5432, 5432);
  h.publish(api, 7070, 7070);
  const Report report = audit_of(h.snapshot);
  EXPECT_THAT(threats(report), ElementsAre("T5 shop-db-1", "T4 shop-api-1"));
  const Finding& t5 = *of_kind(report, Kind::kT5).front();
  EXPECT_EQ(t5.severity, Severity::kHigh);
  EXPECT_EQ(t5.subject.known_as->id, "postgresql");
  EXPECT_EQ(t5.reaches[0].socket->container, "docker/shop-db-1");
  EXPECT_THAT(t5.reaches[0].rules, Not(IsEmpty()));
  const Finding& t4 = *of_kind(report, Kind::kT4).front();
  EXPECT_EQ(t4.severity, Severity::kMedium);
  EXPECT_TRUE(t4.assumed);
}

TEST(Threats, WhatIsKnownByItsPortOnlyIsOneStepLower) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  const auto box = h.container("cache", "n", "172.18.0.2");
  h.listen(box.ns, 6379, "nc");
  h.publish(box, 6379, 6379);
  const Report report = audit_of(h.snapshot);
  ASSERT_THAT(threats(report), ElementsAre("T5 cache"));
  EXPECT_EQ(report.findings[0].severity, Severity::kMedium);
  EXPECT_EQ(report.findings[0].subject.known_by, services::KnownBy::kPort);
}

TEST(Threats, DeclaredIngressIsNoThreat) {
  HostBuilder h;
  h.network("shop_default", "br-shop", "172.18.0.1");
  const auto api = h.container("shop-api-1", "shop_default", "172.18.0.3", "shop", "api");
  h.listen(api.ns, 7070, "api");
  h.publish(api, 7070, 7070);
  const Report all = audit_of(
      h.snapshot,
      "bulkhead: 1\ntenants: {shop: {ingress: [{to: api, publish: 7070, from: internet}]}}\n");
  EXPECT_THAT(threats(all), IsEmpty());
  const Report lan =
      audit_of(h.snapshot,
               "bulkhead: 1\ntenants: {shop: {ingress: [{to: api, publish: 7070, from: lan}]}}\n");
  ASSERT_THAT(threats(lan), ElementsAre("T4 shop-api-1"));
  EXPECT_THAT(from(lan.findings[0]), ElementsAre("internet"));
}

TEST(Threats, WhatIsDeclaredHoldsUntilItsDayIsOver) {
  HostBuilder h = clean_host();  // of 2026-11-24
  const auto api = h.container("shop-api-1", "shop_default", "172.18.0.30", "shop", "api");
  h.listen(api.ns, 7070, "api");
  h.publish(api, 7070, 7070);
  const auto with = [&](const std::string& day) {
    return threats(audit_of(
        h.snapshot, "bulkhead: 1\nhost: {ssh: {port: 22, from: tenant.shop/*, expires: " + day +
                        "}}\ntenants: {shop: {ingress: [{to: api, publish: 7070, from: internet, "
                        "expires: " +
                        day + "}]}}\n"));
  };
  EXPECT_THAT(with("2026-11-24"), IsEmpty());
  EXPECT_THAT(with("2026-11-23"), UnorderedElementsAre("T3 sshd", "T4 shop-api-1"));
}

TEST(Threats, PublishedOnLoopbackIsStillReachedByNeighbours) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  const auto db = h.container("db", "n", "172.18.0.2", "", "", "postgres:16");
  h.listen(db.ns, 5432, "postgres");
  h.publish(db, 5432, 5432, "127.0.0.1");
  const Report report = audit_of(h.snapshot);
  ASSERT_THAT(threats(report), ElementsAre("T5 db"));
  EXPECT_THAT(from(report.findings[0]), ElementsAre("lan"));
  EXPECT_EQ(report.findings[0].reaches[0].to, ip("127.0.0.1"))
      << "DNAT comes before the check for martians";
  h.chain("nat", "DOCKER").rules.clear();
  EXPECT_EQ(audit_of(h.snapshot).findings[0].reaches[0].to, ip("172.18.0.2"));
  h.no_direct_access(db);
  EXPECT_THAT(threats(audit_of(h.snapshot)), IsEmpty());
}

TEST(Threats, TwoTenantsOnOneNetworkAreT6) {
  HostBuilder h;
  h.network("shared", "br-s", "172.18.0.1");
  const auto a = h.container("a-app-1", "shared", "172.18.0.2", "a", "app");
  const auto b = h.container("b-app-1", "shared", "172.18.0.3", "b", "app");
  const Report empty = audit_of(h.snapshot);
  ASSERT_THAT(threats(empty), ElementsAre("T6 shared"));
  EXPECT_EQ(empty.findings[0].severity, Severity::kHigh)
      << "a refusal means that the packet got there";
  h.listen(b.ns, 9999, "b");
  const Report open = audit_of(h.snapshot);
  ASSERT_THAT(threats(open), ElementsAre("T6 shared"));
  EXPECT_EQ(open.findings[0].reaches.size(), 1U);
  const Report shared = audit_of(
      h.snapshot,
      "bulkhead: 1\ntenants: {a: {networks: {shared: {shared: true, reason: the proxy}}}}\n");
  EXPECT_THAT(threats(shared), IsEmpty());
  const Report one = audit_of(h.snapshot, "bulkhead: 1\ntenants: {both: {projects: [a, b]}}\n");
  EXPECT_THAT(threats(one), IsEmpty());
  static_cast<void>(a);
}

TEST(Threats, TenantsAreApartOnTheirOwnNetworks) {
  HostBuilder h;
  h.network("a", "br-a", "172.18.0.1");
  h.network("b", "br-b", "172.19.0.1");
  h.container("a-1", "a", "172.18.0.2", "a", "x");
  const auto b = h.container("b-1", "b", "172.19.0.2", "b", "x");
  h.listen(b.ns, 5432, "postgres");
  EXPECT_THAT(threats(audit_of(h.snapshot)), IsEmpty());
}

TEST(Threats, AManagementServiceOfAnotherTenantIsT2AndOfTheOwnOnlyWhenItTakesTheHost) {
  HostBuilder h;
  h.network("shared", "br-s", "172.18.0.1");
  const auto mq = h.container("a-mq-1", "shared", "172.18.0.2", "a", "mq", "rabbitmq:3");
  h.container("a-app-1", "shared", "172.18.0.3", "a", "app");
  h.listen(mq.ns, 15672, "beam.smp");
  EXPECT_THAT(threats(audit_of(h.snapshot)), IsEmpty());
  h.container("b-app-1", "shared", "172.18.0.4", "b", "app");
  const Report report = audit_of(h.snapshot);
  ASSERT_EQ(of_kind(report, Kind::kT2).size(), 1U);
  EXPECT_THAT(from(*of_kind(report, Kind::kT2)[0]), ElementsAre("container:docker/b-app-1"));
}

TEST(Threats, ReplicasOfOneServiceAreOneFinding) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  for (int i = 0; i < 3; ++i) {
    const auto box = h.container("a-db-" + std::to_string(i), "n",
                                 "172.18.0." + std::to_string(10 + i), "a", "db", "redis:7");
    h.listen(box.ns, 6379, "redis-server");
    h.publish(box, static_cast<std::uint16_t>(6000 + i), 6379);
  }
  const Report report = audit_of(h.snapshot);
  ASSERT_EQ(of_kind(report, Kind::kT5).size(), 1U);
  EXPECT_EQ(of_kind(report, Kind::kT5)[0]->members.size(), 3U);
}

TEST(Threats, ClientsAreNotServices) {
  HostBuilder h;
  h.listen(0, 68, "dhclient", "0.0.0.0", IpProtocol::kUdp);
  h.listen(0, 45678, "resolver", "0.0.0.0", IpProtocol::kUdp);
  const Report report = audit_of(h.snapshot);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.services, 1U) << "the DHCP client is listed, but nothing is held against it";
}

TEST(Threats, WhatCannotBeAskedIsCountedByReason) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  h.container("ghost", "n", "172.18.0.2");
  h.listen(0, 22, "sshd");
  h.engine().containers[0].netns.reset();
  const Report report = audit_of(h.snapshot);
  EXPECT_EQ(report.unknown, 1U);
  ASSERT_EQ(report.unknowns.size(), 1U);
  EXPECT_THAT(report.unknowns[0].reason, testing::HasSubstr("ghost"));
  EXPECT_EQ(report.asked, report.open + report.closed + report.unknown);
}

}  // namespace
}  // namespace bulkhead::audit
