#include <fmt/format.h>

#include <iterator>

#include "report/drawings.h"
#include "report/map_graph.h"

namespace bulkhead::report {
namespace {

// For a quoted string of Graphviz that is shown: the quote, the backslash (\N, \G and the like are
// names there, and one before the last quote would hide that), and &, which begins an entity.
std::string dot_quoted(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
    if (c == '&') out += "amp;";
  }
  return out;
}

std::string label(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\\n") + dot_quoted(line);
  return out;
}

std::string_view look(const GraphNode& node) {
  switch (node.kind) {
    case NodeKind::kZone: return "style=\"rounded,filled\", fillcolor=\"#e2f4e6\"";
    case NodeKind::kUplink: return "style=filled, fillcolor=\"#f0f2f5\"";
    case NodeKind::kPanel: return "shape=note";
    case NodeKind::kNote: return "shape=plaintext";
    case NodeKind::kNetwork: return node.internal ? "style=dashed" : "style=solid";
    case NodeKind::kContainer: return "style=filled, fillcolor=white";
  }
  return {};
}

class DotWriter : public GraphSink {
 public:
  explicit DotWriter(const Drawing& drawing) {
    put("graph map {{\n  graph [rankdir=LR, fontname=\"sans-serif\", labelloc=t, label=\"{}\"];\n"
        "  node [shape=box, fontname=\"monospace\", fontsize=10];\n"
        "  edge [fontname=\"sans-serif\", fontsize=9];\n",
        label({drawing.title, drawing.summary}));
  }

  void node(const GraphNode& node) override {
    put("{}{} [{}, label=\"{}\"];\n", margin(), node.id, look(node), label(node.lines));
  }
  void open(const GraphNode& cluster) override {
    const bool network = cluster.kind == NodeKind::kNetwork;
    put("{0}subgraph cluster_{1} {{\n{0}  label=\"{2}\"; style={3}; bgcolor=\"{4}\";{5}\n",
        margin(), cluster.id, label(cluster.lines), cluster.internal ? "dashed" : "solid",
        network ? "#e8f1fc" : "#ffffff", cluster.shared ? " color=\"#b54708\"; penwidth=3;" : "");
    ++depth_;
  }
  void close() override {
    --depth_;
    put("{}}}\n", margin());
  }
  void join(const std::string& from, const std::string& to) override {
    put("{}{} -- {};\n", margin(), from, to);
  }
  void beside(const std::string& left, const std::string& right) override {
    put("{}{} -- {} [style=invis];\n", margin(), left, right);
  }
  void same(const std::string& one, const std::string& other, const std::string& why) override {
    put("{}{} -- {} [style=dashed, constraint=false, label=\"{}\"];\n", margin(), one, other,
        dot_quoted(why));
  }

  std::string finish() { return std::move(out_) + "}\n"; }

 private:
  template <class... T>
  void put(fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<T>(values)...);
  }
  [[nodiscard]] std::string margin() const { return std::string(2 * depth_, ' '); }

  std::size_t depth_ = 1;
  std::string out_;
};

}  // namespace

std::string map_dot(const audit::Map& map, const Style& style) {
  const Drawing drawing = draw(map, style);
  DotWriter writer(drawing);
  write_graph(drawing, style, writer);
  return writer.finish();
}

}  // namespace bulkhead::report
