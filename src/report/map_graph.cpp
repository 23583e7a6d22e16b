#include "report/map_graph.h"

#include <fmt/format.h>

#include "report/parts.h"

namespace bulkhead::report {
namespace {

std::vector<std::string> under(const std::string& first, const std::vector<std::string>& rest) {
  std::vector<std::string> out{first};
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

std::string spaced(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : " ") + item;
  return out;
}

std::vector<std::string> container_lines(const DrawnContainer& c, const Style& style) {
  std::vector<std::string> out{c.name};
  if (!c.state.empty()) out.push_back(c.state);
  if (!c.tenant.empty()) out.push_back("[" + c.tenant + "]");
  if (!c.image.empty()) out.push_back(c.image);
  if (!c.addresses.empty()) out.push_back(spaced(c.addresses));
  if (!c.listening.empty())
    out.push_back(say(Label::kMapListens, style, {{"ports", spaced(c.listening)}}));
  if (!c.published.empty())
    out.push_back(say(Label::kMapPublished, style, {{"ports", spaced(c.published)}}));
  return out;
}

std::string uplink_id(std::size_t u) {
  return fmt::format("u{}", u);
}
std::string zone_id(std::size_t u, std::size_t z) {
  return fmt::format("u{}z{}", u, z);
}
std::string container_id(DrawnPlace place) {
  return fmt::format("g{}c{}", place.first, place.second);
}

void write_group(const DrawnGroup& group, std::size_t g, const Style& style, GraphSink& sink) {
  GraphNode node{fmt::format("g{}", g), under(group.title, group.about), NodeKind::kNetwork,
                 group.internal, group.shared};
  node.lines.insert(node.lines.end(), group.marks.begin(), group.marks.end());
  if (group.containers.empty()) return sink.node(node);
  sink.open(node);
  const std::size_t columns = columns_of(group);
  for (std::size_t c = 0; c < group.containers.size(); ++c) {
    sink.node({container_id({g, c}), container_lines(group.containers[c], style)});
    if (c % columns != 0) sink.beside(container_id({g, c - 1}), container_id({g, c}));
  }
  sink.close();
}

void write_host(const Drawing& drawing, const Style& style, GraphSink& sink) {
  sink.open({"host", {drawing.host}, NodeKind::kPanel});
  for (std::size_t u = 0; u < drawing.uplinks.size(); ++u) {
    const DrawnUplink& uplink = drawing.uplinks[u];
    sink.node({uplink_id(u), under(uplink.name, uplink.about), NodeKind::kUplink});
  }
  if (!drawing.host_listening.empty()) {
    sink.node({"listening", under(say(Label::kMapHostListeners, style), drawing.host_listening),
               NodeKind::kPanel});
  }
  for (std::size_t n = 0; n < drawing.notes.size(); ++n)
    sink.node({fmt::format("note{}", n), {drawing.notes[n]}, NodeKind::kNote});
  for (std::size_t g = 0; g < drawing.groups.size(); ++g)
    write_group(drawing.groups[g], g, style, sink);
  sink.close();
}

}  // namespace

void write_graph(const Drawing& drawing, const Style& style, GraphSink& sink) {
  for (std::size_t u = 0; u < drawing.uplinks.size(); ++u) {
    const std::vector<DrawnZone>& zones = drawing.uplinks[u].zones;
    for (std::size_t z = 0; z < zones.size(); ++z)
      sink.node({zone_id(u, z), under(zones[z].title, zones[z].about), NodeKind::kZone});
  }
  write_host(drawing, style, sink);
  for (std::size_t u = 0; u < drawing.uplinks.size(); ++u) {
    for (std::size_t z = 0; z < drawing.uplinks[u].zones.size(); ++z)
      sink.join(zone_id(u, z), uplink_id(u));
  }
  for (const auto& [one, other] : same_containers(drawing))
    sink.same(container_id(one), container_id(other), say(Label::kDrawSame, style));
}

}  // namespace bulkhead::report
