// From the back to the front: frames, the lines that join them, words, cards, so that a line passes
// behind all that is to be read on its way.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "report/drawings.h"
#include "report/map_layout.h"
#include "report/map_style.h"

namespace bulkhead::report {
namespace {

// Within a line's height, where its letters stand.
int baseline(Pen pen) {
  return line_height(pen) - line_height(pen) / 4;
}

class SvgWriter {
 public:
  SvgWriter(const Drawing& drawing, const Layout& layout, Language language)
      : drawing_(drawing), layout_(layout), language_(language) {}

  std::string write() {
    head();
    for (const Shape& s : layout_.shapes) frames(s);
    for (const Wire& w : layout_.wires) wire(w);
    for (const Shape& s : layout_.shapes) words(s);
    for (const Shape& s : layout_.shapes) cards(s);
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  template <class... T>
  void put(fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<T>(values)...);
  }

  void head() {
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
        "{1}\" role=\"graphics-document\" xml:lang=\"{2}\" aria-labelledby=\"map-title "
        "map-summary\">\n",
        layout_.width, layout_.height, language_ == Language::kJapanese ? "ja" : "en");
    put("<title id=\"map-title\">{}</title>\n", escape_html(drawing_.title));
    put("<desc id=\"map-summary\">{}</desc>\n", escape_html(drawing_.summary));
    put("<style>{}</style>\n", kMapStyleSheet);
    put("<rect class=\"page\" width=\"{}\" height=\"{}\"/>\n", layout_.width, layout_.height);
  }

  void frames(const Shape& s) {
    if (s.look == Look::kCard) return;
    if (s.look != Look::kText) {
      open(s);
      frame(s);
      out_ += "</g>\n";
    }
    for (const Shape& inner : s.inside) frames(inner);
  }

  void words(const Shape& s) {
    if (s.look == Look::kCard) return;
    if (!s.lines.empty()) {
      open(s);
      lines(s);
      out_ += "</g>\n";
    }
    for (const Shape& inner : s.inside) words(inner);
  }

  void cards(const Shape& s) {
    if (s.look == Look::kCard) {
      open(s);
      frame(s);
      lines(s);
      out_ += "</g>\n";
    }
    for (const Shape& inner : s.inside) cards(inner);
  }

  void open(const Shape& s) {
    put("<g class=\"{}{}{}\">\n", to_string(s.look), s.internal ? " internal" : "",
        s.shared ? " shared" : "");
    if (!s.whole.empty()) put("<title>{}</title>\n", escape_html(s.whole));
  }

  void frame(const Shape& s) {
    const Box& b = s.box;
    put("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>\n", b.x,
        b.y, b.width, b.height, s.look == Look::kHost ? 8 : 5);
    if (s.tenant) {
      put("<rect class=\"tenant c{}\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\"/>\n",
          *s.tenant % kColours, b.x + 4, b.y + 4, b.height - 8);
    }
    if (s.number != 0) badge(s);
  }

  // In a viewport of its own, which cuts what a font draws wider than expected.
  void lines(const Shape& s) {
    const int left =
        kPadding + (s.look == Look::kCard ? 6 : 0) - (s.look == Look::kText ? kPadding : 0);
    int height = 0;
    for (const Line& line : s.lines) height += line_height(line.pen);
    int y = std::max(0, std::min(kPadding, (s.box.height - height) / 2));
    put("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">\n", s.box.x, s.box.y, s.box.width,
        s.box.height);
    for (const Line& line : s.lines) {
      put("<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n", to_string(line.pen), left,
          y + baseline(line.pen), escape_html(line.text));
      y += line_height(line.pen);
    }
    out_ += "</svg>\n";
  }

  void badge(const Shape& s) {
    const int x = s.box.right() - 13, y = s.box.y + (s.look == Look::kCard ? 14 : 10);
    put("<g class=\"badge c{4}\"><circle cx=\"{0}\" cy=\"{1}\" r=\"9\"/><text x=\"{0}\" "
        "y=\"{2}\">{3}</text></g>\n",
        x, y, y + 4, s.number, s.number % kColours);
  }

  // From the side that looks to the other one.
  void wire(const Wire& w) {
    const std::string kind =
        w.kind == Wire::Kind::kZone ? "wire" : fmt::format("same c{}", w.number % kColours);
    const Box &a = w.from, &b = w.to;
    if (a.right() <= b.x || b.right() <= a.x) {
      const bool rightwards = a.right() <= b.x;
      const int x1 = rightwards ? a.right() : a.x, x2 = rightwards ? b.x : b.right();
      const int y1 = a.y + a.height / 2, y2 = b.y + b.height / 2, middle = (x1 + x2) / 2;
      put("<path class=\"{}\" d=\"M{} {}C{} {} {} {} {} {}\"/>\n", kind, x1, y1, middle, y1, middle,
          y2, x2, y2);
      return;
    }
    const bool down = a.bottom() <= b.y;
    const int y1 = down ? a.bottom() : a.y, y2 = down ? b.y : b.bottom();
    const int x1 = a.x + a.width / 2, x2 = b.x + b.width / 2, middle = (y1 + y2) / 2;
    put("<path class=\"{}\" d=\"M{} {}C{} {} {} {} {} {}\"/>\n", kind, x1, y1, x1, middle, x2,
        middle, x2, y2);
  }

  const Drawing& drawing_;
  const Layout& layout_;
  Language language_;
  std::string out_;
};

}  // namespace

std::string map_svg(const audit::Map& map, const Style& style) {
  const Drawing drawing = draw(map, style);
  return SvgWriter(drawing, lay_out(drawing, style), style.language).write();
}

}  // namespace bulkhead::report
