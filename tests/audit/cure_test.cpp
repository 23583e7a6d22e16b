#include <gmock/gmock.h>

#include "audit/ask.h"
#include "audit/cure_rules.h"

namespace bulkhead::audit {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using namespace testing_hosts;

// Something for every kind that has a cure which can be computed.
model::Snapshot troubled() {
  HostBuilder h;
  h.interface("eth1", "10.99.0.1", 24);
  h.network("shared", "br-s", "172.18.0.1");
  h.network("shop_default", "br-shop", "172.19.0.1");
  const auto a = h.container("a-app-1", "shared", "172.18.0.2", "a", "app");
  h.container("b-app-1", "shared", "172.18.0.3", "b", "app");
  const auto db =
      h.container("shop-db-1", "shop_default", "172.19.0.2", "shop", "db", "postgres:16");
  const auto api = h.container("shop-api-1", "shop_default", "172.19.0.3", "shop", "api");
  h.listen(a.ns, 9999, "app");
  h.listen(db.ns, 5432, "postgres");
  h.listen(api.ns, 7070, "api");
  h.publish(db, 5432, 5432);
  h.publish(api, 8070, 7070, "127.0.0.1");
  h.listen(0, 2375, "dockerd");
  h.listen(0, 873, "rsync");
  h.closed_but_for({22, 2375});
  h.engine().containers[0].mounts.push_back(
      {"/var/run/docker.sock", "/var/run/docker.sock", "bind", true});
  return h.snapshot;
}

constexpr std::string_view kYaml =
    "bulkhead: 1\nzones: {ipmi: {role: management, interface: eth1}}\n";

TEST(Cures, MakeTheirFindingGoAway) {
  const Report report = audit_of(troubled(), kYaml);
  EXPECT_GE(report.findings.size(), 10U);
  for (const Finding& f : report.findings) {
    ASSERT_FALSE(f.cures.empty()) << f.id;
    EXPECT_TRUE(f.cures.front().effect.computed) << f.id;
    EXPECT_TRUE(f.cures.front().effect.gone) << f.id << ' ' << f.cures.front().paste;
    EXPECT_FALSE(f.cures.front().paste.empty()) << f.id;
  }
}

const Finding& first(const Report& report, Kind kind) {
  return *of_kind(report, kind).front();
}

std::string all_lines(const Finding& f) {
  std::string out;
  for (const Cure& c : f.cures) out += c.where + ":\n" + c.paste + "\n";
  return out;
}

TEST(Cures, SpeakOfTheSubjectItself) {
  const Report report = audit_of(troubled(), kYaml);
  EXPECT_THAT(first(report, Kind::kT1).cures.front().paste,
              HasSubstr("unix:///var/run/docker.sock"));
  EXPECT_THAT(all_lines(first(report, Kind::kT5)),
              HasSubstr("services:\n  db:\n    ports:\n      - \"127.0.0.1:5432:5432\""));
  EXPECT_THAT(all_lines(first(report, Kind::kT5)),
              HasSubstr("iifname \"eth0\" tcp dport 5432 drop"));
  EXPECT_THAT(first(report, Kind::kT3).cures.front().paste,
              HasSubstr("iifname { \"br-s\", \"br-shop\" } tcp dport 873 drop"));
  EXPECT_THAT(first(report, Kind::kT6).cures.front().paste,
              HasSubstr("docker network disconnect shared b-app-1"));
}

TEST(Cures, AreCommandsOfTheEngineThatRunsTheContainer) {
  for (const auto kind : {model::EngineKind::kDocker, model::EngineKind::kPodman}) {
    model::Snapshot snapshot = troubled();
    snapshot.engines[0].kind = kind;
    const bool podman = kind == model::EngineKind::kPodman;
    snapshot.engines[0].name = podman ? "podman" : "docker";
    std::string all;
    for (const Finding& f : audit_of(std::move(snapshot), kYaml).findings) all += all_lines(f);
    for (const std::string word : {" network create", " network connect", " network disconnect"}) {
      EXPECT_THAT(all, HasSubstr((podman ? "podman" : "docker") + word));
      EXPECT_THAT(all, Not(HasSubstr((podman ? "docker" : "podman") + word)));
    }
  }
}

TEST(Cures, BindingToLoopbackIsToldToLeaveNeighboursIn) {
  const Report report = audit_of(troubled(), kYaml);
  const auto& cures = first(report, Kind::kT5).cures;
  EXPECT_EQ(cures.front().say.phrase, Phrase::kCureUnpublish);
  const auto loopback =
      std::ranges::find(cures, Phrase::kCureLoopback, [](const Cure& c) { return c.say.phrase; });
  ASSERT_NE(loopback, cures.end());
  EXPECT_TRUE(loopback->effect.computed);
  EXPECT_FALSE(loopback->effect.gone) << "Docker before 28 still routes to it";
}

TEST(Cures, WithoutABudgetNothingIsClaimed) {
  Options options;
  options.cures = 0;
  const Report report = audit_of(troubled(), kYaml, options);
  for (const Finding& f : report.findings) {
    for (const Cure& c : f.cures) {
      EXPECT_FALSE(c.effect.computed);
      EXPECT_FALSE(c.effect.gone);
    }
  }
}

TEST(Cures, HostileNamesCannotLeaveTheirQuotes) {
  EXPECT_EQ(shell_word("shop-db_1.x"), "shop-db_1.x");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("$(reboot)"), "'$(reboot)'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("-rf"), "'-rf'");
  EXPECT_EQ(shell_word("a\nb"), "NAME");
  EXPECT_EQ(shell_word("\x1b[31m"), "NAME");
  EXPECT_EQ(shell_word(""), "NAME");
  EXPECT_EQ(yaml_word("db"), "db");
  EXPECT_EQ(yaml_word("1"), "\"1\"");
  EXPECT_EQ(yaml_word("a: b"), "\"a: b\"");
  EXPECT_EQ(yaml_word("a\"b"), "\"a\\\"b\"");
  CureRule rule;
  rule.in = {"eth0\" } accept; { \"x"};
  EXPECT_EQ(nft_text(std::span(&rule, 1)), "");
}

TEST(Cures, RulesDropInTheModelWhatTheyNameAndNothingElse) {
  HostBuilder h;
  h.network("n", "br-n", "172.18.0.1");
  const auto web = h.container("web", "n", "172.18.0.2");
  const auto db = h.container("db", "n", "172.18.0.3");
  h.listen(web.ns, 80, "nginx");
  h.listen(db.ns, 5432, "postgres");
  h.publish(web, 80, 80);
  h.publish(db, 5432, 5432);
  const policy::Config config;
  const auto opens = [&](const char* from, const char* to, std::uint16_t port) {
    const auto oracle = world_oracle(config)(h.snapshot).value();
    query::Target target;
    target.to = ip(to);
    target.port = Port{port};
    const auto seat = oracle->seat(query::Vantage::parse(from).value()).value();
    return oracle->ask(seat, target).answer.verdict == trace::Verdict::kOpen;
  };
  CureRule port, address;
  port.hook = address.hook = CureHook::kPrerouting;
  port.in = address.in = {"eth0"};
  port.protocol = IpProtocol::kTcp;
  port.port = Port{5432};
  address.destination = Prefix::parse("172.18.0.0/24").value();
  EXPECT_TRUE(opens("internet", "192.0.2.10", 5432));
  EXPECT_TRUE(opens("lan", "172.18.0.3", 5432));
  const std::vector<CureRule> rules{port, address};
  const model::Snapshot before = h.snapshot;
  trace::apply(with_rules(before, rules), before, h.snapshot);
  EXPECT_FALSE(opens("internet", "192.0.2.10", 5432));
  EXPECT_FALSE(opens("lan", "172.18.0.3", 5432));
  EXPECT_FALSE(opens("lan", "172.18.0.2", 80));
  EXPECT_TRUE(opens("internet", "192.0.2.10", 80));
  EXPECT_TRUE(opens("lan", "192.0.2.10", 80));
  EXPECT_TRUE(opens("container:web", "172.18.0.3", 5432));
}

TEST(Cures, ClosingTheWayOutSparesAnswers) {
  const Report report = audit_of(troubled(), kYaml);
  const Cure& cure = first(report, Kind::kEgress).cures.front();
  EXPECT_TRUE(cure.effect.gone);
  EXPECT_EQ(cure.effect.closes, 0U);
  EXPECT_THAT(cure.paste, HasSubstr("oifname \"eth0\" ct state new drop"));
}

TEST(Cures, RulesReadAsNftWritesThem) {
  CureRule rule;
  rule.hook = CureHook::kForward;
  rule.in = {"br-a", "br-b"};
  rule.out = {"eth0"};
  rule.destination = Prefix::parse("fd00::/8").value();
  rule.protocol = IpProtocol::kUdp;
  rule.port = Port{53};
  EXPECT_EQ(nft_text(std::span(&rule, 1)),
            "nft -f - <<'END'\ntable inet local_guard {\n  chain forward {\n"
            "    type filter hook forward priority -10; policy accept;\n"
            "    iifname { \"br-a\", \"br-b\" } oifname \"eth0\" ip6 daddr fd00::/8 udp dport 53 "
            "drop\n  }\n}\nEND");
}

}  // namespace
}  // namespace bulkhead::audit
