// From the back to the front: frames, rails, arrows, cards with their words, so that nothing is
// drawn over what is to be read.
#include <fmt/format.h>

#include <iterator>

#include "base/text.h"
#include "report/map_style.h"
#include "report/policy_layout.h"
#include "report/policy_text.h"

namespace bulkhead::report {
namespace {

// What a map's style sheet lacks (map_style.h).
constexpr std::string_view kPolicySheet =
    ".rail{stroke:#6e7781;stroke-width:1.5;stroke-dasharray:2 "
    "3}.flow{fill:none;stroke:currentColor;"
    "stroke-width:1.5}.tip{fill:currentColor}.open>.frame{stroke-dasharray:7 4}"
    "@media (prefers-color-scheme:dark){.rail{stroke:#9198a1}}";

class PolicySvg {
 public:
  explicit PolicySvg(const PolicyLayout& layout) : layout_(layout) {}

  std::string write(Language language) {
    head(language);
    for (const PolicyFrame& frame : layout_.frames) tenant(frame);
    for (const PolicyRail& r : layout_.rails)
      put("<path class=\"rail\" d=\"M{} {}V{}\"/>\n", r.x, r.plot.bottom(), r.bottom);
    for (const PolicyArrow& a : layout_.arrows) arrow(a);
    for (const PolicyRail& r : layout_.rails) rail(r);
    for (const PolicyFrame& frame : layout_.frames) {
      for (const PolicyCard& c : frame.cards) card(c);
    }
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  template <class... T>
  void put(fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<T>(values)...);
  }

  void head(Language language) {
    std::string legend = layout_.legend;
    if (layout_.more_arrows > 0) legend += " (+" + std::to_string(layout_.more_arrows) + ")";
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
        "{1}\" role=\"graphics-document\" xml:lang=\"{2}\" aria-labelledby=\"policy-title "
        "policy-legend\">\n",
        layout_.width, layout_.height, language == Language::kJapanese ? "ja" : "en");
    put("<title id=\"policy-title\">{}</title>\n", escape_html(layout_.title));
    put("<desc id=\"policy-legend\">{}</desc>\n", escape_html(legend));
    put("<style>{}{}</style>\n", kMapStyleSheet, kPolicySheet);
    put("<rect class=\"page\" width=\"{}\" height=\"{}\"/>\n", layout_.width, layout_.height);
    put("<text class=\"heading\" x=\"24\" y=\"36\">{}</text>\n", escape_html(layout_.title));
    put("<text class=\"dim\" x=\"24\" y=\"{}\">{}</text>\n", layout_.height - 14,
        escape_html(legend));
  }

  void box(const Plot& p) {
    put("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"5\"/>\n", p.x, p.y,
        p.width, p.height);
  }

  void tenant(const PolicyFrame& frame) {
    put("<g class=\"{}{}\">\n<title>{}</title>\n", frame.host ? "host" : "network",
        frame.enforced ? "" : " open", escape_html(frame.whole));
    box(frame.plot);
    put("<text class=\"heading\" x=\"{}\" y=\"{}\">{}</text>\n</g>\n", frame.plot.x + 10,
        frame.plot.y + 20, escape_html(frame.title));
  }

  void rail(const PolicyRail& r) {
    put("<g class=\"panel\">\n<title>{}</title>\n", escape_html(r.whole));
    box(r.plot);
    words(r.plot, "name", r.plot.x + 6, 15, r.name);
    out_ += "</g>\n";
  }

  // Cut where a font draws it wider than expected.
  void words(const Plot& p, std::string_view pen, int x, int y, std::string_view text) {
    put("<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><text class=\"{}\" x=\"{}\" "
        "y=\"{}\">{}</text></svg>\n",
        p.x, p.y, p.width, p.height, pen, x - p.x, y, escape_html(text));
  }

  void card(const PolicyCard& c) {
    put("<g class=\"card\">\n<title>{}</title>\n", escape_html(c.whole));
    box(c.plot);
    words(c.plot, "name", c.plot.x + 8, 16, c.name);
    int y = 31;
    for (const std::string& line : c.lines) {
      words(c.plot, "dim", c.plot.x + 8, y, line);
      y += 14;
    }
    out_ += "</g>\n";
  }

  void arrow(const PolicyArrow& a) {
    put("<g class=\"c{}\">\n<title>{}</title>\n<path class=\"flow\" d=\"", a.colour % kColours,
        escape_html(a.what));
    for (std::size_t i = 0; i < a.points.size(); ++i)
      put("{}{} {}", i == 0 ? 'M' : 'L', a.points[i].first, a.points[i].second);
    const auto [x, y] = a.points.back();
    put("\"/>\n<path class=\"tip\" d=\"M{} {}l-7 -4v8z\"/>\n</g>\n", x, y);
  }

  const PolicyLayout& layout_;
  std::string out_;
};

}  // namespace

std::string policy_svg(const policy::Config& config, const policy::Bound& bound,
                       std::uint64_t now_ms, const Style& style) {
  const PolicyLayout layout = lay_out_policy(config, bound, now_ms, style);
  return PolicySvg(layout).write(style.language);
}

}  // namespace bulkhead::report
