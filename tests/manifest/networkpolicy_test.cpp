// Network policies of Kubernetes: their form, and what has no name there.
#include "manifest/networkpolicy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"
#include "report/json_manifest.h"
#include "report/valid.h"

namespace bulkhead::manifest {
namespace {

using compile::shops::Policy;
using compile::shops::shop;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kCluster = R"(bulkhead: 1
mode: enforce
trust: {admins: [198.51.100.0/28]}
host: {ssh: {port: 22/tcp, from: admins}}
tenants:
  shop:
    services: {web: {label: {app.kubernetes.io/name: web}}, db: {label: {role: db, tier: "1"}}, api: {compose: api}}
    ingress: [{to: web, publish: 80/tcp, from: internet}]
    egress: [{from: db, to: 203.0.113.0/24, port: [443/tcp, 53/udp]}, {from: db, to: {fqdn: [api.example.org]}, port: 443/tcp}]
    allow:
      - {from: web, to: db, port: 5432/tcp, expires: 2036-01-01}
      - {from: api, to: db, port: 5432/tcp}
  blog: {mode: off, services: {app: {label: {role: app}}}}
  Bad_: {services: {x: {label: {role: x}}}}
)";

model::Snapshot labelled() {
  auto h = shop();
  h.engine().containers[0].labels["app.kubernetes.io/name"] = "web";
  return h.snapshot;
}

Manifest policies(const Policy& p, const Cluster& cluster = {}) {
  auto made = network_policies(p.input(), cluster);
  EXPECT_TRUE(made) << made.error().message;
  return made.value_or(Manifest{});
}

std::string objects(const Manifest& m) {
  const std::string& text = m.files.at(0).text;
  return text.substr(text.find("---"));
}

std::string unsaid(const Manifest& m) {
  std::string out;
  for (const Unsaid& u : m.unsaid)
    out += (u.section.empty() ? "" : std::string(u.section) + ": ") + u.what + "\n";
  return out;
}

TEST(NetworkPolicy, DeniesByDefaultAndPermitsAtBothEnds) {
  EXPECT_EQ(objects(policies(Policy(labelled(), kCluster))), R"(---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: bulkhead-default-deny
  namespace: shop
spec:
  podSelector: {}
  policyTypes:
    - Ingress
    - Egress
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: bulkhead-of-db
  namespace: shop
spec:
  podSelector:
    matchLabels:
      role: db
      tier: "1"
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: shop
          podSelector:
            matchLabels:
              app.kubernetes.io/name: web
      ports:
        - protocol: TCP
          port: 5432
  egress:
    - to:
        - ipBlock:
            cidr: "203.0.113.0/24"
      ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 443
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: bulkhead-of-web
  namespace: shop
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: web
  policyTypes:
    - Ingress
    - Egress
  ingress:
    - from:
        - ipBlock:
            cidr: "0.0.0.0/0"
            except:
              - "172.20.0.0/24"
              - "172.21.0.0/24"
        - ipBlock:
            cidr: "::/0"
      ports:
        - protocol: TCP
          port: 8080
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: shop
          podSelector:
            matchLabels:
              role: db
              tier: "1"
      ports:
        - protocol: TCP
          port: 5432
)");
}

TEST(NetworkPolicy, SaysWhatItCannotSay) {
  const Policy p(labelled(), kCluster);
  const Manifest m = policies(p);
  const std::string all = unsaid(m);
  EXPECT_THAT(all, HasSubstr("allow: shop/api is not let through: it is told by compose"));
  EXPECT_THAT(all, HasSubstr("allow: it ends on 2036-01-01"));
  EXPECT_THAT(all, HasSubstr("egress: network policies know no names: api.example.org is closed"));
  EXPECT_THAT(all, HasSubstr("host: services of nodes"));
  EXPECT_THAT(all, HasSubstr("Bad_ of tenant Bad_ is no namespace"));
  EXPECT_THAT(all, HasSubstr("--pods"));
  EXPECT_THAT(all, HasSubstr("--cluster-dns"));
  for (const Unsaid& u : m.unsaid) EXPECT_THAT(m.files[0].text, HasSubstr(u.what + "\n"));
  testing_json::expect_valid(report::manifest_json(p.config, "networkpolicy", m), "compile");
}

TEST(NetworkPolicy, PodsAreNoWayOutAndTheNameServerIsAskedWhenSaid) {
  const Cluster cluster{
      {Prefix::parse("203.0.113.64/26").value(), Prefix::parse("fd00:1::/48").value()}, true};
  const Manifest m = policies(Policy(labelled(), kCluster), cluster);
  EXPECT_THAT(
      objects(m),
      AllOf(HasSubstr("- ipBlock:\n            cidr: \"203.0.113.0/26\"\n        - ipBlock:\n"
                      "            cidr: \"203.0.113.128/25\"\n"),
            HasSubstr("- \"fd00:1::/48\"\n"), HasSubstr("name: bulkhead-cluster-dns\n")));
  EXPECT_THAT(unsaid(m), AllOf(Not(HasSubstr("--pods")), Not(HasSubstr("--cluster-dns"))));
}

TEST(NetworkPolicy, HostileLabelsAreRefusedNotWritten) {
  std::string text(kCluster);
  text.replace(text.find("{role: db, tier: \"1\"}"), 21, "{\"r: x\\n---\": \"db\"}");
  const Manifest m = policies(Policy(labelled(), text));
  EXPECT_THAT(unsaid(m), HasSubstr("shop/db is not let through: its label is none"));
  EXPECT_THAT(objects(m), Not(HasSubstr("r: x")));
}

TEST(NetworkPolicy, APortThatNobodyPublishesHereIsClosedAndSaid) {
  const Manifest m = policies(Policy(shop().snapshot, kCluster));
  EXPECT_THAT(unsaid(m), HasSubstr("ingress: no container of shop/web publishes 80/tcp here"));
  EXPECT_THAT(objects(m), Not(HasSubstr("0.0.0.0/0")));
}

TEST(NetworkPolicy, WithoutANamespaceItIsRefused) {
  std::string text(kCluster);
  text.replace(text.find("mode: enforce"), 13, "mode: audit");
  const auto made = network_policies(Policy(shop().snapshot, text).input(), {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace bulkhead::manifest
