// Networks are rectangles whose width is a whole number of columns. Each, the wide and the high
// ones first, goes to the place where it ends highest, the leftmost of these (a skyline), for each
// number of columns that the host could have; the smallest page wins, 3:2 being best.
#include "report/map_layout.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "report/layout.h"
#include "report/map_cards.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

constexpr int kMargin = 24, kWireRoom = 72;
constexpr int kLeastWidth = 2 * kUnit;  // room for the words of the legend
constexpr int kMostColumns = 10;        // what still is readable on a wide screen

struct Place {
  int column = 0, y = 0;
};

struct Skyline {
  std::vector<Place> places;  // of each group
  int height = 0;
};

std::vector<std::size_t> largest_first(const std::vector<Shape>& groups,
                                       const std::vector<int>& spans) {
  std::vector<std::size_t> order(groups.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {},
                    [&](std::size_t g) { return std::tuple(-spans[g], -groups[g].box.height, g); });
  return order;
}

Skyline pack(const std::vector<Shape>& groups, const std::vector<int>& spans, int columns) {
  Skyline out;
  out.places.resize(groups.size());
  std::vector<int> tops(static_cast<std::size_t>(columns), 0);
  for (std::size_t g : largest_first(groups, spans)) {
    Place best{0, -1};
    for (int at = 0; at + spans[g] <= columns; ++at) {
      const int y = *std::max_element(tops.begin() + at, tops.begin() + at + spans[g]);
      if (best.y < 0 || y < best.y) best = {at, y};
    }
    const int end = best.y + groups[g].box.height;
    std::fill_n(tops.begin() + best.column, spans[g], end + kGutter);
    out.height = std::max(out.height, end);
    out.places[g] = best;
  }
  return out;
}

class Arranger {
 public:
  Arranger(const Drawing& drawing, const Style& style) : drawing_(drawing), style_(style) {}

  Layout arrange() {
    for (const DrawnGroup& group : drawing_.groups) {
      spans_.push_back(std::min(static_cast<int>(columns_of(group)), kMostColumns));
      groups_.push_back(group_shape(group, spans_.back()));
    }
    make_head();
    make_left_side();
    make_host();
    join_same();
    make_foot();
    return std::move(out_);
  }

 private:
  void make_head() {
    head_.look = Look::kText;
    head_.whole = drawing_.title;
    head_.box = {kMargin, kMargin, 0, line_height(Pen::kTitle) + line_height(Pen::kDim)};
  }

  // Each uplink stands beside its zones; below them what the host itself is.
  void make_left_side() {
    const int top = head_.box.bottom() + kGutter;
    host_.look = Look::kHost;
    host_.box = {kMargin, top, 0, 0};
    host_.whole = drawing_.host;
    const bool zones = std::ranges::any_of(drawing_.uplinks,
                                           [](const DrawnUplink& u) { return !u.zones.empty(); });
    if (zones) host_.box.x += kRail - 3 * kGutter + kWireRoom;
    rail_ = top + 2 * kPadding + line_height(Pen::kHeading);
    first_ = rail_;
    for (const DrawnUplink& uplink : drawing_.uplinks) place_uplink(uplink);
    if (!drawing_.host_listening.empty())
      on_rail(panel_shape(say(Label::kMapHostListeners, style_), drawing_.host_listening));
    for (const std::string& note : drawing_.notes) on_rail(note_shape(note));
    field_ = host_.box.x + kGutter + (host_.inside.empty() ? 0 : kUnit);
  }

  void place_uplink(const DrawnUplink& uplink) {
    std::vector<Shape> zones;
    int height = 0;
    for (const DrawnZone& zone : uplink.zones) {
      zones.push_back(zone_shape(zone));
      move_by(zones.back(), kMargin, rail_ + height);
      height += zones.back().box.height + kGap;
    }
    Shape shape = uplink_shape(uplink);
    const int middle = std::max(0, (height - kGap - shape.box.height) / 2);
    const int block = std::max(height - kGap, shape.box.height);
    move_by(shape, host_.box.x + kGutter, rail_ + middle);
    for (Shape& zone : zones) {
      out_.wires.push_back({Wire::Kind::kZone, zone.box, shape.box, 0});
      out_.shapes.push_back(std::move(zone));
    }
    host_.inside.push_back(std::move(shape));
    rail_ += block + kGutter;
  }

  void on_rail(Shape shape) {
    move_by(shape, host_.box.x + kGutter, rail_);
    rail_ += shape.box.height + kGutter;
    host_.inside.push_back(std::move(shape));
  }

  int host_right(int columns) const {
    return std::max(field_ + columns * kUnit, kMargin + kLeastWidth);
  }
  int host_bottom(const Skyline& packed) const {
    return std::max({rail_, first_ + packed.height + kGutter, host_.box.y + 4 * kGutter});
  }

  void make_host() {
    const int least = spans_.empty() ? 1 : *std::ranges::max_element(spans_);
    int chosen = least;
    Skyline best = pack(groups_, spans_, least);
    const auto size = [&](int wide, const Skyline& packed) {
      return 2 * host_right(wide) + 3 * host_bottom(packed);
    };
    for (int more = least + 1; more <= kMostColumns; ++more) {
      Skyline packed = pack(groups_, spans_, more);
      if (size(more, packed) >= size(chosen, best)) continue;
      chosen = more;
      best = std::move(packed);
    }
    host_.box.width = host_right(chosen) - host_.box.x;
    host_.box.height = host_bottom(best) - host_.box.y;
    host_.lines = {
        {Pen::kHeading,
         shortened(drawing_.host, columns(Pen::kHeading, host_.box.width - 2 * kPadding))}};
    first_group_ = host_.inside.size();
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      move_by(groups_[g], field_ + best.places[g].column * kUnit, first_ + best.places[g].y);
      host_.inside.push_back(std::move(groups_[g]));
    }
  }

  void join_same() {
    const auto card = [&](DrawnPlace place) -> const Shape& {
      return host_.inside[first_group_ + place.first].inside[place.second];
    };
    for (const auto& [one, other] : same_containers(drawing_))
      out_.wires.push_back({Wire::Kind::kSame, card(one).box, card(other).box, card(one).number});
  }

  void make_foot() {
    const int width = host_.box.right() - kMargin;
    head_.box.width = width;
    head_.lines = {{Pen::kTitle, shortened(drawing_.title, columns(Pen::kTitle, width))},
                   {Pen::kDim, shortened(drawing_.summary, columns(Pen::kDim, width))}};
    int bottom = host_.box.bottom();
    for (const Shape& zone : out_.shapes) bottom = std::max(bottom, zone.box.bottom());
    Shape legend = legend_shape(width, style_);
    move_by(legend, kMargin, bottom + kGutter);
    out_.width = host_.box.right() + kMargin;
    out_.height = legend.box.bottom() + kMargin;
    out_.shapes.insert(out_.shapes.begin(), std::move(head_));
    out_.shapes.push_back(std::move(host_));
    out_.shapes.push_back(std::move(legend));
  }

  const Drawing& drawing_;
  const Style& style_;
  Layout out_;
  Shape head_, host_;
  std::vector<Shape> groups_;
  std::vector<int> spans_;
  std::size_t first_group_ = 0;
  int field_ = 0;  // x where networks begin: beside the rail, when something stands there
  int rail_ = 0;   // y where the next shape of the rail begins
  int first_ = 0;  // y where the host's content begins
};

}  // namespace

std::string_view to_string(Look look) {
  switch (look) {
    case Look::kText: return "words";
    case Look::kInternet: return "internet";
    case Look::kLan: return "lan";
    case Look::kDmz: return "dmz";
    case Look::kManagement: return "management";
    case Look::kHost: return "host";
    case Look::kUplink: return "uplink";
    case Look::kPanel: return "panel";
    case Look::kNetwork: return "network";
    case Look::kHostMode: return "hostmode";
    case Look::kApart: return "apart";
    case Look::kLink: return "link";
    case Look::kCard: return "card";
    case Look::kSwatch: return "swatch";
  }
  return "";
}

std::string_view to_string(Pen pen) {
  switch (pen) {
    case Pen::kTitle: return "title";
    case Pen::kHeading: return "heading";
    case Pen::kName: return "name";
    case Pen::kPlain: return "plain";
    case Pen::kDim: return "dim";
    case Pen::kMark: return "mark";
    case Pen::kListening: return "listening";
    case Pen::kPublished: return "published";
  }
  return "";
}

int line_height(Pen pen) {
  switch (pen) {
    case Pen::kTitle: return 30;
    case Pen::kHeading: return 20;
    case Pen::kName: return 18;
    case Pen::kPlain:
    case Pen::kDim:
    case Pen::kMark:
    case Pen::kListening:
    case Pen::kPublished: return 15;
  }
  return 15;
}

Layout lay_out(const Drawing& drawing, const Style& style) {
  return Arranger(drawing, style).arrange();
}

}  // namespace bulkhead::report
