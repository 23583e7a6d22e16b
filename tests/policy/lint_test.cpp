// Binding a policy to a host, and what is said of a policy that can be read and is wrong.
#include "policy/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/host_builder.h"
#include "policy/zones.h"

namespace bulkhead::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_hosts::HostBuilder;

// shop: web (8080 published at 80) and db; one container of nobody's.
HostBuilder shop() {
  HostBuilder h;
  h.network("shop", "br-shop", "172.20.0.1");
  const auto web = h.container("shop-web-1", "shop", "172.20.0.2", "shop", "web");
  h.container("shop-db-1", "shop", "172.20.0.3", "shop", "db");
  h.container("other", "shop", "172.20.0.4", "else", "x");
  h.publish(web, 80, 8080);
  return h;
}

struct Bindings {
  HostBuilder host = shop();
  Config config;
  Bound bound;
  std::vector<Lint> found;
  explicit Bindings(const std::string& text, const char* day = "2026-11-24") {
    auto parsed = parse_config("bulkhead: 1\n" + text, "f");
    EXPECT_TRUE(parsed) << parsed.error().message;
    config = parsed.value_or(Config{});
    bound = bind(config, host.snapshot);
    found = lint(config, bound, resolve_zones(config, host.snapshot), parse_day(day).value());
  }
  [[nodiscard]] std::string all() const {
    std::string out;
    for (const Lint& l : found)
      out += std::string(to_string(l.kind)) + (l.level == LintLevel::kError ? "! " : ": ") +
             std::to_string(l.place.line) + " " + l.what + "\n";
    return out;
  }
};

TEST(Binding, FindsEachContainersPlaceOnTheBridge) {
  const Bindings b("tenants: {shop: {services: {web: {compose: shop/web}, db: {compose: db}}}}");
  ASSERT_EQ(b.bound.members.size(), 2U);
  ASSERT_EQ(b.bound.strangers.size(), 1U);
  const Member& web = b.bound.members[0];
  EXPECT_EQ(web.container->name, "shop-web-1");
  EXPECT_EQ(web.unheld, "");
  ASSERT_EQ(web.attached.size(), 1U);
  EXPECT_EQ(web.attached[0].bridge_name, "br-shop");
  EXPECT_TRUE(web.attached[0].port_name.starts_with("veth"));
  EXPECT_THAT(web.attached[0].addresses, ElementsAre(testing_hosts::ip("172.20.0.2")));
  Party all;
  all.kind = PartyKind::kService;
  all.tenant = all.name = "*";
  EXPECT_THAT(b.bound.members_of(b.config, all), ElementsAre(0U, 1U));
  all.name = "db";
  EXPECT_THAT(b.bound.members_of(b.config, all), ElementsAre(1U));
}

TEST(Binding, SaysWhomThePolicyCannotHold) {
  HostBuilder h = shop();
  h.engine().containers[0].network_mode = "host";
  h.snapshot.namespaces[2].links[1].kind = "macvlan";
  const Config c = parse_config("bulkhead: 1\ntenants: {shop: {}}", "f").value();
  const Bound bound = bind(c, h.snapshot);
  EXPECT_THAT(bound.members[0].unheld, HasSubstr("the host's own network"));
  EXPECT_THAT(bound.members[1].unheld, HasSubstr("ends at no bridge"));
}

TEST(Lint, HasNothingToSayOfAGoodFile) {
  const Bindings b(R"(trust: {admins: [198.51.100.0/28]}
host: {ssh: {port: 22, from: admins}}
tenants:
  shop:
    services: {web: {compose: web}, db: {compose: db}}
    ingress: [{to: web, publish: 80/tcp, from: internet}]
    egress: [{from: web, to: 203.0.113.0/24, port: 443}]
    allow: [{from: web, to: db, port: 5432}]
never: [{from: internet, to: shop/db}]
tests: [{from: shop/web, to: "shop/db:5432", expect: allow}]
)");
  EXPECT_EQ(b.all(), "");
}

struct Row {
  const char* name;
  const char* text;
  const char* said;
};
class Lints : public testing::TestWithParam<Row> {};

TEST_P(Lints, SayWhatIsWrong) {
  EXPECT_THAT(Bindings(GetParam().text).all(), HasSubstr(GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Each, Lints,
    testing::Values(
        Row{"tenant", "tenants: {shopp: {}}",
            "empty: 2 no running container belongs to tenant 'shopp'"},
        Row{"service", "tenants: {shop: {services: {x: {compose: shop/wob}}}}",
            "empty: 2 service 'shop/x' matches no running container"},
        Row{"project", "tenants: {shop: {services: {x: {compose: else/x}}}}",
            "'else' is none of its projects"},
        Row{"implicit", "tenants: {shop: {allow: [{from: wob, to: db, port: 1}]}}",
            "empty: 2 'wob' names no running container of tenant 'shop'"},
        Row{"group", "trust: {a: []}", "empty: 2 trust group 'a' is empty"},
        Row{"wide_group", "trust: {a: [0.0.0.0/0]}", "too-wide: 2 trust group 'a' holds 0.0.0.0/0"},
        Row{"shadowed",
            "tenants:\n  shop:\n    allow:\n      - {from: \"*\", to: db, port: [1, 2]}\n      - "
            "{from: web, to: db, port: 2}",
            "shadowed: 6 line 5 permits this already"},
        Row{"twice",
            "tenants:\n  shop:\n    allow:\n      - {from: web, to: db, port: 2}\n      - {from: "
            "web, to: db, port: 2}",
            "shadowed: 6 line 5"},
        Row{"all_to_all", "tenants: {shop: {allow: [{from: \"*\", to: \"*\", port: 1}]}}",
            "too-wide: 2 '*' names every service of the tenant"},
        Row{"everybody", "tenants: {shop: {allow: [{from: \"*/*\", to: db, port: 1}]}}",
            "too-wide: 2 '*/*' names every service of every tenant"},
        Row{"world", "tenants: {shop: {egress: [{from: web, to: internet, port: 443}]}}",
            "too-wide: 2 shop/web may send to the whole Internet"},
        Row{"name",
            "tenants: {shop: {egress: [{from: web, to: {fqdn: [api.example.org]}, port: 443}]}}",
            "unheld: 2 shop/web gets nowhere by the name 'api.example.org': nothing resolves "
            "names"},
        Row{"unpublished", "tenants: {shop: {ingress: [{to: web, publish: 443, from: internet}]}}",
            "unknown: 2 shop/web does not publish 443/tcp on this host; it publishes 80/tcp"},
        Row{"interface", "zones: {z: {role: lan, interface: eth9}}",
            "unknown: 2 zone 'z' is nowhere on this host: there is no interface eth9"},
        Row{"expired", "host: {x: {port: 80, from: lan, expires: 2026-11-23}}",
            "expired! 2 it expired with '2026-11-23'"},
        Row{"soon", "host: {x: {port: 80, from: lan, expires: 2026-11-24}}",
            "expired: 2 it expires with '2026-11-24'"},
        Row{"management", "host: {x: {port: 2375, from: internet}}",
            "management! 2 2375/tcp is a port of"},
        Row{"ssh", "host: {x: {port: 22, from: internet}}",
            "management! 2 22/tcp is a port of SSH"},
        Row{"managed_ingress",
            "tenants: {shop: {ingress: [{to: web, publish: 2375, from: internet}]}}",
            "management! 2 2375/tcp"},
        Row{"never", "tenants: {shopp: {}}\nnever: [{from: internet, to: shopp/db}]",
            "empty! 3 'shopp/db' matches no running container: this never says nothing"},
        Row{"test",
            "tenants: {shop: {}}\ntests: [{from: shop/wob, to: \"shop/db:1\", expect: deny}]",
            "empty! 3 'shop/wob' matches no running container: this test"}),
    [](const auto& row) { return row.param.name; });

TEST(Lint, EarlierEndsDoNotShadowWhatHoldsLonger) {
  const Bindings b(
      "tenants: {shop: {allow: [{from: web, to: db, port: 1, expires: 2027-06-01}, {from: web, to: "
      "db, port: 1}]}}");
  EXPECT_THAT(b.all(), HasSubstr("shadowed: 2 line 2"));  // the one that ends
  ASSERT_EQ(b.found.size(), 1U);
  EXPECT_LT(b.found[0].place.column, 60U);
}

}  // namespace
}  // namespace bulkhead::policy
