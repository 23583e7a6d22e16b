#include <fmt/format.h>

#include <iterator>

#include "report/drawings.h"
#include "report/map_graph.h"

namespace bulkhead::report {
namespace {

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// A full stop or hyphen inside a word is no list of Markdown and no arrow.
bool is_plain(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '.' || c == '-')
    return at > 0 && is_word(text[at - 1]) && at + 1 < text.size() && is_word(text[at + 1]);
  return is_word(c) || static_cast<unsigned char>(c) >= 0x80 || c == ' ' || c == '_' || c == '/' ||
         c == ',';
}

// Mermaid looks for comments, directives, colours, Markdown and HTML in a label by patterns of its
// own, so that whatever is not plain is given by its number.
std::string mermaid_quoted(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    out += is_plain(text, i) ? std::string(1, text[i]) : fmt::format("#{};", int{text[i]});
  return out;
}

std::string label(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "<br/>") + mermaid_quoted(line);
  return out;
}

class MermaidWriter : public GraphSink {
 public:
  MermaidWriter() { out_ = "flowchart LR\n"; }

  void node(const GraphNode& node) override {
    const bool zone = node.kind == NodeKind::kZone;
    put("{}{}{}[\"{}\"]{}\n", margin(), node.id, zone ? "(" : "", label(node.lines),
        zone ? ")" : "");
    classify(node);
  }
  // Mermaid keeps room for one line of title: the others get a node of their own.
  void open(const GraphNode& cluster) override {
    put("{}subgraph {}[\"{}\"]\n", margin(), cluster.id, mermaid_quoted(cluster.lines.front()));
    ++depth_;
    classify(cluster);
    if (cluster.lines.size() < 2) return;
    const std::string about = cluster.id + "about";
    put("{}{}[\"{}\"]\n", margin(), about, label({cluster.lines.begin() + 1, cluster.lines.end()}));
    classes_.push_back("class " + about + " note");
  }
  void close() override {
    --depth_;
    put("{}end\n", margin());
  }
  void join(const std::string& from, const std::string& to) override {
    put("{}{} --- {}\n", margin(), from, to);
  }
  void beside(const std::string& left, const std::string& right) override {
    put("{}{} ~~~ {}\n", margin(), left, right);
  }
  void same(const std::string& one, const std::string& other, const std::string& why) override {
    put("{}{} -. \"{}\" .- {}\n", margin(), one, mermaid_quoted(why), other);
  }

  // Frames only: the theme of the page chooses all other colours.
  std::string finish() {
    for (const std::string& line : classes_) put("  {}\n", line);
    put("  classDef note fill:none,stroke:none\n"
        "  classDef internal stroke-dasharray:5 5\n"
        "  classDef shared stroke:#b54708,stroke-width:4px\n");
    return std::move(out_);
  }

 private:
  template <class... T>
  void put(fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<T>(values)...);
  }
  [[nodiscard]] std::string margin() const { return std::string(2 * depth_, ' '); }
  void classify(const GraphNode& node) {
    if (node.internal) classes_.push_back("class " + node.id + " internal");
    if (node.kind == NodeKind::kNote) classes_.push_back("class " + node.id + " note");
    if (node.shared) classes_.push_back("class " + node.id + " shared");
  }

  std::size_t depth_ = 1;
  std::vector<std::string> classes_;
  std::string out_;
};

}  // namespace

std::string map_mermaid(const audit::Map& map, const Style& style) {
  MermaidWriter writer;
  write_graph(draw(map, style), style, writer);
  return writer.finish();
}

}  // namespace bulkhead::report
