#include "report/page.h"

#include <utility>

#include "base/text.h"

namespace bulkhead::report {
namespace {

// Text has a contrast of at least 4.5 to what is behind it in both themes (WCAG 2.1 AA):
// tests/report/page_test.py computes them.
constexpr std::string_view kStyleSheet = R"css(
:root{color-scheme:light dark;
--page:#f6f8fa;--card:#ffffff;--line:#c9d1d9;--text:#1f2328;--dim:#57606a;
--bad:#a40e26;--warning:#7a4d00;--good:#0b5d28;--note:#0550ae;
--bad-ground:#ffe2e0;--warning-ground:#fff3cf;--good-ground:#e2f4e6;--note-ground:#ddf0ff;--code:#eef1f4}
@media (prefers-color-scheme:dark){:root{
--page:#0d1117;--card:#151b23;--line:#3d444d;--text:#e6edf3;--dim:#a9b4bf;
--bad:#ffa198;--warning:#f2cc60;--good:#7ee2a0;--note:#9ecbff;
--bad-ground:#3d1519;--warning-ground:#33290f;--good-ground:#12301c;--note-ground:#152a43;--code:#0d1117}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,"DejaVu Sans","Noto Sans CJK JP",sans-serif}
main{max-width:1100px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:24px;margin:0 0 8px}
h2{font-size:18px;margin:32px 0 8px}
p{margin:4px 0;overflow-wrap:anywhere}
.card{background:var(--card);border:1px solid var(--line);border-left:6px solid var(--line);border-radius:6px;margin:12px 0;padding:10px 14px}
.card.bad{border-left-color:var(--bad)}.card.warning{border-left-color:var(--warning)}
.card.good{border-left-color:var(--good)}.card.note{border-left-color:var(--note)}
h3{font-size:16px;margin:0 0 6px;overflow-wrap:anywhere}
.mark{display:inline-block;font-size:12px;font-weight:bold;padding:1px 8px;margin-right:8px;border-radius:10px;border:1px solid var(--line);color:var(--text)}
.mark.bad,p.bad{color:var(--bad);background:var(--bad-ground)}
.mark.warning,p.warning{color:var(--warning);background:var(--warning-ground)}
.mark.good,p.good{color:var(--good);background:var(--good-ground)}
.mark.note,p.note{color:var(--note);background:var(--note-ground)}
p.bad,p.warning,p.good,p.note{padding:6px 10px;border-radius:6px}
.field{display:flex;gap:12px;margin:3px 0}
.field b{flex:0 0 7em;color:var(--dim);font-weight:600}
.field span{overflow-wrap:anywhere;min-width:0}
pre{background:var(--code);border:1px solid var(--line);border-radius:6px;padding:10px;margin:6px 0;overflow-x:auto;font:13px/1.45 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
details{margin:6px 0}summary{cursor:pointer;color:var(--note)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;background:var(--card);border:1px solid var(--line);margin:6px 0;font-size:14px}
th,td{text-align:left;padding:5px 10px;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
th{color:var(--dim)}
tr.bad td{background:var(--bad-ground);color:var(--bad)}tr.warning td{background:var(--warning-ground);color:var(--warning)}
tr.good td{background:var(--good-ground);color:var(--good)}tr.note td{background:var(--note-ground);color:var(--note)}
.numbers{display:flex;flex-wrap:wrap;gap:10px;margin:14px 0}
.numbers div{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:8px 16px;min-width:96px}
.numbers b{display:block;font-size:22px}
.numbers span{color:var(--dim);font-size:13px}
@media print{body{background:#ffffff}.card{break-inside:avoid}}
)css";

std::string_view class_of(Tone tone) {
  switch (tone) {
    case Tone::kPlain: return "";
    case Tone::kGood: return "good";
    case Tone::kNote: return "note";
    case Tone::kWarning: return "warning";
    case Tone::kBad: return "bad";
  }
  return "";
}

}  // namespace

// The policy keeps a browser from running or fetching anything, should an escape ever be missing.
Page::Page(std::string_view title, const Style& style) {
  out_ = "<!DOCTYPE html>\n<html lang=\"";
  out_ += style.language == Language::kJapanese ? "ja" : "en";
  out_ +=
      "\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n";
  element("title", title);
  out_ += "<style>";
  out_ += kStyleSheet;
  out_ += "</style>\n</head>\n<body>\n<main>\n";
  element("h1", title);
}

void Page::element(std::string_view tag, std::string_view text, std::string_view classes) {
  out_ += "<" + std::string(tag);
  if (!classes.empty()) out_ += " class=\"" + std::string(classes) + "\"";
  out_ += ">" + escape_html(text) + "</" + std::string(tag) + ">\n";
}

void Page::heading(std::string_view text) {
  element("h2", text);
}

void Page::text(std::string_view text, Tone tone) {
  element("p", text, class_of(tone));
}

void Page::numbers(const std::vector<std::pair<std::string, std::string>>& counts) {
  out_ += "<div class=\"numbers\">\n";
  for (const auto& [number, name] : counts)
    out_ += "<div><b>" + escape_html(number) + "</b><span>" + escape_html(name) + "</span></div>\n";
  out_ += "</div>\n";
}

void Page::begin_card(Tone tone) {
  out_ += "<article class=\"card " + std::string(class_of(tone)) + "\">\n";
}

void Page::card_title(const std::vector<std::pair<std::string, Tone>>& marks,
                      std::string_view text) {
  out_ += "<h3>";
  for (const auto& [mark, tone] : marks)
    out_ +=
        "<span class=\"mark " + std::string(class_of(tone)) + "\">" + escape_html(mark) + "</span>";
  out_ += escape_html(text) + "</h3>\n";
}

void Page::field(std::string_view name, std::string_view text) {
  out_ += "<div class=\"field\"><b>" + escape_html(name) + "</b><span>" + escape_html(text) +
          "</span></div>\n";
}

void Page::code(std::string_view name, std::string_view lines) {
  element("p", name);
  element("pre", lines);
}

void Page::end_card() {
  out_ += "</article>\n";
}

void Page::begin_details(std::string_view summary) {
  out_ += "<details>";
  element("summary", summary);
}

void Page::end_details() {
  out_ += "</details>\n";
}

void Page::begin_table(const std::vector<std::string>& columns) {
  out_ += "<div class=\"scroll\"><table>\n<thead><tr>";
  for (const std::string& column : columns)
    out_ += "<th scope=\"col\">" + escape_html(column) + "</th>";
  out_ += "</tr></thead>\n<tbody>\n";
}

void Page::row(const std::vector<std::string>& cells, Tone tone) {
  const std::string_view classes = class_of(tone);
  out_ += classes.empty() ? "<tr>" : "<tr class=\"" + std::string(classes) + "\">";
  for (const std::string& cell : cells) out_ += "<td>" + escape_html(cell) + "</td>";
  out_ += "</tr>\n";
}

void Page::end_table() {
  out_ += "</tbody></table></div>\n";
}

std::string Page::finish() {
  out_ += "</main>\n</body>\n</html>\n";
  return std::exchange(out_, {});
}

}  // namespace bulkhead::report
