#include "report/map_drawing.h"

#include <map>
#include <set>

#include "base/text.h"
#include "report/map_words.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

using audit::LeadsTo;

constexpr std::size_t kMostPorts = 24, kMostAddresses = 8, kMostNames = 12;

// A name whole, as far as an image's or a file's name goes: formats that have little room cut it.
std::string whole(std::string_view name) {
  return escape_text(name, 256);
}

std::vector<std::string> bounded(std::vector<std::string> items, std::size_t most) {
  if (items.size() <= most) return items;
  const std::size_t more = items.size() - most;
  items.resize(most);
  items.push_back("+" + std::to_string(more));
  return items;
}

std::string listed(std::vector<std::string> names) {
  std::string out;
  for (const std::string& name : bounded(std::move(names), kMostNames))
    out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::vector<std::string> safe_all(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const std::string& name : names) out.push_back(safe(name));
  return out;
}

std::vector<std::string> listening(const std::vector<audit::MapListener>& listeners) {
  std::vector<std::string> out;
  out.reserve(listeners.size());
  for (const audit::MapListener& l : listeners) out.push_back(listener_text(l));
  return bounded(std::move(out), kMostPorts);
}

std::string network_name(const audit::MapInterface& interface) {
  return interface.network.empty() ? interface.name : interface.network;
}

class Drafter {
 public:
  Drafter(const audit::Map& map, const Style& style) : map_(map), style_(style) { count_places(); }

  Drawing draft() {
    out_.host = whole(map_.host_name);
    out_.title = say(Label::kMapTitle, style_, {{"host", out_.host}});
    for (const audit::MapInterface& i : map_.interfaces) {
      if (i.leads == LeadsTo::kZones) uplink(i);
      if (i.leads != LeadsTo::kZones || !i.containers.empty()) interface(i);
    }
    group(GroupKind::kHostMode, Label::kMapHostMode, map_.in_host_namespace);
    group(GroupKind::kApart, Label::kMapNoNetwork, map_.without_network);
    out_.host_listening = listening(map_.host_listeners);
    notes();
    summary();
    return std::move(out_);
  }

 private:
  using Identity = std::pair<std::string_view, std::string_view>;  // engine, name

  static Identity identity(const audit::MapContainer& c) { return {c.engine, c.name}; }

  void count_places() {
    for (const audit::MapInterface& i : map_.interfaces) {
      for (const audit::MapContainer& c : i.containers)
        places_[identity(c)].push_back(network_name(i));
    }
    for (const auto* loose : {&map_.in_host_namespace, &map_.without_network}) {
      for (const audit::MapContainer& c : *loose) places_[identity(c)].emplace_back();
    }
  }

  void uplink(const audit::MapInterface& i) {
    DrawnUplink u{whole(i.name), bounded(i.addresses, kMostAddresses), {}};
    if (i.kind != "device") u.about.insert(u.about.begin(), safe(i.kind));
    if (!i.up) u.about.push_back(say(Label::kMapDown, style_));
    if (!i.ports.empty()) u.about.push_back(ports(i));
    for (const policy::Zone& z : i.zones) u.zones.push_back(zone(z));
    zones_ += i.zones.size();
    out_.uplinks.push_back(std::move(u));
  }

  std::string ports(const audit::MapInterface& i) const {
    return say(Label::kMapPort, style_, {{"name", listed(safe_all(i.ports))}});
  }

  static Label role_label(policy::ZoneRole role) {
    switch (role) {
      case policy::ZoneRole::kInternet: return Label::kDrawInternet;
      case policy::ZoneRole::kLan: return Label::kDrawLan;
      case policy::ZoneRole::kDmz: return Label::kDrawDmz;
      case policy::ZoneRole::kManagement: return Label::kDrawManagement;
    }
    return Label::kDrawLan;
  }

  DrawnZone zone(const policy::Zone& z) const {
    DrawnZone out{z.role, say(role_label(z.role), style_), {}};
    out.about.push_back(z.guessed ? say(Label::kMapGuessed, style_) : safe(z.name));
    std::vector<std::string> prefixes;
    prefixes.reserve(z.prefixes.size());
    for (const Prefix& p : z.prefixes) prefixes.push_back(p.to_string());
    for (std::string& p : bounded(std::move(prefixes), kMostAddresses))
      out.about.push_back(std::move(p));
    return out;
  }

  void interface(const audit::MapInterface& i) {
    const bool network = i.leads == LeadsTo::kNetwork || !i.containers.empty();
    DrawnGroup g;
    g.kind = network ? GroupKind::kNetwork : GroupKind::kLink;
    g.title = whole(network ? network_name(i) : i.name);
    describe(i, g);
    g.internal = i.internal;
    if (i.internal) g.marks.push_back(say(Label::kMapInternal, style_));
    share(i.containers, g);
    if (!i.up) g.marks.push_back(say(Label::kMapDown, style_));
    networks_ += network ? 1 : 0;
    fill_in(i.containers, std::move(g), network_name(i));
  }

  void describe(const audit::MapInterface& i, DrawnGroup& g) const {
    std::string kind = safe(i.kind);
    if (g.kind == GroupKind::kNetwork && !i.network.empty())
      kind = safe(i.name) + " (" + kind + ")";
    if (!i.made_by.empty() && i.leads != LeadsTo::kItself) kind += ", " + safe(i.made_by);
    g.about.push_back(std::move(kind));
    for (std::string& a : bounded(i.addresses, kMostAddresses)) g.about.push_back(std::move(a));
    if (i.leads != LeadsTo::kNetwork) g.about.push_back(leads_text(i, style_));
    if (!i.ports.empty()) {
      g.about.push_back(ports(i));
    } else if (i.containers.empty() && i.leads == LeadsTo::kNetwork) {
      g.about.push_back(say(Label::kMapEmpty, style_));
    }
  }

  void share(const std::vector<audit::MapContainer>& containers, DrawnGroup& g) const {
    std::set<std::string_view> tenants;
    for (const audit::MapContainer& c : containers) tenants.insert(c.tenant);
    if (tenants.size() < 2) return;
    g.shared = true;
    g.marks.push_back(say(Label::kDrawShared, style_, {{"count", std::to_string(tenants.size())}}));
  }

  void group(GroupKind kind, Label title, const std::vector<audit::MapContainer>& containers) {
    if (containers.empty()) return;
    DrawnGroup g;
    g.kind = kind;
    g.title = say(title, style_);
    fill_in(containers, std::move(g), "");
  }

  void fill_in(const std::vector<audit::MapContainer>& containers, DrawnGroup g,
               const std::string& network) {
    g.containers.reserve(containers.size());
    for (const audit::MapContainer& c : containers) g.containers.push_back(container(c, network));
    out_.groups.push_back(std::move(g));
  }

  DrawnContainer container(const audit::MapContainer& c, const std::string& network) {
    DrawnContainer out;
    out.name = whole(c.name);
    out.image = whole(c.image);
    if (c.tenant != c.name) out.tenant = safe(c.tenant);
    if (c.state != "running") out.state = safe(c.state);
    out.addresses = bounded(c.addresses, kMostAddresses);
    out.listening = listening(c.listeners);
    out.published = bounded(published_texts(c), kMostPorts);
    out.tenant_number = tenants_.try_emplace(c.tenant, tenants_.size()).first->second;
    const std::vector<std::string>& places = places_.at(identity(c));
    if (places.size() > 1) {
      out.identity = identities_.try_emplace(identity(c), identities_.size() + 1).first->second;
      out.also_in = other_places(places, network);
    }
    return out;
  }

  std::string other_places(const std::vector<std::string>& places,
                           const std::string& network) const {
    std::vector<std::string> others;
    bool here = false;
    for (const std::string& place : places) {
      if (place == network && !here) {
        here = true;
      } else {
        others.push_back(safe(place));
      }
    }
    return say(Label::kDrawAlsoIn, style_, {{"networks", listed(std::move(others))}});
  }

  void notes() {
    if (!map_.namespaces.empty()) {
      out_.notes.push_back(say(Label::kMapNamespaces, style_) + ": " +
                           listed(safe_all(map_.namespaces)));
    }
    if (map_.unjoined > 0) {
      out_.notes.push_back(
          say(Label::kMapUnjoined, style_, {{"count", std::to_string(map_.unjoined)}}));
    }
  }

  void summary() {
    out_.summary = say(
        Label::kDrawSummary, style_,
        {{"containers", std::to_string(places_.size())},
         {"networks", std::to_string(networks_)},
         {"zones", std::to_string(zones_)},
         {"stopped", say(Label::kMapStopped, style_, {{"count", std::to_string(map_.stopped)}})}});
  }

  const audit::Map& map_;
  const Style& style_;
  Drawing out_;
  std::map<Identity, std::vector<std::string>> places_;  // by container: its networks
  std::map<Identity, std::size_t> identities_;
  std::map<std::string_view, std::size_t> tenants_;
  std::size_t networks_ = 0, zones_ = 0;
};

}  // namespace

Drawing draw(const audit::Map& map, const Style& style) {
  return Drafter(map, style).draft();
}

std::size_t columns_of(const DrawnGroup& group) {
  std::size_t columns = 1;
  while (columns * columns < group.containers.size()) ++columns;
  return columns;
}

std::vector<std::pair<DrawnPlace, DrawnPlace>> same_containers(const Drawing& drawing) {
  std::vector<std::pair<DrawnPlace, DrawnPlace>> out;
  std::map<std::size_t, DrawnPlace> last;
  for (std::size_t g = 0; g < drawing.groups.size(); ++g) {
    const auto& containers = drawing.groups[g].containers;
    for (std::size_t c = 0; c < containers.size(); ++c) {
      if (containers[c].identity == 0) continue;
      const auto [before, first] = last.try_emplace(containers[c].identity, g, c);
      if (!first) out.emplace_back(std::exchange(before->second, {g, c}), DrawnPlace{g, c});
    }
  }
  return out;
}

}  // namespace bulkhead::report
