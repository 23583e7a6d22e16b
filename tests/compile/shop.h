// A host with three tenants and a policy for it, in both families.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "audit/host_builder.h"
#include "compile/compile.h"
#include "policy/zones.h"

namespace bulkhead::compile::shops {

using testing_hosts::HostBuilder;
using testing_hosts::ip;

// shop: web, api and db on br-shop; blog: app on br-blog; web is published at 80, app at 81.
inline HostBuilder shop() {
  HostBuilder h;
  h.network("shop", "br-shop", "172.20.0.1");
  h.network("blog", "br-blog", "172.21.0.1");
  const auto web = h.container("shop-web-1", "shop", "172.20.0.2", "shop", "web");
  const auto api = h.container("shop-api-1", "shop", "172.20.0.3", "shop", "api");
  const auto db = h.container("shop-db-1", "shop", "172.20.0.4", "shop", "db");
  const auto app = h.container("blog-app-1", "blog", "172.21.0.2", "blog", "app");
  for (const auto& [box, host6] : {std::pair(web, "fd00:20::2"), std::pair(db, "fd00:20::4")})
    h.address(box.ns, IfIndex{2}, host6, 64);
  h.address(0, h.host().links[2].index, "fd00:20::1", 64);
  h.listen(web.ns, 8080, "nginx");
  h.listen(api.ns, 7000, "api");
  h.listen(db.ns, 5432, "postgres");
  h.listen(app.ns, 80, "blog");
  h.publish(web, 80, 8080);
  h.publish(app, 81, 80);
  h.listen(0, 22, "sshd");
  h.listen(0, 9100, "exporter");
  return h;
}

inline constexpr std::string_view kPolicy = R"(bulkhead: 1
mode: enforce
trust: {admins: [198.51.100.0/28]}
host: {ssh: {port: 22/tcp, from: admins}, exporter: {port: 9100, from: blog/app}}
tenants:
  shop:
    services: {web: {compose: web}, api: {compose: api}, db: {compose: db}}
    ingress: [{to: web, publish: 80/tcp, from: internet}]
    egress: [{from: api, to: [203.0.113.0/24, 203.0.113.7], port: [443/tcp, 53/udp]}]
    allow:
      - {from: web, to: api, port: 7000/tcp}
      - {from: api, to: db, port: 5432/tcp}
      - {from: web, to: db, port: 5432/tcp}
      - {from: host, to: db, port: 5432/tcp}
  blog:
    services: {app: {compose: app}}
never:
  - {from: internet, to: shop/db}
  - {from: shop/*, to: blog/*, both: true}
tests:
  - {from: shop/api, to: "shop/db:5432", expect: allow}
  - {from: shop/db, to: "shop/api:7000", expect: deny}
)";

struct Policy {
  model::Snapshot snapshot;
  policy::Config config;
  policy::Bound bound;
  std::vector<policy::Zone> zones;

  explicit Policy(model::Snapshot given = shop().snapshot, std::string_view text = kPolicy)
      : snapshot(std::move(given)) {
    auto parsed = policy::parse_config(text, "b.yaml");
    EXPECT_TRUE(parsed) << parsed.error().message;
    config = parsed.value_or(policy::Config{});
    bound = policy::bind(config, snapshot);
    zones = policy::resolve_zones(config, snapshot);
  }
  [[nodiscard]] Input input(bool enforce = false) const {
    return {config, bound, zones, snapshot, snapshot.taken_at_ms, enforce};
  }
};

}  // namespace bulkhead::compile::shops
