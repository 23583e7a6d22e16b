#include "report/map_cards.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

constexpr int kStripe = 6;  // the tenant's colour, left of a card's lines
constexpr int kBadge = 20;  // the number of a container that is drawn several times
constexpr std::size_t kMostPortLines = 3, kMostAboutLines = 5, kMostNoteLines = 8;
constexpr std::size_t kMostPanelLines = 12;

// Two columns that no viewer folds away.
constexpr std::string_view kSetIn = "\u00a0\u00a0";

// Lines of one shape, cut to its width, and the whole text behind them.
class Lines {
 public:
  Lines(Shape& shape, int width) : shape_(shape), width_(width) {}

  void add(Pen pen, std::string_view text) {
    shape_.lines.push_back({pen, shortened(text, columns(pen, width_))});
    remember(text);
  }

  // Cut in the middle: what tells images and replicas apart stands at the end.
  void middle(Pen pen, std::string_view text) {
    shape_.lines.push_back({pen, shortened_middle(text, columns(pen, width_))});
    remember(text);
  }

  // The same in two lines, `less` pixels short.
  void fold(Pen pen, std::string_view text, int less) {
    const std::size_t most = columns(pen, width_ - less);
    // A wide letter may leave one column of the first line free.
    for (const std::string& line : wrap(shortened_middle(text, 2 * most - 1), most))
      shape_.lines.push_back({pen, line});
    remember(text);
  }

  void add_each(Pen pen, const std::vector<std::string>& texts, std::size_t most) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (i < most) {
        add(pen, texts[i]);
      } else {
        remember(texts[i]);
      }
    }
    if (texts.size() > most)
      shape_.lines.push_back({pen, "+" + std::to_string(texts.size() - most)});
  }

  // In as many lines as it takes, up to `most`; each after the first is set in.
  void flow(Pen pen, std::string_view sign, const std::vector<std::string>& items,
            std::size_t most) {
    if (items.empty()) return;
    std::string text;
    for (const std::string& item : items) text += (text.empty() ? "" : " ") + item;
    wrapped(pen, sign, text, most);
  }

  void wrapped(Pen pen, std::string_view sign, std::string_view text, std::size_t most) {
    const std::size_t room = columns(pen, width_) - display_width(sign);
    const std::vector<std::string> lines = wrap(text, room);
    for (std::size_t i = 0; i < lines.size() && i < most; ++i) {
      const std::string_view before = sign.empty() || i == 0 ? sign : kSetIn;
      const bool cut = i + 1 == most && lines.size() > most;
      shape_.lines.push_back(
          {pen, std::string(before) + (cut ? shortened(lines[i] + " ...", room) : lines[i])});
    }
    remember(std::string(sign) + std::string(text));
  }

 private:
  void remember(std::string_view text) {
    shape_.whole += (shape_.whole.empty() ? "" : "\n") + std::string(text);
  }

  Shape& shape_;
  int width_;
};

int lines_height(const Shape& shape) {
  int height = 0;
  for (const Line& line : shape.lines) height += line_height(line.pen);
  return height;
}

Shape framed(Look look, int width) {
  Shape out;
  out.look = look;
  out.box.width = width;
  return out;
}

void close(Shape& shape) {
  shape.box.height = lines_height(shape) + 2 * kPadding;
}

Look zone_look(policy::ZoneRole role) {
  switch (role) {
    case policy::ZoneRole::kInternet: return Look::kInternet;
    case policy::ZoneRole::kLan: return Look::kLan;
    case policy::ZoneRole::kDmz: return Look::kDmz;
    case policy::ZoneRole::kManagement: return Look::kManagement;
  }
  return Look::kLan;
}

Look group_look(GroupKind kind) {
  switch (kind) {
    case GroupKind::kNetwork: return Look::kNetwork;
    case GroupKind::kHostMode: return Look::kHostMode;
    case GroupKind::kApart: return Look::kApart;
    case GroupKind::kLink: return Look::kLink;
  }
  return Look::kLink;
}

Shape card(const DrawnContainer& c, int width) {
  Shape out = framed(Look::kCard, width);
  out.tenant = c.tenant_number;
  out.number = c.identity;
  Lines lines(out, width - 2 * kPadding - kStripe);
  lines.fold(Pen::kName, c.name, out.number == 0 ? 0 : kBadge);
  if (!c.state.empty()) lines.add(Pen::kMark, c.state);
  if (!c.tenant.empty()) lines.add(Pen::kDim, "[" + c.tenant + "]");
  lines.middle(Pen::kDim, c.image);
  lines.add_each(Pen::kPlain, c.addresses, 3);
  lines.flow(Pen::kListening, "○ ", c.listening, kMostPortLines);
  lines.flow(Pen::kPublished, "● ", c.published, kMostPortLines);
  if (!c.also_in.empty()) lines.add(Pen::kDim, c.also_in);
  close(out);
  return out;
}

// Cards in rows from the left; in a row all are as high as the highest.
void set_cards(Shape& group, const std::vector<DrawnContainer>& containers, int span) {
  const int width = (group.box.width - 2 * kPadding - (span - 1) * kGap) / span;
  int y = group.box.height;
  for (std::size_t first = 0; first < containers.size(); first += static_cast<std::size_t>(span)) {
    const std::size_t end = std::min(containers.size(), first + static_cast<std::size_t>(span));
    int height = 0;
    for (std::size_t i = first; i < end; ++i) {
      Shape& placed = group.inside.emplace_back(card(containers[i], width));
      move_by(placed, kPadding + static_cast<int>(i - first) * (width + kGap), y);
      height = std::max(height, placed.box.height);
    }
    for (std::size_t i = first; i < end; ++i) group.inside[i].box.height = height;
    y += height + kGap;
  }
  if (!containers.empty()) group.box.height = y - kGap + kPadding;
}

struct Sample {
  Look look;
  Pen pen;
  std::string_view sign;
  Label words;
  bool internal = false, shared = false;
};

constexpr std::array<Sample, 9> kSamples{{
    {Look::kInternet, Pen::kPlain, "", Label::kLegendZone},
    {Look::kNetwork, Pen::kPlain, "", Label::kLegendNetwork},
    {Look::kNetwork, Pen::kPlain, "", Label::kLegendInternal, true},
    {Look::kNetwork, Pen::kPlain, "", Label::kLegendShared, false, true},
    {Look::kHostMode, Pen::kPlain, "", Label::kMapHostMode},
    {Look::kSwatch, Pen::kPlain, "1", Label::kLegendSame},
    {Look::kSwatch, Pen::kPlain, "", Label::kLegendTenant},
    {Look::kText, Pen::kListening, "○", Label::kLegendListening},
    {Look::kText, Pen::kPublished, "●", Label::kLegendPublished},
}};

Shape swatch(const Sample& sample) {
  Shape out = framed(sample.look, sample.look == Look::kText ? 10 : 26);
  out.box.height = 20;
  out.internal = sample.internal;
  out.shared = sample.shared;
  if (sample.look == Look::kSwatch && !sample.sign.empty()) {
    out.number = 1;
  } else if (sample.look == Look::kSwatch) {
    out.tenant = 0;
  } else if (!sample.sign.empty()) {
    out.lines.push_back({sample.pen, std::string(sample.sign)});
  }
  return out;
}

Shape words_beside(std::string_view text) {
  Shape out = framed(Look::kText, 0);
  out.lines.push_back({Pen::kPlain, std::string(text)});
  // Half a column more for each: fonts differ, and a legend that is cut helps nobody.
  out.box.width = static_cast<int>(display_width(text) + 2) * 7;
  out.box.height = 20;
  return out;
}

}  // namespace

void move_by(Shape& shape, int dx, int dy) {
  shape.box.x += dx;
  shape.box.y += dy;
  for (Shape& inner : shape.inside) move_by(inner, dx, dy);
}

// Tenths of a pixel: monospaced letters are 0.6 em wide, headings in other fonts about as much.
std::size_t columns(Pen pen, int width) {
  int tenths = 67;
  switch (pen) {
    case Pen::kTitle: tenths = 120; break;
    case Pen::kHeading: tenths = 86; break;
    case Pen::kName: tenths = 76; break;
    case Pen::kPlain:
    case Pen::kDim:
    case Pen::kMark:
    case Pen::kListening:
    case Pen::kPublished: break;
  }
  return static_cast<std::size_t>(std::max(width, 40) * 10 / tenths);
}

Shape zone_shape(const DrawnZone& zone) {
  Shape out = framed(zone_look(zone.role), kRail - 3 * kGutter);
  Lines lines(out, out.box.width - 2 * kPadding);
  lines.add(Pen::kHeading, zone.title);
  lines.add_each(Pen::kDim, zone.about, kMostAboutLines);
  close(out);
  return out;
}

Shape uplink_shape(const DrawnUplink& uplink) {
  Shape out = framed(Look::kUplink, kRail);
  Lines lines(out, kRail - 2 * kPadding);
  lines.add(Pen::kName, uplink.name);
  lines.add_each(Pen::kPlain, uplink.about, kMostAboutLines);
  close(out);
  return out;
}

Shape panel_shape(std::string_view heading, const std::vector<std::string>& ports) {
  Shape out = framed(Look::kPanel, kRail);
  Lines lines(out, kRail - 2 * kPadding);
  lines.add(Pen::kName, heading);
  lines.flow(Pen::kListening, "○ ", ports, kMostPanelLines);
  close(out);
  return out;
}

Shape note_shape(std::string_view note) {
  Shape out = framed(Look::kText, kRail);
  Lines(out, kRail - 2 * kPadding).wrapped(Pen::kDim, "", note, kMostNoteLines);
  close(out);
  return out;
}

Shape group_shape(const DrawnGroup& group, int span) {
  Shape out = framed(group_look(group.kind), span * kUnit - kGutter);
  out.internal = group.internal;
  out.shared = group.shared;
  Lines lines(out, out.box.width - 2 * kPadding);
  lines.fold(group.kind == GroupKind::kLink ? Pen::kName : Pen::kHeading, group.title, 0);
  lines.add_each(Pen::kDim, group.about, kMostAboutLines);
  lines.add_each(Pen::kMark, group.marks, group.marks.size());
  close(out);
  set_cards(out, group.containers, span);
  return out;
}

Shape legend_shape(int width, const Style& style) {
  Shape out = framed(Look::kText, width);
  int x = 0, y = 0;
  for (const Sample& sample : kSamples) {
    Shape mark = swatch(sample), text = words_beside(say(sample.words, style));
    const int before = mark.box.width + kPadding, both = before + text.box.width;
    if (x > 0 && x + both > width) {
      x = 0;
      y += mark.box.height + kGap;
    }
    text.box.width = std::min(text.box.width, width - before);
    move_by(mark, x, y);
    move_by(text, x + before, y);
    x += both + kGap;
    out.box.height = mark.box.bottom();
    out.inside.push_back(std::move(mark));
    out.inside.push_back(std::move(text));
  }
  return out;
}

}  // namespace bulkhead::report
