// A drawing of the map as nodes, clusters and edges, for languages that place them themselves.
#pragma once

#include <string>
#include <vector>

#include "report/map_drawing.h"

namespace bulkhead::report {

enum class NodeKind : std::uint8_t { kZone, kUplink, kPanel, kNote, kNetwork, kContainer };

struct GraphNode {
  std::string id;                  // a letter and then letters and digits: nothing from outside
  std::vector<std::string> lines;  // escaped, not yet quoted
  NodeKind kind = NodeKind::kContainer;
  bool internal = false, shared = false;  // of a network
};

// What a language has to say; called in the order of the text.
class GraphSink {
 public:
  GraphSink() = default;
  GraphSink(const GraphSink&) = delete;
  GraphSink& operator=(const GraphSink&) = delete;
  virtual ~GraphSink() = default;

  virtual void node(const GraphNode& node) = 0;
  virtual void open(const GraphNode& cluster) = 0;  // what follows is in it
  virtual void close() = 0;
  virtual void join(const std::string& from, const std::string& to) = 0;
  virtual void beside(const std::string& left, const std::string& right) = 0;  // not to be seen
  virtual void same(const std::string& one, const std::string& other, const std::string& why) = 0;
};

// Zones; the host as a cluster with its networks as clusters in it; then edges.
void write_graph(const Drawing& drawing, const Style& style, GraphSink& sink);

}  // namespace bulkhead::report
