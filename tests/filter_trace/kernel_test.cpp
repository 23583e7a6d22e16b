// The kernel as judge: hundreds of rules, each a lone match with a counter, are loaded at one hook;
// one packet passes; the rules whose counter moved are those that match. The filter must say the
// same of each, from the decoded bytes.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>

#include "filter_trace/build.h"
#include "filter_trace/kernel_lab.h"
#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT
using model::Hook;

// The routes of the namespace in the middle.
class Routes final : public Surroundings {
 public:
  FibAnswer fib_route(IpAddress lookup, IpAddress, std::uint32_t, IfIndex,
                      IfIndex constraint) const override {
    FibAnswer answer;
    answer.type = address_type(lookup, {});
    answer.oif = answer.type == 2 ? IfIndex{1} : home(lookup);
    answer.found = !constraint || constraint == answer.oif;
    return answer;
  }
  std::uint8_t address_type(IpAddress a, IfIndex on) const override {
    for (const char* text : {"10.1.0.1", "fd01::1", "10.2.0.1", "fd02::1"}) {
      if (a == ip(text)) return !on || on == home(a) ? 2 : 1;
    }
    return a.is_loopback() ? 2 : 1;
  }

  std::string_view link_name(IfIndex index) const override {
    return index.value == kEth1 ? "eth1" : "eth0";
  }

 private:
  static IfIndex home(const IpAddress& a) {
    const bool far =
        Prefix::parse("10.2.0.0/16")->contains(a) || Prefix::parse("fd02::/16")->contains(a);
    return IfIndex{far ? kEth1 : kEth0};
  }
};

struct Probe {
  const char* name;
  const char* from;
  const char* to;
  bool tcp;
  Hook hook;
};

const std::vector<Probe> kProbes = {
    {"v4 tcp in", "10.1.0.2", "10.1.0.1", true, Hook::kInput},
    {"v6 tcp in", "fd01::2", "fd01::1", true, Hook::kInput},
    {"v4 udp in", "10.1.0.2", "10.1.0.1", false, Hook::kInput},
    {"v6 udp in", "fd01::2", "fd01::1", false, Hook::kInput},
    {"v4 tcp through", "10.1.0.2", "10.2.0.2", true, Hook::kForward},
    {"v6 tcp through", "fd01::2", "fd02::2", true, Hook::kForward},
    {"v4 udp through", "10.1.0.2", "10.2.0.2", false, Hook::kForward},
    {"v4 udp before routing", "10.1.0.2", "10.2.0.2", false, Hook::kPrerouting},
    {"v6 udp before routing", "fd01::2", "fd02::2", false, Hook::kPrerouting},
    {"v4 tcp before routing", "10.1.0.2", "10.1.0.1", true, Hook::kPrerouting},
    {"v6 tcp before routing", "fd01::2", "fd01::1", true, Hook::kPrerouting},
    {"v4 tcp out", "10.1.0.1", "10.1.0.2", true, Hook::kOutput},
    {"v6 tcp out", "fd01::1", "fd01::2", true, Hook::kOutput},
    {"v6 udp out", "fd01::1", "fd01::2", false, Hook::kOutput},
    {"v4 tcp through, behind routing", "10.1.0.2", "10.2.0.2", true, Hook::kPostrouting},
    {"v6 udp out, behind routing", "fd01::1", "fd01::2", false, Hook::kPostrouting},
};

// Each probe is a connection of its own.
std::uint16_t source_port(const Probe& p) {
  return static_cast<std::uint16_t>(40000 + (&p - kProbes.data()));
}
bool is_v4(const Probe& p) {
  return ip(p.from).is_v4();
}
bool is_ours(const Probe& p) {
  return std::string(p.from).ends_with(".1") || std::string(p.from).ends_with("::1");
}
bool goes_far(const Probe& p) {
  return p.to == std::string("10.2.0.2") || p.to == std::string("fd02::2");
}
FilterPoint ip_point(Hook hook) {
  return static_cast<FilterPoint>(hook);
}

// The packet as the model has it at that hook.
std::unique_ptr<Scene> scene_of(const Probe& probe, const Routes& routes) {
  const bool v4 = is_v4(probe), ours = is_ours(probe);
  Packet p = v4 ? tcp4() : tcp6();
  p.source = ip(probe.from);
  p.destination = ip(probe.to);
  p.source_port = Port{source_port(probe)};
  p.destination_port = Port{kPort};
  p.protocol = probe.tcp ? IpProtocol::kTcp : IpProtocol::kUdp;
  p.length = static_cast<std::uint16_t>((v4 ? 20 : 40) + (probe.tcp ? 40 : 12));
  p.source_mac = MacAddress({2, 0, 0, 0, 1, 2});
  p.destination_mac = MacAddress({2, 0, 0, 0, 1, 1});
  const bool routed = probe.hook == Hook::kForward || probe.hook == Hook::kPostrouting;
  if (!ours && routed) p.hop_limit = 63;
  p.has_socket = ours;
  auto scene = std::make_unique<Scene>(p);
  scene->in = link(kEth0, "eth0");
  scene->out = goes_far(probe) ? link(kEth1, "eth1") : link(kEth0, "eth0");
  scene->in.kind = scene->out.kind = "veth";
  if (ours) scene->context.in = nullptr;
  if (probe.hook == Hook::kInput || probe.hook == Hook::kPrerouting) scene->context.out = nullptr;
  scene->context.around = &routes;
  scene->context.explain = nullptr;
  scene->tracked();
  return scene;
}

std::vector<std::string> lines_of(const std::string& file) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/tests/filter_trace/data/" + file);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') out.push_back(line);
  }
  return out;
}

// Whether a rule matches, alone: it gets a ruleset of its own in which a drop follows it.
std::optional<bool> says(const model::Ruleset& rules, const model::Table& home,
                         const model::Rule& rule, const Probe& probe, Scene& scene, bool fast) {
  model::Ruleset lone;
  lone.ipsets = rules.ipsets;
  model::Table t = home;
  std::vector<model::Statement> statements = rule.statements;
  statements.push_back(drop());
  t.chains = {base("c", probe.hook, 0, {{1, statements, {}}})};
  lone.tables = {t};
  const Filter filter = fast ? Filter(lone, true) : Filter::without_fast_forms(lone, true);
  const HookResult result = filter.run(ip_point(probe.hook), -1000, 1000, scene.context);
  if (result.outcome == Outcome::kUnknown || scene.choices.any()) return std::nullopt;
  return result.outcome == Outcome::kDrop;
}

struct Tally {
  int rules = 0, matched = 0;
  std::vector<std::string> unknown;
};

// `text` says what each rule of chain T is; `kernel` whether its counter moved.
void compare(const model::Ruleset& rules, const std::string& table,
             const std::vector<std::string>& text,
             const std::function<bool(const model::Rule&, std::size_t)>& kernel, const Probe& probe,
             Tally& tally) {
  const Routes routes;
  for (const model::Table& t : rules.tables) {
    if (t.name != table) continue;
    for (const model::Chain& chain : t.chains) {
      if (chain.name != "T") continue;
      ASSERT_EQ(chain.rules.size(), text.size()) << probe.name;
      for (std::size_t i = 0; i < text.size(); ++i) {
        const bool truth = kernel(chain.rules[i], i);
        for (bool fast : {true, false}) {
          const auto scene = scene_of(probe, routes);
          const auto ours = says(rules, t, chain.rules[i], probe, *scene, fast);
          if (ours) {
            EXPECT_EQ(*ours, truth)
                << probe.name << ": " << text[i] << (fast ? "" : " (general form)");
          } else if (fast) {
            tally.unknown.push_back(text[i]);
          }
        }
        ++tally.rules;
        if (truth) ++tally.matched;
      }
    }
  }
}

bool counter_moved(const model::Rule& rule) {
  for (const model::Statement& s : rule.statements) {
    const auto* observe = std::get_if<model::Observe>(&s);
    if (observe != nullptr && observe->packets.value_or(0) > 0) return true;
  }
  return false;
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// A line is "hooks|family|text": hooks by first letters (p i f o t) or *, family 4, 6 or *.
bool meant_for(const std::string& line, const Probe& probe, std::string& text) {
  const auto one = line.find('|'), two = line.find('|', one + 1);
  const std::string hooks = line.substr(0, one), family = line.substr(one + 1, two - one - 1);
  text = line.substr(two + 1);
  replace_all(text, "SPORT", std::to_string(source_port(probe)));
  replace_all(text, "PROTO", probe.tcp ? "tcp" : "udp");
  const char hook = "pifot"[static_cast<std::size_t>(probe.hook)];
  return (hooks == "*" || hooks.find(hook) != std::string::npos) &&
         (family == "*" || family == (is_v4(probe) ? "4" : "6"));
}

class Kernel : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string wrong = lab_.build();
    ASSERT_EQ(wrong, "");
  }
  void TearDown() override {
    std::string unknown;
    for (const std::string& u : tally_.unknown) unknown += "\n  " + u;
    std::cout << tally_.rules << " rules judged, " << tally_.matched << " match, "
              << tally_.unknown.size() << " go both ways" << unknown << "\n";
  }
  void load(const std::string& command, const std::string& text) {
    const auto loaded = bulkhead::test::run(command, text);
    ASSERT_EQ(loaded.status, 0) << loaded.text;
  }
  void send(const Probe& probe) {
    const std::string wrong = lab_.send(probe.from, probe.to, probe.tcp, source_port(probe));
    ASSERT_EQ(wrong, "") << probe.name;
  }
  void read(model::Ruleset& out, const std::vector<std::string>& sets) {
    auto tables = ruleset::decode_nftables(bulkhead::test::read_nftables());
    ASSERT_TRUE(tables) << tables.error().message;
    out.tables = std::move(*tables);
    auto ipsets = ruleset::decode_ipsets(bulkhead::test::read_ipsets(),
                                         bulkhead::test::read_ipset_indexes(sets));
    ASSERT_TRUE(ipsets) << ipsets.error().message;
    out.ipsets = std::move(*ipsets);
  }

  KernelLab lab_;
  Tally tally_;
};

TEST_F(Kernel, AgreesOnEachNftExpression) {
  const auto lines = lines_of("matches.nft"), sets = lines_of("sets.nft");
  for (const Probe& probe : kProbes) {
    std::ostringstream script;
    std::vector<std::string> text;
    script << "flush ruleset\ntable inet t {\n";
    for (const std::string& set : sets) script << set << "\n";
    script << "chain T {\n";
    for (const std::string& line : lines) {
      std::string rule;
      if (!meant_for(line, probe, rule)) continue;
      text.push_back(rule);
      script << rule << " counter\n";
    }
    constexpr std::array<const char*, 5> kNames = {"prerouting", "input", "forward", "output",
                                                   "postrouting"};
    script << "}\nchain c {\ntype filter hook " << kNames[static_cast<std::size_t>(probe.hook)]
           << " priority 0; policy accept;\nmeta l4proto { tcp, udp } th sport "
           << source_port(probe) << " jump T\n}\n}\n";
    load("nft -f -", script.str());
    if (HasFatalFailure()) return;
    send(probe);
    model::Ruleset rules;
    read(rules, {});
    if (HasFatalFailure()) return;
    compare(
        rules, "t", text, [](const model::Rule& rule, std::size_t) { return counter_moved(rule); },
        probe, tally_);
  }
  EXPECT_GT(tally_.matched, 300);
}

std::vector<std::string> xt_rules(const Probe& probe) {
  std::vector<std::string> out;
  for (const std::string& line : lines_of("matches.xt")) {
    std::string rule;
    if (!meant_for(line, probe, rule)) continue;
    out.push_back(rule);
  }
  return out;
}

std::string iptables_script(const Probe& probe, const std::vector<std::string>& rules) {
  constexpr std::array<const char*, 5> kNames = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT",
                                                 "POSTROUTING"};
  std::ostringstream script;
  script << "*mangle\n:T - [0:0]\n-A " << kNames[static_cast<std::size_t>(probe.hook)] << " -p "
         << (probe.tcp ? "tcp" : "udp") << " --sport " << source_port(probe) << " -j T\n";
  for (const std::string& rule : rules) script << "-A T " << rule << "\n";
  script << "COMMIT\n";
  return script.str();
}

std::vector<std::string> set_names(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("create ")) out.push_back(line.substr(7, line.find(' ', 7) - 7));
  }
  return out;
}

std::string joined_lines(const std::string& file) {
  std::string out;
  for (const std::string& line : lines_of(file)) out += line + "\n";
  return out;
}

TEST_F(Kernel, AgreesOnEachIptablesMatchInNft) {
  const std::string sets = joined_lines("ipsets.txt");
  load("ipset restore", sets);
  for (const Probe& probe : kProbes) {
    const auto text = xt_rules(probe);
    load("nft flush ruleset", "");
    load(is_v4(probe) ? "iptables-nft-restore" : "ip6tables-nft-restore",
         iptables_script(probe, text));
    if (HasFatalFailure()) return;
    send(probe);
    model::Ruleset rules;
    read(rules, set_names(sets));
    if (HasFatalFailure()) return;
    compare(
        rules, "mangle", text,
        [](const model::Rule& rule, std::size_t) { return counter_moved(rule); }, probe, tally_);
  }
  EXPECT_GT(tally_.matched, 200);
}

TEST_F(Kernel, AgreesOnEachIptablesMatchInLegacyTables) {
  const std::string sets = joined_lines("ipsets.txt");
  load("ipset restore", sets);
  for (const Probe& probe : kProbes) {
    const auto text = xt_rules(probe);
    const std::string tool = is_v4(probe) ? "iptables-legacy" : "ip6tables-legacy";
    load(tool + "-restore", iptables_script(probe, text));
    if (HasFatalFailure()) return;
    send(probe);
    const auto listed = bulkhead::test::run(tool + " -t mangle -vnxL T");
    std::vector<std::uint64_t> counts;
    std::istringstream in(listed.text);
    for (std::string line; std::getline(in, line);) {
      std::istringstream words(line);
      std::uint64_t packets = 0;
      if (words >> packets) counts.push_back(packets);
    }
    ASSERT_EQ(counts.size(), text.size()) << listed.text;
    model::Ruleset rules;
    read(rules, set_names(sets));
    const auto blob =
        bulkhead::test::read_legacy(is_v4(probe) ? IpFamily::kV4 : IpFamily::kV6, "mangle");
    auto table = ruleset::decode_legacy_table(is_v4(probe) ? IpFamily::kV4 : IpFamily::kV6,
                                              "mangle", blob.info, blob.entries);
    ASSERT_TRUE(table) << table.error().message;
    rules.tables = {std::move(*table)};
    compare(
        rules, "mangle", text, [&](const model::Rule&, std::size_t i) { return counts[i] > 0; },
        probe, tally_);
    load(tool + " -t mangle -F && " + tool + " -t mangle -X", "");
  }
  EXPECT_GT(tally_.matched, 200);
}

}  // namespace
}  // namespace bulkhead::trace
