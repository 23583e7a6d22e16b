// The whitelist in bulkhead.yaml: what is read, what is refused and with which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "policy/good.h"
#include "policy/meaning.h"
#include "policy/port_list.h"
#include "policy/tenants.h"

namespace bulkhead::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kShop = R"(bulkhead: 1
mode: enforce
trust: {admins: [198.51.100.0/28], office: [203.0.113.0/26]}
host:
  ssh: {port: 22/tcp, from: admins, expires: 2026-12-31}
tenants:
  edge:
    services: {proxy: {compose: edge/traefik}}
    ingress: [{to: proxy, publish: [80/tcp, 443/tcp], from: internet, why: the shop}]
  shop-a:
    mode: audit
    services: {api: {compose: api}, db: {label: {role: db}, expect: [5432/tcp]}}
    egress:
      - {from: api, to: {fqdn: [api.example.org]}, port: 443/tcp}
      - {from: api, to: [office, 192.0.2.0/24], port: [25/tcp, 53/udp]}
    allow:
      - {from: api, to: db, port: 5432/tcp}
      - {from: [tenant.edge/proxy, host], to: api, port: 8080/tcp}
  shop-b: {like: shop-a}
never:
  - {from: internet, to: "*/db"}
  - {from: shop-a/*, to: shop-b/*, both: true}
  - {from: ["*/*", internet], to: host.ssh, except: admins, port: 22}
tests:
  - {from: edge/proxy, to: "shop-a/api:8080", expect: allow}
  - {from: lan, to: "[2001:db8::1]:53/udp", expect: deny}
)";

std::vector<std::string> words(std::span<const Party> parties) {
  std::vector<std::string> out;
  for (const Party& p : parties) out.push_back(to_string(p));
  return out;
}

std::string with_ports(std::string_view ports) {
  return "bulkhead: 1\ntenants: {a: {services: {b: {compose: b}}, egress: [{from: b, to: internet, "
         "port: " +
         std::string(ports) + "}]}}\n";
}

TEST(Whitelist, ARangeOfPortsIsEachOfThem) {
  const auto read = [](std::string_view ports) {
    return good(with_ports(ports)).tenants[0].egress[0].ports;
  };
  EXPECT_EQ(read("8000-8002").size(), 3U);
  EXPECT_EQ(ports_text(read("[53/udp, 8000-8010/tcp, 8011/udp]")),
            "53/udp, 8000-8010/tcp, 8011/udp");
  EXPECT_EQ(ports_text(read("[8000, 8001]")), "8000/tcp, 8001/tcp");
  EXPECT_EQ(ports_text(read("[8000, 8001, 8002, 80]")), "8000-8002/tcp, 80/tcp");
  EXPECT_EQ(ports_text(read("65535-65535/udp")), "65535/udp");
  EXPECT_EQ(read("1-1024").size(), 1024U);
  EXPECT_EQ(ports_text({}), "");
}

TEST(Whitelist, WhatIsNoRangeOfPortsIsRefused) {
  for (const char* ports :
       {"8010-8000", "0-5", "5-", "-5", "5-70000", "1-2-3", "a-b/udp", "1-2/sctp", "/-1"}) {
    const auto config = parse_config(with_ports("\"" + std::string(ports) + "\""), "f");
    ASSERT_FALSE(config) << ports;
    EXPECT_THAT(config.error().message, HasSubstr("is no range of ports; write 8000-8010/tcp"))
        << ports;
  }
  const auto many = parse_config(with_ports("[1-1024, 1025]"), "f");
  ASSERT_FALSE(many);
  EXPECT_THAT(many.error().message, HasSubstr("holds 1025 ports; at most 1024"));
}

TEST(Whitelist, IsReadWithItsNamesResolved) {
  const Config c = good(kShop);
  EXPECT_EQ(c.mode, Mode::kEnforce);
  EXPECT_EQ(c.mode_of(c.tenants[0]), Mode::kEnforce);
  EXPECT_EQ(c.mode_of(c.tenants[1]), Mode::kAudit);
  EXPECT_EQ(c.host[0].clause.expires, "2026-12-31");
  EXPECT_THAT(words(c.tenants[0].ingress[0].from), ElementsAre("internet"));
  const Tenant& shop = c.tenants[1];
  EXPECT_EQ(shop.services[0].service, "api");
  EXPECT_EQ(shop.services[1].expect[0], (PortSpec{Port{5432}, IpProtocol::kTcp}));
  EXPECT_EQ(shop.egress[0].to[0].kind, PartyKind::kDomain);
  EXPECT_THAT(words(shop.egress[1].to), ElementsAre("office", "192.0.2.0/24"));
  EXPECT_THAT(words(shop.allow[1].from), ElementsAre("edge/proxy", "host"));
  EXPECT_EQ(shop.allow[1].clause.place.line, 18U);
  EXPECT_TRUE(c.never[1].both);
  EXPECT_THAT(words(c.never[2].except), ElementsAre("admins"));
  EXPECT_TRUE(c.tests[0].allow);
  EXPECT_EQ(c.tests[0].port.port.number, 8080);
  EXPECT_EQ(c.tests[1].to.prefix.to_string(), "2001:db8::1/128");
  EXPECT_EQ(c.tests[1].port.protocol, IpProtocol::kUdp);
}

// shop-b: the same rules for its own containers, nothing between the two.
TEST(Whitelist, LikeAnotherTenantMeansOnesOwnServices) {
  const Config c = good(kShop);
  const Tenant& b = c.tenants[2];
  EXPECT_EQ(b.projects, std::vector<std::string>{"shop-b"});
  EXPECT_EQ(b.services.size(), 2U);
  EXPECT_THAT(words(b.allow[0].from), ElementsAre("shop-b/api"));
  EXPECT_THAT(words(b.allow[0].to), ElementsAre("shop-b/db"));
  EXPECT_THAT(words(b.allow[1].from), ElementsAre("edge/proxy", "host"));
}

TEST(Whitelist, LinesThatAreOverPermitNothing) {
  const Config c = good(kShop);
  const std::uint64_t last_day = parse_day("2026-12-31").value();
  const std::uint64_t after = parse_day("2027-01-01").value();
  EXPECT_EQ(permitted(c, last_day).size(), all_lines(c).size());
  EXPECT_EQ(permitted(c, after).size(), all_lines(c).size() - 1);
}

TEST(Whitelist, WhatCoversWhat) {
  const Config c = good(kShop);
  const auto party = [](PartyKind kind, std::string name, std::string tenant = "") {
    Party p;
    p.kind = kind;
    p.name = std::move(name);
    p.tenant = std::move(tenant);
    return p;
  };
  const Party api = party(PartyKind::kService, "api", "shop-a");
  EXPECT_TRUE(covers(c, party(PartyKind::kService, "*", "*"), api));
  EXPECT_TRUE(covers(c, party(PartyKind::kService, "api", "*"), api));
  EXPECT_FALSE(covers(c, api, party(PartyKind::kService, "*", "shop-a")));
  EXPECT_FALSE(covers(c, party(PartyKind::kZone, "internet"), api));
  EXPECT_TRUE(covers(c, party(PartyKind::kZone, "internet"), party(PartyKind::kTrust, "admins")));
  EXPECT_FALSE(covers(c, party(PartyKind::kTrust, "admins"), party(PartyKind::kZone, "internet")));
  const Party names = party(PartyKind::kDomain, "*.example.org");
  EXPECT_TRUE(covers(c, names, party(PartyKind::kDomain, "api.example.org")));
  EXPECT_FALSE(covers(c, names, party(PartyKind::kDomain, "example.org")));
  EXPECT_FALSE(covers(c, names, party(PartyKind::kDomain, "badexample.org")));
  Party inner = party(PartyKind::kPrefix, ""), outer = party(PartyKind::kTrust, "office");
  inner.prefix = Prefix::parse("203.0.113.0/28").value();
  EXPECT_TRUE(covers(c, outer, inner));
  EXPECT_FALSE(covers(c, inner, outer));
}

TEST(Whitelist, ServicesAreToldByWhatEnginesSay) {
  const Config c = good(R"(bulkhead: 1
tenants:
  t:
    projects: [t, pod1, ns1]
    services:
      compose: {compose: t/api}
      own: {compose: db}
      image: {image: docker.io/library/postgres}
      exact: {image: "registry:5000/x:1"}
      pod: {pod: pod1}
      kube: {kubernetes: ns1/app}
      both: {label: {a: b}, container: c1}
)");
  const Tenant& t = c.tenants[0];
  model::Container one;
  one.project = "t";
  one.service = "api";
  one.name = "c1";
  one.image = "docker.io/library/postgres:16@sha256:0123";
  EXPECT_TRUE(is_service(t, "compose", one));
  EXPECT_FALSE(is_service(t, "own", one));
  EXPECT_TRUE(is_service(t, "image", one));
  EXPECT_FALSE(is_service(t, "exact", one));
  EXPECT_FALSE(is_service(t, "both", one));
  EXPECT_FALSE(is_service(t, "nobody", one));
  one.labels = {{"a", "b"},
                {"io.podman.pod.name", "pod1"},
                {"io.kubernetes.pod.namespace", "ns1"},
                {"io.kubernetes.container.name", "app"}};
  one.image = "registry:5000/x:1";
  one.service = "db";
  for (const char* name : {"own", "exact", "pod", "kube", "both"})
    EXPECT_TRUE(is_service(t, name, one)) << name;
  one.image = "registry:5000/x:2";
  EXPECT_FALSE(is_service(t, "exact", one));
  one.project.clear();
  EXPECT_EQ(tenant_of(c, {}, one).name, "t");  // by its pod
}

TEST(Whitelist, TheExampleOfItsDocumentLoads) {
  std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/docs/policy.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t begin = text.find("```yaml\n");
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = text.find("```", begin + 3);
  EXPECT_EQ(good(text.substr(begin + 8, end - begin - 8)).tenants.size(), 4U);
}

struct Refused {
  const char* name;
  const char* text;
  const char* complaint;
};
class WhitelistMistakes : public testing::TestWithParam<Refused> {};

TEST_P(WhitelistMistakes, AreNamedWithPlaceAndCure) {
  const auto config = parse_config("bulkhead: 1\n" + std::string(GetParam().text), "b.yaml");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Each, WhitelistMistakes,
    testing::Values(
        Refused{
            "service",
            "tenants: {t: {services: {api: {compose: api}}, allow: [{from: apo, to: api, port: "
            "1}]}}",
            "b.yaml:2:63: 'apo' is no service of this tenant and no tenant.NAME/SERVICE; did you "
            "mean 'api'?"},
        Refused{"foreign_receiver", "tenants: {t: {allow: [{from: a, to: u/b, port: 1}]}, u: {}}",
                "'u/b' is no service of this tenant"},
        Refused{"foreign_service",
                "tenants: {t: {allow: [{from: u/dc, to: b, port: 1}]}, u: {services: {db: "
                "{compose: d}}}}",
                "did you mean 'u/db'?"},
        Refused{"zone_for_service", "tenants: {t: {allow: [{from: internet, to: b, port: 1}]}}",
                "'internet' is no service of this tenant"},
        Refused{"address", "tenants: {t: {allow: [{from: 172.17.0.2, to: b, port: 1}]}}",
                "'172.17.0.2' is no service"},
        Refused{"no_port", "tenants: {t: {allow: [{from: a, to: b}]}}",
                "needs from:, to: and port:"},
        Refused{"egress_name", "tenants: {t: {egress: [{from: a, to: {fqdn: [a b]}, port: 1}]}}",
                "'a b' is no domain name"},
        Refused{"egress_key", "tenants: {t: {egress: [{from: a, to: {name: [a]}, port: 1}]}}",
                "unknown key 'name' in to; it may be one of: fqdn"},
        Refused{"egress_prefix", "tenants: {t: {egress: [{from: a, to: 10.0.0.1/8, port: 1}]}}",
                "'10.0.0.1/8' is no zone, no trust group and no prefix"},
        Refused{"never", "never: [{from: internet}]", "a never rule needs from: and to:"},
        Refused{"never_typo", "never: [{from: internet, to: shop/db}]\ntenants: {shopp: {}}",
                "did you mean 'shopp/*'?"},
        Refused{"host_service", "host: {ssh: {port: 22}}\nnever: [{from: lan, to: host.shh}]",
                "did you mean 'host.ssh'?"},
        Refused{"test_target", "tenants: {t: {}}\ntests: [{from: lan, to: t/x, expect: deny}]",
                "'t/x' is no target of a test"},
        Refused{"test_expect",
                "tenants: {t: {}}\ntests: [{from: lan, to: \"t/x:1\", expect: open}]",
                "unknown expectation 'open'; it may be one of: allow, deny"},
        Refused{"test_many",
                "tenants: {t: {}}\ntests: [{from: [lan, dmz], to: \"t/x:1\", expect: deny}]",
                "a test is from one place"},
        Refused{"expiry", "tenants: {t: {allow: [{from: a, to: b, port: 1, expires: tomorrow}]}}",
                "'tomorrow' is not a day"},
        Refused{"like_nobody", "tenants: {t: {like: u}}", "is like 'u', which is no other tenant"},
        Refused{"like_oneself", "tenants: {t: {like: t}}", "no other tenant"},
        Refused{"like_like", "tenants: {a: {like: b}, b: {like: c}, c: {}}", "no other tenant"},
        Refused{"tenant_name", "tenants: {a/b: {}}", "must not hold '/'"},
        Refused{"service_name", "tenants: {a: {services: {\"*\": {compose: x}}}}",
                "must not hold '/'"},
        Refused{"trust_like_zone", "trust: {lan: []}", "has the name of a zone"},
        Refused{"kubernetes", "tenants: {a: {services: {s: {kubernetes: x}}}}",
                "write NAMESPACE/CONTAINER"}),
    [](const auto& row) { return row.param.name; });

// Each copies the rules of one: what is small to write would be large to keep.
TEST(Whitelist, CopiesAreBounded) {
  std::string text = "bulkhead: 1\ntenants:\n  a: {allow: [";
  for (int i = 0; i < 2000; ++i) text += "{from: a, to: b, port: 1},";
  text += "]}\n";
  for (int i = 0; i < 2000; ++i) text += "  t" + std::to_string(i) + ": {like: a}\n";
  const auto config = parse_config(text, "f");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("too many rules"));
}

}  // namespace
}  // namespace bulkhead::policy
