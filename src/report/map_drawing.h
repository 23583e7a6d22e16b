// What every drawing of a map shows (SVG, Graphviz, Mermaid), in words and in order, before any
// format or place on paper.
//
// All text is escaped (escape_text) and bounded, and still has to be quoted for its format. Lists
// that are cut end in "+N", the number of what is left out. Containers that do not run are not
// drawn but counted, in `summary`.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "audit/map.h"
#include "report/style.h"

namespace bulkhead::report {

struct DrawnContainer {
  std::string name, image;
  std::string tenant;  // "" when that is the container itself
  std::string state;   // "" when it runs
  std::vector<std::string> addresses, listening, published;
  std::size_t tenant_number = 0;  // by first appearance, the same everywhere in the drawing
  std::size_t identity = 0;       // 0: drawn once; else the same wherever this container is drawn
  std::string also_in;            // the other networks of a container that is drawn several times
};

enum class GroupKind : std::uint8_t {
  kNetwork,   // an interface with what hangs on it
  kHostMode,  // containers in the host's own namespace
  kApart,     // containers without a network
  kLink,      // an interface that leads elsewhere, or where it leads is not known
};

struct DrawnGroup {
  GroupKind kind = GroupKind::kNetwork;
  std::string title;
  std::vector<std::string> about;  // interface, addresses, who made it, where it leads
  std::vector<std::string> marks;  // "internal", "shared by 2 tenants", "down"
  bool internal = false, shared = false;
  std::vector<DrawnContainer> containers;
};

struct DrawnZone {
  policy::ZoneRole role = policy::ZoneRole::kLan;
  std::string title;
  std::vector<std::string> about;  // its name or "guessed", its prefixes
};

struct DrawnUplink {
  std::string name;
  std::vector<std::string> about;
  std::vector<DrawnZone> zones;
};

struct Drawing {
  std::string title, host;
  std::string summary;
  std::vector<DrawnUplink> uplinks;
  std::vector<DrawnGroup> groups;
  std::vector<std::string> host_listening;
  std::vector<std::string> notes;  // other namespaces
};

// Where a container stands: the group, and its place in there.
using DrawnPlace = std::pair<std::size_t, std::size_t>;

// O(n log n) in the containers of the map.
[[nodiscard]] Drawing draw(const audit::Map& map, const Style& style);

// As many columns as make the group about as wide as high: the root of its containers, rounded up.
[[nodiscard]] std::size_t columns_of(const DrawnGroup& group);

// For each container that is drawn several times, each of its places and the one before it.
[[nodiscard]] std::vector<std::pair<DrawnPlace, DrawnPlace>> same_containers(
    const Drawing& drawing);

}  // namespace bulkhead::report
