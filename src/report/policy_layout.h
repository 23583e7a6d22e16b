// Where everything of a drawn policy stands: outside parties that come in as lines down the left,
// tenants with their services in the middle, where they may go as lines down the right.
//
// Laws, which tests hold against random policies: each service has a row of its own in its tenant
// and a column further right than those of its tenant who may come to it (cycles and more than
// kPolicyColumns columns aside), so that an arrow never passes behind a card: it runs along a row
// that holds its own card alone, or down the room between columns. Unit: pixels at 96 dpi.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "policy/bind.h"
#include "policy/config.h"
#include "report/style.h"

namespace bulkhead::report {

struct Plot {  // a rectangle; y goes down
  int x = 0, y = 0, width = 0, height = 0;
  [[nodiscard]] int right() const { return x + width; }
  [[nodiscard]] int bottom() const { return y + height; }
};

struct PolicyCard {  // a service of a tenant, or of the host
  Plot plot;
  std::string name;                // fits
  std::vector<std::string> lines;  // who may come, where it may go; they fit
  std::string whole;               // the same, nothing cut
};

struct PolicyFrame {  // a tenant, or the host
  Plot plot;
  std::string title, whole;
  bool enforced = false, host = false;
  std::vector<PolicyCard> cards;
};

struct PolicyRail {  // a party outside: its name, and the line down from there
  Plot plot;         // of the name
  int x = 0, bottom = 0;
  std::string name, whole;
};

struct PolicyArrow {  // its head is at the last point and looks to the right
  std::vector<std::pair<int, int>> points;
  std::size_t colour = 0;  // of whom it leads to, or whose rail it begins or ends at
  std::string what;        // "shop/web -> shop/api 8080/tcp"
};

struct PolicyLayout {
  int width = 0, height = 0;
  std::string title, legend;
  std::vector<PolicyFrame> frames;
  std::vector<PolicyRail> rails;
  std::vector<PolicyArrow> arrows;
  std::size_t more_arrows = 0;  // that are not drawn
};

inline constexpr std::size_t kPolicyColumns = 7, kPolicyRails = 24, kPolicyArrows = 5'000;

// Of the lines that hold at `now_ms`. All text is escaped (escape_text), not yet quoted.
// O(services * lines) and the arrows.
[[nodiscard]] PolicyLayout lay_out_policy(const policy::Config& config, const policy::Bound& bound,
                                          std::uint64_t now_ms, const Style& style);

}  // namespace bulkhead::report
