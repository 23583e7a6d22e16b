#include "report/policy_layout.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "policy/meaning.h"
#include "policy/port_list.h"
#include "report/layout.h"
#include "report/parts.h"
#include "report/policy_ends.h"

namespace bulkhead::report {
namespace {

constexpr int kPaperEdge = 24, kPaperTitle = 40, kServiceWidth = 272, kServiceGap = 8,
              kFramePad = 10;
constexpr int kHeadRoom = 26, kRailStep = 22, kRailName = 190, kNameRoom = 20;
constexpr int kNameLine = 24, kServiceLine = 14, kLaneStep = 5, kSlotStep = 5;
constexpr std::size_t kMostLanes = 24, kMostServiceLines = 8;
constexpr std::size_t kCardCharacters = 38, kNameCharacters = 32, kRailCharacters = 26;

struct PolicyNode {  // what has a card
  std::size_t frame = 0;
  std::string tenant, name;  // tenant "": of the host
  std::vector<std::string> lines = {};
  int rank = 0;
  std::size_t lane = 0;         // of the room before its column
  std::size_t in = 0, out = 0;  // arrows from and to rails so far
};

struct PolicyFlow {  // between two nodes
  std::size_t from = 0, to = 0;
  std::string what;
};

struct PolicyRailFlow {
  std::size_t node = 0, rail = 0;
  bool inward = true;
  std::string what;
};

class PolicyArranger {
 public:
  PolicyArranger(const policy::Config& config, const policy::Bound& bound, std::uint64_t now_ms,
                 const Style& style)
      : config_(config), bound_(bound), style_(style), lines_(policy::permitted(config, now_ms)) {}

  PolicyLayout arrange() {
    make_nodes();
    for (const policy::Line& line : lines_) read(line);
    rank();
    words();
    place();
    draw_flows();
    return std::move(out_);
  }

 private:
  // ------------------------------------------------------------------------------- who is there

  void make_nodes() {
    for (std::size_t t = 0; t < config_.tenants.size(); ++t) {
      const policy::Tenant& tenant = config_.tenants[t];
      const policy::Mode mode = config_.mode_of(tenant);
      PolicyFrame frame;
      frame.whole =
          escape_text(tenant.name, 128) + " (" + std::string(policy::to_string(mode)) + ")";
      frame.enforced = mode == policy::Mode::kEnforce;
      for (const std::string& name : policy_services(config_, bound_, t))
        nodes_.push_back({out_.frames.size(), tenant.name, name});
      out_.frames.push_back(std::move(frame));
    }
    if (config_.host.empty()) return;
    PolicyFrame host;
    host.whole = say(Label::kPolicyHost, style_);
    host.enforced = config_.mode == policy::Mode::kEnforce;
    host.host = true;
    for (const policy::HostRule& rule : config_.host)
      nodes_.push_back({out_.frames.size(), "", rule.name});
    out_.frames.push_back(std::move(host));
  }

  std::vector<std::size_t> named(const policy::Party& party) const {
    std::vector<std::size_t> out;
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      if (!nodes_[n].tenant.empty() &&
          policy::names_service(party, nodes_[n].tenant, nodes_[n].name))
        out.push_back(n);
    }
    return out;
  }

  std::size_t rail(std::vector<std::string>& names, const policy::Party& party) {
    const std::string name = escape_text(policy::to_string(party), 128);
    const auto at = std::ranges::find(names, name);
    if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
    if (names.size() == kPolicyRails) return kPolicyRails - 1;
    names.push_back(names.size() + 1 == kPolicyRails ? "..." : name);
    return names.size() - 1;
  }

  // --------------------------------------------------------------------------------- who may what

  void read(const policy::Line& line) {
    const std::string ports = policy::ports_text(line.ports);
    if (line.host != nullptr) {
      for (std::size_t n = 0; n < nodes_.size(); ++n) {
        if (nodes_[n].tenant.empty() && nodes_[n].name == line.host->name) into(line, n, ports);
      }
      return;
    }
    if (line.kind == policy::LineKind::kEgress) {
      for (const policy::Party& from : line.from) {
        for (const std::size_t n : named(from)) out_of(line, n, ports);
      }
      return;
    }
    for (const policy::Party& to : line.to) {
      for (const std::size_t n : named(to)) into(line, n, ports);
    }
  }

  void into(const policy::Line& line, std::size_t node, const std::string& ports) {
    std::string who;
    for (const policy::Party& from : line.from) {
      const std::string text = escape_text(policy::to_string(from), 128);
      who += (who.empty() ? "" : ", ") + text;
      if (from.kind != policy::PartyKind::kService) {
        rail_flow({node, rail(left_, from), true, text + " -> " + title(node) + " " + ports});
        continue;
      }
      for (const std::size_t source : named(from)) {
        if (source != node)
          flow({source, node, title(source) + " -> " + title(node) + " " + ports});
      }
    }
    nodes_[node].lines.push_back("\u2190 " + ports + " " + who);
  }

  void out_of(const policy::Line& line, std::size_t node, const std::string& ports) {
    std::string where;
    for (const policy::Party& to : line.to) {
      const std::string text = escape_text(policy::to_string(to), 128);
      where += (where.empty() ? "" : ", ") + text;
      rail_flow({node, rail(right_, to), false, title(node) + " -> " + text + " " + ports});
    }
    nodes_[node].lines.push_back("\u2192 " + ports + " " + where);
  }

  void flow(PolicyFlow f) {
    if (flows_.size() + rail_flows_.size() < kPolicyArrows) {
      flows_.push_back(std::move(f));
    } else {
      ++out_.more_arrows;
    }
  }
  void rail_flow(PolicyRailFlow f) {
    if (flows_.size() + rail_flows_.size() < kPolicyArrows) {
      rail_flows_.push_back(std::move(f));
    } else {
      ++out_.more_arrows;
    }
  }

  [[nodiscard]] std::string title(std::size_t node) const {
    const PolicyNode& n = nodes_[node];
    return escape_text(n.tenant.empty() ? "host." + n.name : n.tenant + "/" + n.name, 128);
  }

  // -------------------------------------------------------------------------------------- columns

  // One further right than the rightmost of those who may come. Where that goes round in a circle
  // the arrow that closes it, as the file is read, leads back to the left. More steps than there
  // are columns share them evenly.
  void rank() {
    std::vector<std::vector<std::size_t>> next(nodes_.size());
    for (const PolicyFlow& f : flows_) {
      if (nodes_[f.from].frame == nodes_[f.to].frame) next[f.from].push_back(f.to);
    }
    int steps = 1;
    for (const std::size_t n : without_circles(next)) {
      for (const std::size_t to : next[n])
        nodes_[to].rank = std::max(nodes_[to].rank, nodes_[n].rank + 1);
      steps = std::max(steps, nodes_[n].rank + 1);
    }
    constexpr int kColumns = kPolicyColumns;
    if (steps <= kColumns) return;
    for (PolicyNode& n : nodes_) n.rank = n.rank * kColumns / steps;
  }

  // Takes out of `next` what closes a circle; all nodes, each before those that are next to it.
  static std::vector<std::size_t> without_circles(std::vector<std::vector<std::size_t>>& next) {
    enum class State : std::uint8_t { kNew, kOpen, kDone };
    std::vector<State> state(next.size(), State::kNew);
    std::vector<std::size_t> done;
    for (std::size_t start = 0; start < next.size(); ++start) {
      std::vector<std::pair<std::size_t, std::size_t>> way;  // a node, and how many were followed
      if (state[start] == State::kNew) way.emplace_back(start, 0);
      while (!way.empty()) {
        auto& [n, at] = way.back();
        state[n] = State::kOpen;
        if (at == next[n].size()) {
          state[n] = State::kDone;
          done.push_back(n);
          way.pop_back();
          continue;
        }
        const std::size_t to = next[n][at];
        if (state[to] == State::kOpen) {
          next[n].erase(next[n].begin() + static_cast<std::ptrdiff_t>(at));
          continue;
        }
        ++at;
        if (state[to] == State::kNew) way.emplace_back(to, 0);
      }
    }
    std::ranges::reverse(done);
    return done;
  }

  // --------------------------------------------------------------------------------------- places

  void words() {
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      PolicyCard card;
      card.name = shortened(escape_text(nodes_[n].name, 128), kNameCharacters);
      card.whole = title(n);
      for (const std::string& line : nodes_[n].lines) {
        card.whole += "\n" + line;
        if (card.lines.size() < kMostServiceLines)
          card.lines.push_back(shortened(line, kCardCharacters));
      }
      if (nodes_[n].lines.size() > kMostServiceLines)
        card.lines.back() = "+" + std::to_string(nodes_[n].lines.size() - kMostServiceLines + 1);
      card.plot.width = kServiceWidth;
      const std::size_t slots = std::max(slots_of(n, true), slots_of(n, false));
      card.plot.height =
          std::max(kNameLine + kServiceLine * static_cast<int>(card.lines.size()) + 6,
                   2 * kNameLine + kSlotStep * static_cast<int>(slots));
      cards_.push_back(std::move(card));
    }
  }

  [[nodiscard]] std::size_t slots_of(std::size_t node, bool inward) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        rail_flows_,
        [&](const PolicyRailFlow& f) { return f.node == node && f.inward == inward; }));
  }

  void place() {
    out_.title = say(Label::kPolicyTitle, style_,
                     {{"file", escape_text(config_.file)},
                      {"tenants", std::to_string(config_.tenants.size())},
                      {"lines", std::to_string(lines_.size())}});
    out_.legend = say(Label::kPolicyDrawing, style_);
    columns();
    const int top = kPaperEdge + kPaperTitle;
    const std::size_t heads = std::max(left_.size(), right_.size());
    int y = top + kHeadRoom * static_cast<int>(heads) + 12;
    for (std::size_t f = 0; f < out_.frames.size(); ++f) y = frame(f, y) + 16;
    rails(left_, kPaperEdge, top, y);
    rails(right_, right_begin_, top, y);
    const int names = right_.empty() ? 0 : kRailName;
    out_.width =
        std::max({right_begin_ + kRailStep * static_cast<int>(right_.size()) + names,
                  kPaperEdge + kRailStep * static_cast<int>(left_.size()) + kRailName, 720}) +
        kPaperEdge;
    out_.height = y + kNameLine + kPaperEdge;
  }

  // Before each column there is room for one lane of each service in it that others come to.
  void columns() {
    std::vector<std::size_t> lanes(kPolicyColumns);
    std::set<std::size_t> reached;
    for (const PolicyFlow& f : flows_) reached.insert(f.to);
    int most = 0;
    for (const std::size_t n : reached)
      nodes_[n].lane = lanes[static_cast<std::size_t>(nodes_[n].rank)]++ % kMostLanes;
    for (const PolicyNode& n : nodes_) most = std::max(most, n.rank);
    int x = kPaperEdge + kRailStep * static_cast<int>(left_.size()) + 28;
    frame_begin_ = x;
    for (int c = 0; c <= most; ++c) {
      x += 20 +
           kLaneStep * static_cast<int>(std::min(lanes[static_cast<std::size_t>(c)], kMostLanes));
      column_begin_.push_back(x);
      x += kServiceWidth;
    }
    frame_end_ = x + kFramePad + 10;
    right_begin_ = frame_end_ + 28;
  }

  int frame(std::size_t f, int y) {
    PolicyFrame& frame = out_.frames[f];
    frame.plot = {frame_begin_, y, frame_end_ - frame_begin_, 0};
    frame.title = shortened(frame.whole, 60);
    std::vector<std::size_t> mine;
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
      if (nodes_[n].frame == f) mine.push_back(n);
    }
    std::ranges::sort(mine, {}, [&](std::size_t n) { return std::pair(nodes_[n].rank, n); });
    y += 30;
    for (const std::size_t n : mine) {
      PolicyCard& card = cards_[n];
      card.plot.x = column_begin_[static_cast<std::size_t>(nodes_[n].rank)];
      card.plot.y = y;
      y += card.plot.height + kServiceGap;
      frame.cards.push_back(card);
    }
    frame.plot.height = y + kFramePad - kServiceGap - frame.plot.y;
    return frame.plot.bottom();
  }

  void rails(const std::vector<std::string>& names, int x, int y, int bottom) {
    for (const std::string& name : names) {
      out_.rails.push_back(
          {{x, y, kRailName, kNameRoom}, x + 8, bottom, shortened(name, kRailCharacters), name});
      x += kRailStep;
      y += kHeadRoom;
    }
  }

  // --------------------------------------------------------------------------------------- arrows

  void draw_flows() {
    for (const PolicyFlow& f : flows_) {
      const Plot &a = cards_[f.from].plot, &b = cards_[f.to].plot;
      const int lane = b.x - 9 - kLaneStep * static_cast<int>(nodes_[f.to].lane);
      const int ya = a.y + 18, yb = b.y + 12;
      const int begin = lane > a.right() ? a.right() : a.x;
      out_.arrows.push_back({{{begin, ya}, {lane, ya}, {lane, yb}, {b.x, yb}}, f.to, f.what});
    }
    for (const PolicyRailFlow& f : rail_flows_) {
      PolicyNode& node = nodes_[f.node];
      const Plot& card = cards_[f.node].plot;
      const auto slot = static_cast<int>(f.inward ? node.in++ : node.out++);
      const int y = card.y + kNameLine + kSlotStep * slot;
      const std::size_t at = f.inward ? f.rail : left_.size() + f.rail;
      const int x = out_.rails[at].x;
      if (f.inward) {
        out_.arrows.push_back({{{x, y}, {card.x, y}}, at, f.what});
      } else {
        out_.arrows.push_back({{{card.right(), y}, {x, y}}, at, f.what});
      }
    }
  }

  const policy::Config& config_;
  const policy::Bound& bound_;
  const Style& style_;
  std::vector<policy::Line> lines_;
  std::vector<PolicyNode> nodes_;
  std::vector<PolicyCard> cards_;  // of the nodes
  std::vector<PolicyFlow> flows_;
  std::vector<PolicyRailFlow> rail_flows_;
  std::vector<std::string> left_, right_;  // names of rails
  std::vector<int> column_begin_;
  int frame_begin_ = 0, frame_end_ = 0, right_begin_ = 0;
  PolicyLayout out_;
};

}  // namespace

PolicyLayout lay_out_policy(const policy::Config& config, const policy::Bound& bound,
                            std::uint64_t now_ms, const Style& style) {
  return PolicyArranger(config, bound, now_ms, style).arrange();
}

}  // namespace bulkhead::report
