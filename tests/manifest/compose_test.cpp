// Overrides of Compose files: who shares a network, which ports stay, what is said to be unsaid.
#include "manifest/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"
#include "report/json_manifest.h"
#include "report/valid.h"

namespace bulkhead::manifest {
namespace {

using compile::shops::HostBuilder;
using compile::shops::ip;
using compile::shops::Policy;
using compile::shops::shop;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

Manifest composed(const Policy& p) {
  auto made = compose(p.input());
  EXPECT_TRUE(made) << made.error().message;
  return made.value_or(Manifest{});
}

// After the comments.
std::string body(const Manifest& m, std::string_view project) {
  for (const File& f : m.files) {
    if (f.name == project) return f.text.substr(f.text.find("services:"));
  }
  return "";
}

std::string with(std::string text, std::string_view what, std::string_view instead) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return at == std::string::npos ? text : text.replace(at, what.size(), instead);
}

const std::string kShop(compile::shops::kPolicy);

TEST(Compose, SplitsNetworksByWhoMayTalk) {
  const Manifest m = composed(Policy());
  EXPECT_EQ(body(m, "shop"),
            "services:\n"
            "  web:\n"
            "    networks: !override\n"
            "      bh-web-api-db: {}\n"
            "      bh-web-out: {}\n"
            "    ports: !override\n"
            "      - \"0.0.0.0:80:8080/tcp\"\n"
            "  api:\n"
            "    networks: !override\n"
            "      bh-web-api-db: {}\n"
            "      bh-api-out: {}\n"
            "    ports: !reset []\n"
            "  db:\n"
            "    networks: !override\n"
            "      bh-web-api-db: {}\n"
            "    ports: !reset []\n"
            "networks:\n"
            "  bh-web-api-db:\n"
            "    internal: true\n"
            "  bh-web-out: {}\n"
            "  bh-api-out: {}\n");
  EXPECT_EQ(body(m, "blog"),
            "services:\n"
            "  app:\n"
            "    networks: !override\n"
            "      bh-app-alone: {}\n"
            "    ports: !reset []\n"
            "networks:\n"
            "  bh-app-alone:\n"
            "    internal: true\n");
  EXPECT_THAT(m.networks, SizeIs(0));
}

TEST(Compose, TwoTenantsMeetOnANetworkOfJustTheTwo) {
  const Manifest m =
      composed(Policy(shop().snapshot, with(kShop, "- {from: web, to: db",
                                            "- {from: [web, blog/app], to: [api, db]")));
  EXPECT_THAT(m.networks, ElementsAre("bh-shop.api-blog.app", "bh-shop.db-blog.app"));
  EXPECT_THAT(body(m, "blog"), AllOf(HasSubstr("bh-shop.db-blog.app:\n    external: true\n"),
                                     Not(HasSubstr("alone"))));
  EXPECT_THAT(m.files[0].text, HasSubstr("docker network create --internal bh-shop.db-blog.app"));
}

TEST(Compose, WhoIsNotHeldKeepsHisNetworks) {
  std::string text = with(kShop, "- {from: web, to: db", "- {from: [web, blog/app], to: db");
  const Manifest m =
      composed(Policy(shop().snapshot, with(text, "  blog:\n", "  blog:\n    mode: off\n")));
  EXPECT_EQ(body(m, "blog"),
            "services:\n"
            "  app:\n"
            "    networks:\n"
            "      default: {}\n"
            "      bh-shop.db-blog.app: {}\n"
            "networks:\n"
            "  bh-shop.db-blog.app:\n"
            "    external: true\n"
            "    name: bh-shop.db-blog.app\n");
}

TEST(Compose, PortsAreBoundWhereTheirZonesAre) {
  HostBuilder h = shop();
  h.link(0, "eth9", "dummy", 90);
  h.address(0, IfIndex{90}, "203.0.113.129", 28);
  const std::string zones =
      "zones: {office: {role: lan, interface: eth9, prefixes: [203.0.113.128/28]}}\n";
  const auto ports = [&](const std::string& from) {
    const Manifest m =
        composed(Policy(h.snapshot, zones + with(kShop, "publish: 80/tcp, from: internet",
                                                 "publish: 80/tcp, from: " + from)));
    const std::string shop_body = body(m, "shop");
    const std::size_t at = shop_body.find("ports:");
    return shop_body.substr(at, shop_body.find("  api:") - at);
  };
  EXPECT_EQ(ports("office"), "ports: !override\n      - \"203.0.113.129:80:8080/tcp\"\n");
  EXPECT_EQ(ports("dmz"), "ports: !reset []\n");
  EXPECT_EQ(ports("[internet, office]"), "ports: !override\n      - \"0.0.0.0:80:8080/tcp\"\n");
}

TEST(Compose, LoopbackIsForWhomTheHostMayReach) {
  HostBuilder h = shop();
  h.engine().containers[2].published.push_back(
      {IpProtocol::kTcp, Port{5432}, ip("127.0.0.1"), Port{15432}});
  EXPECT_THAT(body(composed(Policy(h.snapshot)), "shop"),
              HasSubstr("- \"127.0.0.1:15432:5432/tcp\"\n"));
  const std::string without = with(kShop, "- {from: host, to: db, port: 5432/tcp}", "");
  EXPECT_THAT(body(composed(Policy(h.snapshot, without)), "shop"), Not(HasSubstr("15432")));
}

TEST(Compose, SaysWhatItCannotSayOfEachLine) {
  const Policy p(shop().snapshot,
                 with(with(with(kShop, "port: 7000/tcp}", "port: 7000/tcp, expires: 2036-01-01}"),
                           "from: internet}", "from: admins}"),
                      "to: [203.0.113.0/24, 203.0.113.7]", "to: {fqdn: [api.example.org]}"));
  const Manifest m = composed(p);
  const auto said = [&](std::string_view section, std::string_view what) {
    return Contains(AllOf(testing::Field(&Unsaid::section, section),
                          testing::Field(&Unsaid::what, HasSubstr(std::string(what)))));
  };
  EXPECT_THAT(m.unsaid, said("", "ARP"));
  EXPECT_THAT(m.unsaid, said("", "ipv4_address"));
  EXPECT_THAT(m.unsaid, said("host", "services of the host"));
  EXPECT_THAT(m.unsaid,
              said("allow", "every port is open, both ways: not only 7000/tcp of shop/api"));
  EXPECT_THAT(m.unsaid, said("allow", "ends on 2036-01-01"));
  EXPECT_THAT(m.unsaid, said("allow", "the host reaches every port"));
  EXPECT_THAT(m.unsaid, said("egress", "not only api.example.org 443/tcp, 53/udp"));
  EXPECT_THAT(m.unsaid, said("ingress", "not only admins"));
  EXPECT_THAT(m.unsaid, said("ingress", "both are at one interface"));
  for (const Unsaid& u : m.unsaid) EXPECT_THAT(m.files[1].text, HasSubstr(u.what + "\n"));
  EXPECT_THAT(m.files[0].text, AllOf(HasSubstr(": host: "), Not(HasSubstr(": allow: "))));
  EXPECT_THAT(m.files[1].text, HasSubstr("#   b.yaml:11:10: allow: it ends on"));
  testing_json::expect_valid(report::manifest_json(p.config, "compose", m), "compile");
}

TEST(Compose, WhatIsNoServiceOfAFileIsNamed) {
  HostBuilder h = shop();
  h.engine().containers[0].service = "web\": {}\nx";
  h.engine().containers[3].network_mode = "host";
  h.engine().containers[1].attachments[0].aliases = {"api", "backend", "a b\n"};
  std::string text = with(kShop, "web: {compose: web}", "web: {container: shop-web-1}");
  const Manifest m = composed(Policy(h.snapshot, text));
  EXPECT_THAT(m.files, SizeIs(1));
  std::string all;
  for (const Unsaid& u : m.unsaid) all += u.what + "\n";
  EXPECT_THAT(all, HasSubstr("shop-web-1 stays as it is: its labels name no service"));
  EXPECT_THAT(all, HasSubstr("blog-app-1 stays as it is: its network mode is host"));
  EXPECT_THAT(all, HasSubstr("shop-web-1 is no service of these files"));
  EXPECT_THAT(all, HasSubstr("an alias of shop/api is not taken over: a b\\x0a"));
  EXPECT_THAT(body(m, "shop"),
              AllOf(HasSubstr("aliases:\n          - backend\n"), Not(HasSubstr("web"))));
}

TEST(Compose, MoreNetworksThanDockerHasPrefixesForAreSaid) {
  HostBuilder h = shop();
  std::string lines;
  for (int i = 0; i < 40; ++i) {
    const std::string name = "w" + std::to_string(i);
    h.container("shop-" + name + "-1", "shop", "172.20.0." + std::to_string(100 + i), "shop", name);
    lines += ", " + name + ": {compose: " + name + "}";
  }
  const std::string text = with(kShop, ", db: {compose: db}", ", db: {compose: db}" + lines);
  const Manifest m = composed(Policy(h.snapshot, text));
  EXPECT_THAT(m.unsaid,
              Contains(testing::Field(&Unsaid::what, HasSubstr("default-address-pools"))));
  EXPECT_THAT(
      composed(Policy()).unsaid,
      testing::Each(testing::Field(&Unsaid::what, Not(HasSubstr("default-address-pools")))));
}

TEST(Compose, NobodyHeldIsRefused) {
  const auto made =
      compose(Policy(shop().snapshot, with(kShop, "mode: enforce", "mode: audit")).input());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
  HostBuilder h = shop();
  h.engine().kind = model::EngineKind::kPodman;
  EXPECT_FALSE(compose(Policy(h.snapshot).input()));
}

}  // namespace
}  // namespace bulkhead::manifest
