#include "report/map_text.h"

#include "base/text.h"
#include "report/layout.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using audit::LeadsTo;

class TreeWriter {
 public:
  TreeWriter(const audit::Map& map, const Style& style) : map_(map), style_(style) {}

  std::string write() {
    out_ +=
        inked(tell(Label::kMapTitle, {{"host", safe(map_.host_name)}}), Ink::kBold, style_) + "\n";
    for (const audit::MapInterface& i : map_.interfaces) interface(i);
    if (!map_.host_listeners.empty()) {
      branch("|-- ", "|   ", tell(Label::kMapHostListeners) + " " + ports(map_.host_listeners));
    }
    group(Label::kMapHostMode, map_.in_host_namespace);
    group(Label::kMapNoNetwork, map_.without_network);
    if (!map_.namespaces.empty()) {
      branch("|-- ", "|   ", tell(Label::kMapNamespaces) + ": " + names(map_.namespaces));
    }
    if (map_.unjoined > 0) {
      branch("|-- ", "|   ", tell(Label::kMapUnjoined, {{"count", std::to_string(map_.unjoined)}}));
    }
    branch("`-- ", "    ", tell(Label::kMapStopped, {{"count", std::to_string(map_.stopped)}}));
    return std::move(out_);
  }

 private:
  std::string tell(Label label,
                   const std::vector<std::pair<std::string_view, std::string>>& values = {}) const {
    return say(label, style_, values);
  }

  // One node: its lines wrapped under its own branch.
  void branch(std::string_view first, std::string_view rest, std::string_view text) {
    bool begun = false;
    for (const std::string& line : wrap(text, style_.width - first.size())) {
      out_ += begun ? rest : first;
      out_ += (begun ? "  " : "") + line + "\n";
      begun = true;
    }
  }

  std::string leads(const audit::MapInterface& i) const {
    switch (i.leads) {
      case LeadsTo::kZones: return zones(i);
      case LeadsTo::kNetwork:
        return tell(Label::kMapNetwork,
                    {{"network", safe(i.network.empty() ? i.name : i.network)}});
      case LeadsTo::kContainer: return tell(Label::kMapContainer);
      case LeadsTo::kNamespace: return tell(Label::kMapNamespace, {{"peer", safe(i.peer)}});
      case LeadsTo::kItself: return tell(Label::kMapLoopback);
      case LeadsTo::kNowhere: return tell(Label::kMapNowhere);
      case LeadsTo::kUnknown: return tell(Label::kMapUnknown);
    }
    return {};
  }

  std::string zones(const audit::MapInterface& i) const {
    std::vector<std::string> parts;
    bool guessed = false;
    for (const policy::Zone& z : i.zones) {
      guessed = guessed || z.guessed;
      Label label = Label::kMapLan;
      switch (z.role) {
        case policy::ZoneRole::kInternet: label = Label::kMapInternet; break;
        case policy::ZoneRole::kLan: label = Label::kMapLan; break;
        case policy::ZoneRole::kDmz: label = Label::kMapDmz; break;
        case policy::ZoneRole::kManagement: label = Label::kMapManagement; break;
      }
      std::string text = tell(label);
      if (!z.guessed) text += " (" + safe(z.name) + ")";
      parts.push_back(std::move(text));
    }
    return joined(parts, style_) + (guessed ? " [" + tell(Label::kMapGuessed) + "]" : "");
  }

  void interface(const audit::MapInterface& i) {
    std::string text = safe(i.name) + " (" + safe(i.kind) + ")";
    for (const std::string& a : i.addresses) text += " " + a;
    text += ": " + leads(i);
    if (i.internal) text += ", " + tell(Label::kMapInternal);
    if (!i.up) text += ", " + tell(Label::kMapDown);
    if (!i.made_by.empty() && i.leads != LeadsTo::kItself)
      text += ", " + tell(Label::kMapMadeBy, {{"author", safe(i.made_by)}});
    branch("|-- ", "|   ", text);
    const bool empty = i.containers.empty() && i.ports.empty();
    if (empty && i.leads == LeadsTo::kNetwork)
      branch("|   `-- ", "|       ", tell(Label::kMapEmpty));
    for (std::size_t n = 0; n < i.containers.size(); ++n) {
      const bool last = n + 1 == i.containers.size() && i.ports.empty();
      container(i.containers[n], last ? "|   `-- " : "|   |-- ", last ? "|       " : "|   |   ");
    }
    for (std::size_t n = 0; n < i.ports.size(); ++n) {
      const bool last = n + 1 == i.ports.size();
      branch(last ? "|   `-- " : "|   |-- ", last ? "|       " : "|   |   ",
             tell(Label::kMapPort, {{"name", safe(i.ports[n])}}));
    }
  }

  void container(const audit::MapContainer& c, std::string_view first, std::string_view rest) {
    std::string text = safe(c.name);
    if (!c.project.empty()) text += " [" + safe(c.tenant) + "]";
    text += " " + safe(c.image);
    for (const std::string& a : c.addresses) text += " " + a;
    if (!c.listeners.empty())
      text += ", " + tell(Label::kMapListens, {{"ports", ports(c.listeners)}});
    std::string published;
    for (const model::PublishedPort& p : c.published) {
      if (p.host_port.number == 0) continue;
      published += (published.empty() ? "" : " ") + dial_text(p.host_address, p.host_port) + "->" +
                   port_text(p.container_port, p.protocol);
    }
    if (!published.empty()) text += ", " + tell(Label::kMapPublished, {{"ports", published}});
    if (c.state != "running") text += ", " + safe(c.state);
    branch(first, rest, text);
  }

  static std::string names(const std::vector<std::string>& all) {
    constexpr std::size_t kMost = 12;
    std::string out;
    for (std::size_t i = 0; i < all.size() && i < kMost; ++i) {
      out += (out.empty() ? "" : ", ") + safe(all[i]);
    }
    return all.size() > kMost ? out + ", ..." : out;
  }

  static std::string ports(const std::vector<audit::MapListener>& listeners) {
    constexpr std::size_t kMost = 24;
    std::string out;
    for (std::size_t i = 0; i < listeners.size() && i < kMost; ++i) {
      const audit::MapListener& l = listeners[i];
      out += (out.empty() ? "" : " ") + port_text(l.port, l.protocol);
      if (!l.process.empty()) out += "(" + safe(l.process) + ")";
    }
    return listeners.size() > kMost ? out + " ..." : out;
  }

  void group(Label title, const std::vector<audit::MapContainer>& containers) {
    if (containers.empty()) return;
    branch("|-- ", "|   ", tell(title));
    for (std::size_t n = 0; n < containers.size(); ++n) {
      const bool last = n + 1 == containers.size();
      container(containers[n], last ? "|   `-- " : "|   |-- ", last ? "|       " : "|   |   ");
    }
  }

  const audit::Map& map_;
  const Style& style_;
  std::string out_;
};

}  // namespace

std::string map_text(const audit::Map& map, const Style& style) {
  return TreeWriter(map, style).write();
}

}  // namespace bulkhead::report
