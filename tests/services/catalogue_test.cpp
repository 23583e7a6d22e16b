#include "services/catalogue.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace bulkhead::services {
namespace {

struct CatalogueRow {
  const char* name;
  std::uint16_t port;
  IpProtocol protocol;
  const char* process;
  const char* image;
  const char* id;  // "" for none
  KnownBy by;
};

constexpr IpProtocol kTcp = IpProtocol::kTcp, kUdp = IpProtocol::kUdp;

class Matching : public testing::TestWithParam<CatalogueRow> {};

TEST_P(Matching, FindsTheEntryAndSaysHow) {
  const CatalogueRow& row = GetParam();
  const Match found = match(Port{row.port}, row.protocol, row.process, row.image);
  EXPECT_EQ(found.service == nullptr ? "" : found.service->id, row.id);
  EXPECT_EQ(found.by, row.by);
}

INSTANTIATE_TEST_SUITE_P(
    Each, Matching,
    testing::Values(
        CatalogueRow{"docker_plain", 2375, kTcp, "dockerd", "", "docker-api", KnownBy::kProcess},
        CatalogueRow{"docker_elsewhere", 9999, kTcp, "dockerd", "", "docker-api",
                     KnownBy::kProcess},
        CatalogueRow{"docker_swarm", 2377, kTcp, "dockerd", "", "swarm-manager", KnownBy::kProcess},
        CatalogueRow{"docker_with_tls", 2376, kTcp, "dockerd", "", "docker-api-tls",
                     KnownBy::kProcess},
        CatalogueRow{"docker_by_port", 2375, kTcp, "socat", "", "docker-api", KnownBy::kPort},
        CatalogueRow{"portainer_by_image", 9000, kTcp, "x", "docker.io/portainer/portainer-ce:2.19",
                     "portainer", KnownBy::kImage},
        CatalogueRow{"generic_port_suggests_the_web_only", 8080, kTcp, "java", "acme/app", "http",
                     KnownBy::kPort},
        CatalogueRow{"jenkins_by_image", 8080, kTcp, "java", "jenkins/jenkins:lts", "jenkins",
                     KnownBy::kImage},
        CatalogueRow{"nine_thousand_is_nobodys", 9000, kTcp, "app", "acme/app", "",
                     KnownBy::kNothing},
        CatalogueRow{"redis_elsewhere", 7777, kTcp, "redis-server", "", "redis", KnownBy::kProcess},
        CatalogueRow{"postgres_worker", 5432, kTcp, "postgres: main", "", "postgresql",
                     KnownBy::kProcess},
        CatalogueRow{"nginx_is_a_front", 8443, kTcp, "nginx", "acme/front", "web-server",
                     KnownBy::kProcess},
        CatalogueRow{"traefik_dashboard", 8080, kTcp, "traefik", "traefik", "traefik",
                     KnownBy::kProcess},
        CatalogueRow{"traefik_front", 443, kTcp, "traefik", "traefik", "web-server",
                     KnownBy::kProcess},
        CatalogueRow{"caddy_admin", 2019, kTcp, "caddy", "caddy", "caddy-admin", KnownBy::kProcess},
        CatalogueRow{"rabbit_queue", 5672, kTcp, "beam.smp", "rabbitmq:3-management", "amqp",
                     KnownBy::kProcess},
        CatalogueRow{"rabbit_management", 15672, kTcp, "beam.smp", "rabbitmq:3-management",
                     "rabbitmq-mgmt", KnownBy::kProcess},
        CatalogueRow{"udp_is_not_tcp", 5432, kUdp, "x", "", "", KnownBy::kNothing},
        CatalogueRow{"dns_on_udp", 53, kUdp, "dnsmasq", "", "dns", KnownBy::kProcess},
        CatalogueRow{"dhcp_client", 68, kUdp, "dhclient", "", "dhcp-client", KnownBy::kProcess},
        CatalogueRow{"vxlan_has_no_process", 4789, kUdp, "", "", "vxlan", KnownBy::kPort},
        CatalogueRow{"sctp_is_nothing", 22, IpProtocol::kSctp, "sshd", "", "", KnownBy::kNothing}),
    [](const auto& row) { return row.param.name; });

TEST(Catalogue, IsLargeAndItsEntriesAreValid) {
  EXPECT_GE(catalogue().size(), 150U);
  std::set<std::string_view> ids;
  for (const Service& s : catalogue()) {
    EXPECT_TRUE(ids.insert(s.id).second) << s.id;
    EXPECT_FALSE(s.name.empty()) << s.id;
    EXPECT_FALSE(s.source.empty()) << s.id;
    EXPECT_TRUE(s.tcp || s.udp) << s.id;
    for (std::string_view process : s.processes) EXPECT_LE(process.size(), 15U) << s.id;
    EXPECT_EQ(find_service(s.id), &s);
  }
  EXPECT_EQ(find_service("no-such-service"), nullptr);
}

TEST(Catalogue, APortSuggestsAtMostOneService) {
  std::map<std::pair<std::uint16_t, bool>, std::string_view> seen;
  for (const Service& s : catalogue()) {
    for (std::uint16_t port : s.ports) {
      for (const bool udp : {false, true}) {
        if (!(udp ? s.udp : s.tcp)) continue;
        EXPECT_TRUE(seen.emplace(std::pair(port, udp), s.id).second) << s.id << ' ' << port;
      }
    }
  }
}

TEST(Catalogue, ImagesAreReadFromAnyReference) {
  EXPECT_EQ(image_name("redis"), "redis");
  EXPECT_EQ(image_name("redis:7"), "redis");
  EXPECT_EQ(image_name("registry.local:5000/team/redis:7@sha256:00"), "redis");
  EXPECT_EQ(image_name("sha256:0123"), "sha256");
  EXPECT_EQ(image_name(""), "");
  EXPECT_EQ(image_name("a/"), "");
}

}  // namespace
}  // namespace bulkhead::services
