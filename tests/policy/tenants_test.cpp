#include "policy/tenants.h"

#include <gtest/gtest.h>

namespace bulkhead::policy {
namespace {

model::Container container(std::string name, std::string project, std::string service = "") {
  model::Container c;
  c.name = std::move(name);
  c.project = std::move(project);
  c.service = std::move(service);
  return c;
}

const model::Engine kEngine;

TEST(Tenants, WithoutPolicyAreProjectsPodsStacksElseContainers) {
  const Config none;
  EXPECT_EQ(tenant_of(none, kEngine, container("a-db-1", "a")),
            (TenantName{"a", TenantBy::kProject}));
  EXPECT_EQ(tenant_of(none, kEngine, container("lone", "")),
            (TenantName{"lone", TenantBy::kContainer}));
  auto pod = container("p-1", "");
  pod.labels["io.podman.pod.name"] = "pod";
  EXPECT_EQ(tenant_of(none, kEngine, pod), (TenantName{"pod", TenantBy::kPod}));
  auto stack = container("s.1", "");
  stack.labels["com.docker.stack.namespace"] = "st";
  EXPECT_EQ(tenant_of(none, kEngine, stack), (TenantName{"st", TenantBy::kStack}));
}

TEST(Tenants, LabelsAloneDoNotMakeAMember) {
  const Config config =
      parse_config("bulkhead: 1\ntenants: {shop: {services: {api: {label: {role: api}}}}}", "f")
          .value();
  auto stranger = container("x", "evil");
  stranger.labels["role"] = "api";
  EXPECT_EQ(tenant_of(config, kEngine, stranger).name, "evil");
  EXPECT_EQ(tenant_of(config, kEngine, container("y", "shop")),
            (TenantName{"shop", TenantBy::kPolicy}));
}

TEST(Tenants, IngressIsDeclaredForItsServicePortAndZone) {
  const Config config = parse_config(R"(bulkhead: 1
tenants:
  edge:
    services: {proxy: {compose: edge/traefik}}
    ingress: [{to: proxy, publish: [443/tcp], from: internet}, {to: proxy, publish: 8443/tcp, from: lan}]
)",
                                     "f")
                            .value();
  const Zone internet{.name = "internet",
                      .role = ZoneRole::kInternet,
                      .interface = {},
                      .link = {},
                      .prefixes = {},
                      .excluded = {},
                      .remark = {}};
  const Zone lan{.name = "lan",
                 .role = ZoneRole::kLan,
                 .interface = {},
                 .link = {},
                 .prefixes = {},
                 .excluded = {},
                 .remark = {}};
  const auto proxy = container("edge-traefik-1", "edge", "traefik");
  const auto other = container("edge-db-1", "edge", "db");
  const PortSpec https{Port{443}, IpProtocol::kTcp}, dashboard{Port{8443}, IpProtocol::kTcp};
  EXPECT_TRUE(declares_ingress(config, kEngine, proxy, https, https, internet));
  EXPECT_TRUE(declares_ingress(config, kEngine, proxy, https, https, lan));
  EXPECT_FALSE(declares_ingress(config, kEngine, proxy, dashboard, dashboard, internet));
  EXPECT_TRUE(
      declares_ingress(config, kEngine, proxy, {Port{8080}, IpProtocol::kTcp}, dashboard, lan));
  EXPECT_FALSE(declares_ingress(config, kEngine, other, https, https, internet));
}

TEST(Tenants, ATrustGroupIsLessThanAZone) {
  const Config config = parse_config(
                            "bulkhead: 1\ntrust: {admins: [10.0.0.0/8]}\nhost: {ssh: {port: 22, "
                            "from: admins}, ntp: {port: 123/udp, from: lan}}",
                            "f")
                            .value();
  const Zone lan{.name = "lan",
                 .role = ZoneRole::kLan,
                 .interface = {},
                 .link = {},
                 .prefixes = {},
                 .excluded = {},
                 .remark = {}};
  EXPECT_FALSE(declares_host_service(config, {Port{22}, IpProtocol::kTcp}, lan));
  EXPECT_TRUE(declares_host_service(config, {Port{123}, IpProtocol::kUdp}, lan));
}

TEST(Tenants, AHostServiceIsDeclaredForTheContainersNamed) {
  const Config config =
      parse_config(
          "bulkhead: 1\nhost: {exporter: {port: 9100, from: [tenant.ops/prometheus]}}\n"
          "tenants: {ops: {services: {prometheus: {compose: ops/prom}}}}",
          "f")
          .value();
  const PortSpec port{Port{9100}, IpProtocol::kTcp};
  EXPECT_TRUE(declares_host_service(config, port, kEngine, container("ops-prom-1", "ops", "prom")));
  EXPECT_FALSE(declares_host_service(config, port, kEngine, container("ops-x-1", "ops", "x")));
}

TEST(Tenants, SharedNetworksHaveAReason) {
  const Config config = parse_config(
                            "bulkhead: 1\ntenants: {edge: {networks: {web: {shared: true, reason: "
                            "proxy}, n: {shared: false}}}}",
                            "f")
                            .value();
  ASSERT_NE(shared_network(config, "web"), nullptr);
  EXPECT_EQ(shared_network(config, "web")->reason, "proxy");
  EXPECT_EQ(shared_network(config, "n"), nullptr);
}

}  // namespace
}  // namespace bulkhead::policy
