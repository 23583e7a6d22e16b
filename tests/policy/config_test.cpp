#include "policy/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/good.h"
#include "policy/nearest.h"

namespace bulkhead::policy {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(Config, ReadsWhatAPersonDeclares) {
  const Config c = good(R"(bulkhead: 1
mode: audit
zones:
  office: {role: lan, interface: eth1, prefixes: [203.0.113.0/26, "2001:db8::/64"]}
  ipmi: {role: management, prefixes: [10.99.0.0/24]}
trust: {admins: [198.51.100.0/28, 203.0.113.7]}
host:
  ssh: {port: 22/tcp, from: admins, why: repairs}
  dns: {port: 53/udp, from: [tenant.edge/proxy, lan]}
tenants:
  shop:
  edge:
    projects: [traefik, edge]
    services: {proxy: {compose: edge/traefik, label: {role: front}}}
    networks: {web: {shared: true, reason: the proxy's network}}
    ingress:
      - {to: proxy, publish: [80/tcp, 443/tcp], from: internet}
suppress:
  - {id: T5-0011223344556677, reason: read-only replica, expires: 2026-12-31}
)");
  ASSERT_EQ(c.zones.size(), 2U);
  EXPECT_EQ(c.zones[0].interface, "eth1");
  EXPECT_EQ(c.zones[0].prefixes.size(), 2U);
  EXPECT_EQ(c.zones[1].role, ZoneRole::kManagement);
  EXPECT_EQ(c.trust[0].prefixes[1].to_string(), "203.0.113.7/32");
  EXPECT_EQ(c.host[0].port, (PortSpec{Port{22}, IpProtocol::kTcp}));
  EXPECT_EQ(c.host[1].port.protocol, IpProtocol::kUdp);
  ASSERT_EQ(c.tenants.size(), 2U);
  EXPECT_EQ(c.tenants[0].projects, std::vector<std::string>{"shop"});
  EXPECT_EQ(c.tenants[1].services[0].project, "edge");
  EXPECT_EQ(c.tenants[1].networks[0].reason, "the proxy's network");
  EXPECT_EQ(c.tenants[1].ingress[0].publish.size(), 2U);
  EXPECT_EQ(c.suppress[0].expires_ms, 1798761600000U);  // 2027-01-01T00:00:00Z
}

TEST(Config, AnEmptyFileOnlyLacksItsVersion) {
  for (const char* text : {"", "\n", "# nothing\n"}) {
    auto config = parse_config(text, "f");
    ASSERT_FALSE(config) << '"' << text << '"';
    EXPECT_THAT(config.error().message, HasSubstr("bulkhead: 1"));
  }
}

struct Mistake {
  const char* name;
  const char* text;
  const char* complaint;
};

class ConfigMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(ConfigMistakes, AreNamedWithPlaceAndCure) {
  auto config = parse_config(GetParam().text, "b.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::kInvalidInput);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Each, ConfigMistakes,
    testing::Values(
        Mistake{"unknown_key", "bulkhead: 1\nzoness: {}\n",
                "b.yaml:2:1: unknown key 'zoness' in the file; did you mean 'zones'?"},
        Mistake{"swapped_letters", "bulkhead: 1\nsupperss: []\n", "did you mean 'suppress'?"},
        Mistake{"far_key", "bulkhead: 1\nfoo: 1\n", "it may be one of: bulkhead, zones"},
        Mistake{"duplicate", "bulkhead: 1\ntrust: {}\ntrust: {}\n",
                "b.yaml:3:1: the key 'trust' is there twice"},
        Mistake{"duplicate_quoted", "bulkhead: 1\ntrust: {a: [], \"a\": []}\n",
                "b.yaml:2:17: the key 'a' is there twice"},
        Mistake{"not_utf8", "bulkhead: 1\n# \xc3\xa9\xc3\n", "b.yaml:2:4: not UTF-8"},
        Mistake{"directive_not_utf8",
                "%\x9c"
                "AML 1.2\n---\nbulkhead: 1\n",
                "b.yaml:1:2: not UTF-8"},
        Mistake{"bad_version", "bulkhead: 2\n", "b.yaml:1:11: this version"},
        Mistake{"no_version", "trust: {}\n", "begin the file with 'bulkhead: 1'"},
        Mistake{"zone_key", "bulkhead: 1\nzones:\n  a: {rol: lan, interface: e}\n",
                "b.yaml:3:7: unknown key 'rol' in a zone; did you mean 'role'?"},
        Mistake{"zone_role", "bulkhead: 1\nzones: {a: {role: lam, interface: e}}\n",
                "unknown role 'lam'; did you mean 'lan'?"},
        Mistake{"zone_without_role", "bulkhead: 1\nzones: {a: {interface: e}}\n", "has no role"},
        Mistake{"zone_without_place", "bulkhead: 1\nzones: {a: {role: lan}}\n",
                "needs an interface"},
        Mistake{"host_bits", "bulkhead: 1\ntrust: {a: [10.0.0.1/8]}\n", "10.0.0.0/8"},
        Mistake{"later_key", "bulkhead: 1\nnotify: {}\n",
                "b.yaml:2:1: 'notify' is not understood by this version"},
        Mistake{"mode", "bulkhead: 1\nmode: enforced\n",
                "b.yaml:2:7: unknown mode 'enforced'; did you mean 'enforce'?"},
        Mistake{"shared_without_reason",
                "bulkhead: 1\ntenants: {a: {networks: {n: {shared: true}}}}\n",
                "shared without a reason"},
        Mistake{"shared_text",
                "bulkhead: 1\ntenants: {a: {networks: {n: {shared: yes, reason: x}}}}\n",
                "true or false"},
        Mistake{"suppression_no_reason",
                "bulkhead: 1\nsuppress: [{id: T1-1, expires: 2026-01-01}]\n",
                "needs id:, reason: and expires:"},
        Mistake{"suppression_day",
                "bulkhead: 1\nsuppress: [{id: a, reason: b, expires: 2026-02-29}]\n",
                "'2026-02-29' is not a day"},
        Mistake{"port", "bulkhead: 1\nhost: {s: {port: 22/sctp}}\n", "'22/sctp' is not a port"},
        Mistake{"port_range", "bulkhead: 1\nhost: {s: {port: 65536}}\n", "is not a port"},
        Mistake{"reference",
                "bulkhead: 1\nhost: {s: {port: 22, from: admin}}\ntrust: {admins: []}\n",
                "'admin' is no zone, no trust group and no tenant.NAME/SERVICE; did you mean "
                "'admins'?"},
        Mistake{"list_for_map", "bulkhead: 1\nzones: [a]\n", "zones must be a map"},
        Mistake{"alias", "bulkhead: 1\ntrust: {a: &x [10.0.0.0/8], b: *x}\n", "aliases"},
        Mistake{"tag", "bulkhead: 1\ntrust: {a: !!seq [10.0.0.0/8]}\n", "tags"},
        Mistake{"top_list", "- bulkhead\n", "the file must be a map"}),
    [](const auto& row) { return row.param.name; });

TEST(Config, AllMistakesAreToldInOneRun) {
  auto config = parse_config("bulkhead: 1\nfoo: 1\nbar: 2\n", "f");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("f:2:1"));
  EXPECT_THAT(config.error().message, HasSubstr("f:3:1"));
}

TEST(Config, HostileTextIsRefusedNotFollowed) {
  const std::string deep(5000, '[');
  std::string bomb = "bulkhead: 1\ntrust:\n  a: &a [10.0.0.0/8]\n";
  for (const std::string& text :
       {deep, std::string("a: \0b", 5), std::string(2 << 20, 'x'),
        std::string("bulkhead: 1\n\x1b[31m: 2\n"), bomb + "  b: [*a, *a]\n",
        std::string("\xff\xfe\x00"), std::string("bulkhead: {1: [}")}) {
    auto config = parse_config(text, "evil\x1b[2J");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().message.find('\x1b'), std::string::npos);
    EXPECT_THAT(config.error().message, StartsWith("evil\\x1b[2J:"));
  }
}

// Names of the file stand in suggestions too.
TEST(Config, SuggestionsAreSafeToShowAndBounded) {
  auto config = parse_config(
      "bulkhead: 1\nhost: {s: {port: 22, from: adminx}}\ntrust: {\"admin\\e\": []}\n", "f");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("did you mean 'admin\\x1b'?"));
  std::string many = "bulkhead: 1\nhost: {s: {port: 22, from: adminx}}\ntrust:\n";
  for (int i = 0; i < 1000; ++i) many += "  zzz" + std::to_string(i) + ": []\n";
  config = parse_config(many, "f");
  ASSERT_FALSE(config);
  EXPECT_LT(config.error().message.size(), 500U);
}

// 20 complaints are told; what is beyond is counted, and costs no search for a suggestion.
// A cost that grows with their product would not end within the limit of the test.
TEST(Config, ManyMistakesAmongManyNamesAreCounted) {
  std::string text = "bulkhead: 1\ntrust:\n";
  for (int i = 0; i < 9000; ++i) text += "  group" + std::to_string(i) + ": []\n";
  text += "host: {s: {port: 22, from: [";
  for (int i = 0; i < 20000; ++i) text += "groop" + std::to_string(i) + ",";
  text += "]}}\n";
  const auto config = parse_config(text, "f");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("19980 more"));
}

TEST(Config, DaysAreThoseOfTheCalendar) {
  EXPECT_EQ(parse_day("1970-01-01").value(), 0U);
  EXPECT_EQ(parse_day("2000-02-29").value(), 951782400000U);
  EXPECT_EQ(parse_day("2026-11-24").value(), 1795478400000U);
  for (const char* bad :
       {"2100-02-29", "2026-13-01", "2026-00-10", "26-01-01", "2026-1-1", "2026-01-32", ""}) {
    EXPECT_FALSE(parse_day(bad)) << bad;
  }
}

}  // namespace
}  // namespace bulkhead::policy
