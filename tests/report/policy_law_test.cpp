// Geometry of drawn policies, against random ones: nothing overlaps, and no arrow passes behind a
// card.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "report/policy_layout.h"

namespace bulkhead::report {
namespace {

class RandomPolicy {
 public:
  explicit RandomPolicy(unsigned seed) : random_(seed) {}

  std::string text() {
    std::string out = "trust: {office: [203.0.113.0/26]}\n";
    if (pick(2) == 0)
      out += "host: {ssh: {port: 22, from: office}, web: {port: 80, from: t0/s0}}\n";
    out += "tenants:\n";
    tenants_ = 1 + pick(4);
    services_ = 1 + pick(7);
    for (int t = 0; t < tenants_; ++t) tenant(out, t);
    return out;
  }

 private:
  int pick(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string service() { return "s" + std::to_string(pick(services_)); }
  std::string anywhere() {
    switch (pick(5)) {
      case 0: return "host";
      case 1: return "\"*\"";
      case 2: return "t" + std::to_string(pick(tenants_)) + "/" + service();
      default: return service();
    }
  }

  void tenant(std::string& out, int t) {
    out += "  t" + std::to_string(t) + ":\n    services: {";
    for (int s = 0; s < services_; ++s) {
      const std::string name = "s" + std::to_string(s);
      out += (s == 0 ? "" : ", ") + name + ": {compose: " + name + "}";
    }
    out += "}\n    ingress:\n";
    for (int i = pick(4); i > 0; --i)
      out += "      - {to: " + service() + ", publish: 80, from: [internet, office]}\n";
    out += "    egress:\n";
    for (int i = pick(12); i > 0; --i)
      out += "      - {from: \"*\", to: 192.0.2." + std::to_string(pick(60)) + "/32, port: 443}\n";
    out += "    allow:\n";
    for (int i = pick(20); i > 0; --i)
      out += "      - {from: " + anywhere() + ", to: " + service() +
             ", port: " + std::to_string(1 + pick(99)) + "}\n";
  }

  std::mt19937 random_;
  int tenants_ = 0, services_ = 0;
};

bool within(const Plot& inner, const Plot& outer) {
  return inner.x > outer.x && inner.y > outer.y && inner.right() < outer.right() &&
         inner.bottom() < outer.bottom();
}
bool apart(const Plot& a, const Plot& b) {
  return a.right() < b.x || b.right() < a.x || a.bottom() < b.y || b.bottom() < a.y;
}
// Part of the line, upright or level, lies inside.
bool crosses(std::pair<int, int> a, std::pair<int, int> b, const Plot& plot) {
  return std::max(a.first, b.first) > plot.x && std::min(a.first, b.first) < plot.right() &&
         std::max(a.second, b.second) > plot.y && std::min(a.second, b.second) < plot.bottom();
}

void hold(const PolicyLayout& layout) {
  std::vector<Plot> cards;
  for (const PolicyFrame& frame : layout.frames) {
    for (const PolicyCard& card : frame.cards) {
      ASSERT_TRUE(within(card.plot, frame.plot)) << card.name;
      for (const Plot& other : cards) ASSERT_TRUE(apart(card.plot, other)) << card.name;
      cards.push_back(card.plot);
    }
    ASSERT_TRUE(within(frame.plot, {0, 0, layout.width, layout.height}));
  }
  for (const PolicyArrow& arrow : layout.arrows) {
    for (std::size_t i = 1; i < arrow.points.size(); ++i) {
      const auto a = arrow.points[i - 1], b = arrow.points[i];
      ASSERT_TRUE(a.first == b.first || a.second == b.second) << arrow.what;
      for (const Plot& card : cards) ASSERT_FALSE(crosses(a, b, card)) << arrow.what;
    }
    const auto from = arrow.points[arrow.points.size() - 2], to = arrow.points.back();
    ASSERT_LT(from.first, to.first) << arrow.what;  // its head looks to the right
  }
  for (const PolicyRail& rail : layout.rails)
    ASSERT_TRUE(within(rail.plot, {0, 0, layout.width, layout.height})) << rail.name;
}

PolicyLayout drawn(const std::string& text) {
  const auto config = policy::parse_config("bulkhead: 1\n" + text, "b.yaml");
  EXPECT_TRUE(config) << config.error().message << text;
  if (!config) return {};
  return lay_out_policy(*config, policy::Bound{}, 0, Style{});
}

TEST(PolicyDrawing, NoArrowPassesBehindACard) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    const PolicyLayout layout = drawn(RandomPolicy(seed).text());
    hold(layout);
    ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
  }
}

TEST(PolicyDrawing, EachPermissionIsAnArrow) {
  const PolicyLayout layout = drawn(
      "tenants:\n  a:\n    services: {x: {compose: x}, y: {compose: y}}\n"
      "    ingress: [{to: x, publish: 80, from: internet}]\n"
      "    egress: [{from: y, to: 192.0.2.0/24, port: 443}]\n"
      "    allow: [{from: x, to: y, port: 5432}, {from: host, to: y, port: 1}]\n");
  std::vector<std::string> said;
  for (const PolicyArrow& a : layout.arrows) said.push_back(a.what);
  std::ranges::sort(said);
  EXPECT_EQ(said, (std::vector<std::string>{"a/x -> a/y 5432/tcp", "a/y -> 192.0.2.0/24 443/tcp",
                                            "host -> a/y 1/tcp", "internet -> a/x 80/tcp"}));
  const auto& cards = layout.frames.at(0).cards;
  EXPECT_LT(cards.at(0).plot.right(), cards.at(1).plot.x);  // who is reached stands to the right
}

// Twenty services, each reached by the next and by the seventh behind it.
TEST(PolicyDrawing, CirclesLeadBackAndLongWaysShareTheColumns) {
  std::string text = "tenants:\n  a:\n    services: {";
  std::string allow;
  for (int s = 0; s < 20; ++s) {
    const auto name = [](int n) { return "s" + std::to_string(n % 20); };
    text += (s == 0 ? "" : ", ") + name(s) + ": {compose: " + name(s) + "}";
    allow += "      - {from: [" + name(s + 1) + ", " + name(s + 7) + "], to: " + name(s) +
             ", port: 1}\n";
  }
  const PolicyLayout layout = drawn(text + "}\n    allow:\n" + allow);
  hold(layout);
  std::map<int, std::size_t> in_column;
  for (const PolicyCard& card : layout.frames.at(0).cards) ++in_column[card.plot.x];
  EXPECT_EQ(in_column.size(), kPolicyColumns);
  for (const auto& [x, cards] : in_column) EXPECT_LE(cards, 3U) << x;
}

TEST(PolicyDrawing, SaysHowMuchItLeavesOut) {
  std::string text = "tenants:\n";
  for (int t = 0; t < 20; ++t) {
    text += "  t" + std::to_string(t) + ":\n    services: {";
    for (int s = 0; s < 10; ++s)
      text += "s" + std::to_string(s) + ": {compose: s" + std::to_string(s) + "}, ";
    text.resize(text.size() - 2);
    text += "}\n    allow: [{from: \"*/*\", to: \"*\", port: 80}]\n    egress: [";
    for (int i = 0; i < 4; ++i)
      text +=
          "{from: s0, to: 192.0." + std::to_string(t) + "." + std::to_string(i) + "/32, port: 1}, ";
    text.resize(text.size() - 2);
    text += "]\n";
  }
  const PolicyLayout layout = drawn(text);
  EXPECT_EQ(layout.arrows.size(), kPolicyArrows);
  EXPECT_GT(layout.more_arrows, 30'000U);
  EXPECT_LE(layout.rails.size(), kPolicyRails);
  hold(layout);
}

}  // namespace
}  // namespace bulkhead::report
