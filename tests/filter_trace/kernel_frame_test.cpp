// The kernel as judge where frames pass: netdev ingress and egress, inet ingress, the bridge's
// hooks.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "filter_trace/build.h"
#include "filter_trace/kernel_lab.h"
#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead::trace {
namespace {

using namespace testing;  // NOLINT

struct Place {
  char letter;
  FilterPoint point;
  model::NfFamily family;
  model::Hook hook;
  const char* table;
  const char* head;
};

const std::vector<Place> kRouted = {
    {'n', FilterPoint::kNetdevIngress, model::NfFamily::kNetdev, model::Hook::kIngress, "netdev",
     "type filter hook ingress device eth0 priority 0;"},
    {'g', FilterPoint::kInetIngress, model::NfFamily::kInet, model::Hook::kIngress, "inet",
     "type filter hook ingress device eth0 priority 0;"},
    {'e', FilterPoint::kNetdevEgress, model::NfFamily::kNetdev, model::Hook::kEgress, "netdev",
     "type filter hook egress device eth0 priority 0;"},
};
const std::vector<Place> kBridged = {
    {'b', FilterPoint::kBridgePrerouting, model::NfFamily::kBridge, model::Hook::kPrerouting,
     "bridge", "type filter hook prerouting priority 0;"},
    {'f', FilterPoint::kBridgeForward, model::NfFamily::kBridge, model::Hook::kForward, "bridge",
     "type filter hook forward priority 0;"},
    {'t', FilterPoint::kBridgePostrouting, model::NfFamily::kBridge, model::Hook::kPostrouting,
     "bridge", "type filter hook postrouting priority 0;"},
};

class FrameRoutes final : public Surroundings {
 public:
  FibAnswer fib_route(IpAddress lookup, IpAddress, std::uint32_t, IfIndex,
                      IfIndex constraint) const override {
    FibAnswer answer;
    answer.type = address_type(lookup, {});
    answer.oif = IfIndex{answer.type == 2 ? 1 : kEth0};
    answer.found = !constraint || constraint == answer.oif;
    return answer;
  }
  std::uint8_t address_type(IpAddress a, IfIndex) const override {
    return a == ip("10.1.0.1") || a == ip("fd01::1") ? 2 : 1;
  }
};

enum class Kind { kTcp4, kTcp6, kArp };

struct Frame {
  const char* name;
  Kind kind;
  std::string to;
  bool ours;
};

Packet packet_of(const Frame& frame, std::uint16_t port, bool bridged) {
  if (frame.kind == Kind::kArp) {
    Packet p = arp_request();
    p.source_mac = p.arp->sender_mac = MacAddress({2, 0, 0, 0, 1, 2});
    p.arp->sender_ip = ip("10.1.0.2");
    p.arp->target_ip = ip(frame.to);
    return p;
  }
  const bool v4 = frame.kind == Kind::kTcp4;
  Packet p = v4 ? tcp4() : tcp6();
  p.source = ip(v4 ? (frame.ours ? "10.1.0.1" : "10.1.0.2") : (frame.ours ? "fd01::1" : "fd01::2"));
  p.destination = ip(frame.to);
  p.source_port = Port{port};
  p.source_mac = MacAddress({2, 0, 0, 0, 1, static_cast<std::uint8_t>(frame.ours ? 1 : 2)});
  p.destination_mac =
      bridged ? MacAddress({2, 0, 0, 0, 2, 2})
              : MacAddress({2, 0, 0, 0, 1, static_cast<std::uint8_t>(frame.ours ? 2 : 1)});
  p.type = bridged ? PacketType::kOtherHost : PacketType::kHost;
  p.has_socket = frame.ours;
  return p;
}

class KernelFrames : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(lab_.build(), ""); }
  void TearDown() override { std::cout << judged_ << " rules judged, " << matched_ << " match\n"; }

  void judge(const Place& place, const Frame& frame, bool bridged) {
    const auto port = ++port_;
    std::vector<std::string> text;
    std::ostringstream script;
    script << "flush ruleset\ntable " << place.table << " t {\nchain T {\n";
    std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/tests/filter_trace/data/matches.frames");
    for (std::string line; std::getline(in, line);) {
      const auto bar = line.find('|');
      if (line.starts_with('#') || bar == std::string::npos) continue;
      const std::string where = line.substr(0, bar);
      if (where != "*" && where.find(place.letter) == std::string::npos) continue;
      // How long a frame of ARP is depends on whether the device pads it.
      if (frame.kind == Kind::kArp && line.find("length") != std::string::npos) continue;
      text.push_back(line.substr(bar + 1));
      script << text.back() << " counter\n";
    }
    script << "}\nchain c {\n" << place.head << "\n";
    if (frame.kind == Kind::kArp) {
      script << "meta protocol arp jump T\n}\n}\n";
    } else {
      script << "meta l4proto tcp th sport " << port << " jump T\n}\n}\n";
    }
    const auto loaded = bulkhead::test::run("nft -f -", script.str());
    ASSERT_EQ(loaded.status, 0) << loaded.text;
    const std::string from = frame.kind == Kind::kTcp6 ? (frame.ours ? "fd01::1" : "fd01::2")
                                                       : (frame.ours ? "10.1.0.1" : "10.1.0.2");
    ASSERT_EQ(lab_.send(from, frame.to, frame.kind != Kind::kArp, port), "");
    compare(place, frame, port, bridged, text);
  }

  void compare(const Place& place, const Frame& frame, std::uint16_t port, bool bridged,
               const std::vector<std::string>& text) {
    const auto tables = ruleset::decode_nftables(bulkhead::test::read_nftables());
    ASSERT_TRUE(tables) << tables.error().message;
    const model::Table& home = (*tables)[0];
    const auto chain = std::find_if(home.chains.begin(), home.chains.end(),
                                    [](const model::Chain& c) { return c.name == "T"; });
    ASSERT_NE(chain, home.chains.end());
    ASSERT_EQ(chain->rules.size(), text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool truth = moved(chain->rules[i]);
      for (bool fast : {true, false}) {
        EXPECT_EQ(
            says(place, home, chain->rules[i], packet_of(frame, port, bridged), bridged, fast),
            truth)
            << frame.name << " at " << place.head << ": " << text[i]
            << (fast ? "" : " (general form)");
      }
      ++judged_;
      matched_ += truth;
    }
  }

  // Each time another address: an unanswered one is not asked for again at once.
  std::string nobody() { return "10.1.0." + std::to_string(++nobody_); }

  static bool moved(const model::Rule& rule) {
    return std::any_of(rule.statements.begin(), rule.statements.end(),
                       [](const model::Statement& s) {
                         const auto* o = std::get_if<model::Observe>(&s);
                         return o != nullptr && o->packets.value_or(0) > 0;
                       });
  }

  static bool says(const Place& place, const model::Table& home, const model::Rule& rule,
                   Packet packet, bool bridged, bool fast) {
    model::Table t = home;
    auto statements = rule.statements;
    statements.push_back(drop());
    auto c = base("c", place.hook, 0, {{1, statements, {}}});
    c.base->devices = {"eth0"};
    t.chains = {c};
    const auto rules = ruleset({t});
    Scene scene(std::move(packet));
    const FrameRoutes routes;
    scene.in = link(kEth0, "eth0");
    scene.out = bridged ? link(kEth1, "eth1") : link(kEth0, "eth0");
    if (place.letter == 'e') scene.context.in = nullptr;
    if (place.letter == 'n' || place.letter == 'g' || place.letter == 'b')
      scene.context.out = nullptr;
    if (place.letter == 't') scene.context.in = nullptr;
    scene.context.around = &routes;
    const Filter filter = fast ? Filter(rules, true) : Filter::without_fast_forms(rules, true);
    const auto outcome = filter.run(place.point, -1000, 1000, scene.context).outcome;
    EXPECT_FALSE(scene.choices.any());
    return outcome == Outcome::kDrop;
  }

  KernelLab lab_;
  std::uint16_t port_ = 41000;
  int judged_ = 0, matched_ = 0, nobody_ = 100;
};

TEST_F(KernelFrames, AgreeOnEachExpressionAtADevice) {
  for (const Place& place : kRouted) {
    const bool out = place.letter == 'e';
    judge(place, {"v4", Kind::kTcp4, out ? "10.1.0.2" : "10.1.0.1", out}, false);
    judge(place, {"v6", Kind::kTcp6, out ? "fd01::2" : "fd01::1", out}, false);
    if (place.letter == 'n') judge(place, {"arp", Kind::kArp, nobody(), false}, false);
  }
  EXPECT_GT(matched_, 50);
}

TEST_F(KernelFrames, AgreeOnEachExpressionInABridge) {
  const auto made = bulkhead::test::run("bash -s", lab_.bridge_script());
  ASSERT_EQ(made.status, 0) << made.text;
  for (const Place& place : kBridged) {
    judge(place, {"v4", Kind::kTcp4, "10.1.0.9", false}, true);
    judge(place, {"v6", Kind::kTcp6, "fd01::9", false}, true);
    judge(place, {"arp", Kind::kArp, nobody(), false}, true);
  }
  EXPECT_GT(matched_, 50);
}

}  // namespace
}  // namespace bulkhead::trace
