// The map as a drawing, for a browser, for Graphviz and for Mermaid. Each is deterministic, and
// shows names that no format can take for its own syntax. O(n log n).
#pragma once

#include <string>

#include "audit/map.h"
#include "report/style.h"

namespace bulkhead::report {

// One self-contained SVG 1.1 file (no script, no reference), for light and dark screens. Texts that
// do not fit their box are cut; each box has its whole text as its <title>.
[[nodiscard]] std::string map_svg(const audit::Map& map, const Style& style);

// A graph in Graphviz's language, with clusters for the host and its networks.
[[nodiscard]] std::string map_dot(const audit::Map& map, const Style& style);

// A Mermaid flowchart, with subgraphs for the host and its networks.
[[nodiscard]] std::string map_mermaid(const audit::Map& map, const Style& style);

}  // namespace bulkhead::report
