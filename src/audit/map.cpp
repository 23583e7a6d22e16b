#include "audit/map.h"

#include <algorithm>
#include <set>

#include "audit/inventory.h"
#include "model/find.h"
#include "policy/tenants.h"
#include "policy/zones.h"
#include "services/catalogue.h"

namespace bulkhead::audit {
namespace {

constexpr std::uint32_t kLoopback = 8;  // IFF_LOOPBACK

class Drawer {
 public:
  Drawer(const model::Snapshot& snapshot, const policy::Config& config,
         const std::vector<policy::Zone>& zones)
      : snapshot_(snapshot),
        config_(config),
        zones_(zones),
        host_(snapshot.namespaces[snapshot.host.value]) {}

  Map draw() {
    Map out;
    out.host_name = snapshot_.host_name;
    for (const model::Link& link : host_.links) {
      if (!link.master || !bridge_of(link)) out.interfaces.push_back(interface(link));
    }
    std::ranges::stable_sort(out.interfaces, {}, [](const MapInterface& i) { return rank(i); });
    out.host_listeners = listeners(snapshot_.host, nullptr);
    loose_containers(out);
    others(out);
    return out;
  }

 private:
  static int rank(const MapInterface& i) {
    switch (i.leads) {
      case LeadsTo::kZones: return 0;
      case LeadsTo::kNetwork: return 1;
      case LeadsTo::kContainer: return 2;
      case LeadsTo::kNamespace: return 3;
      case LeadsTo::kUnknown: return 4;
      case LeadsTo::kNowhere: return 5;
      case LeadsTo::kItself: return 6;
    }
    return 7;
  }

  const model::Link* bridge_of(const model::Link& port) const {
    const model::Link* found = model::find_link(host_, port.master);
    return found != nullptr && found->kind == "bridge" ? found : nullptr;
  }

  MapInterface interface(const model::Link& link) const {
    MapInterface out;
    out.name = link.name;
    out.kind = link.kind.empty() ? "device" : link.kind;
    out.up = (link.flags & model::kLinkUp) != 0;
    for (const model::Address& a : host_.addresses) {
      if (a.link == link.index)
        out.addresses.push_back(a.local.to_string() + "/" + std::to_string(a.prefix_length));
    }
    for (const policy::Zone& zone : zones_) {
      if (zone.link == link.index && zone.link) out.zones.push_back(zone);
    }
    network(link, out);
    hang(link, out);
    if (out.made_by.empty()) out.made_by = maker(link, out);
    where(link, out);
    return out;
  }

  void network(const model::Link& link, MapInterface& out) const {
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::EngineNetwork& n : engine.networks) {
        if (n.bridge.empty() || n.bridge != link.name) continue;
        out.network = n.name;
        out.network_driver = n.driver;
        out.internal = n.internal;
        out.made_by = engine.name;
      }
    }
    if (out.made_by.empty() && (link.flags & kLoopback) != 0) out.made_by = "kernel";
    if (out.made_by.empty() && link.name.starts_with("virbr")) out.made_by = "libvirt";
  }

  // Of an engine that did not tell its networks: whose containers hang there, else by the name.
  std::string maker(const model::Link& link, const MapInterface& drawn) const {
    if (!policy::made_by_engine(snapshot_, snapshot_.host, link)) return "";
    if (!drawn.containers.empty()) return drawn.containers.front().engine;
    return link.name.find("podman") != std::string::npos ? "podman" : "docker";
  }

  template <class Use>
  void containers_in(model::NsId ns, Use use) const {
    if (ns == snapshot_.host) return;
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& c : engine.containers) {
        if (c.netns == ns) use(engine, c);
      }
    }
  }

  void hang(const model::Link& link, MapInterface& out) const {
    const auto add = [&](model::NsId ns, IfIndex peer) {
      bool any = false;
      containers_in(ns, [&](const model::Engine& engine, const model::Container& c) {
        out.containers.push_back(container(engine, c, peer));
        any = true;
      });
      return any;
    };
    if (link.peer_ns && link.kind == "veth") add(*link.peer_ns, link.peer);
    for (const model::Link& other : host_.links) {
      if (other.master != link.index || !link.index) continue;
      if (!other.peer_ns || !add(*other.peer_ns, other.peer)) out.ports.push_back(other.name);
    }
    children(link, out);
    std::ranges::sort(out.containers, {},
                      [](const MapContainer& c) { return std::tie(c.engine, c.project, c.name); });
  }

  // macvlan and ipvlan of containers, whose parent this is.
  void children(const model::Link& link, MapInterface& out) const {
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      for (const model::Link& l : snapshot_.namespaces[i].links) {
        const bool child = (l.kind == "macvlan" || l.kind == "ipvlan") && l.peer == link.index;
        if (!child || l.peer_ns.value_or(snapshot_.host) != snapshot_.host) continue;
        containers_in(model::NsId{i}, [&](const model::Engine& engine, const model::Container& c) {
          out.containers.push_back(container(engine, c, l.index));
        });
      }
    }
  }

  MapContainer container(const model::Engine& engine, const model::Container& c, IfIndex on) const {
    MapContainer out{engine.name,
                     c.name,
                     c.project,
                     c.service,
                     c.image,
                     c.state,
                     policy::tenant_of(config_, engine, c).name,
                     c.network_mode,
                     {},
                     c.published,
                     {}};
    if (c.netns && c.netns->value < snapshot_.namespaces.size()) {
      if (!on) {
        for (const model::Attachment& a : c.attachments) {
          if (a.address4) out.addresses.push_back(a.address4->to_string());
          if (a.address6) out.addresses.push_back(a.address6->to_string());
        }
      } else {
        for (const model::Address& a : snapshot_.namespaces[c.netns->value].addresses) {
          const bool link_local = a.local.is_v6() && a.local.is_link_local();
          if (a.link == on && !link_local) out.addresses.push_back(a.local.to_string());
        }
      }
      out.listeners = listeners(*c.netns, &c);
    }
    return out;
  }

  // Of a container: the sockets in its namespace; in the host's, only those of its processes.
  std::vector<MapListener> listeners(model::NsId ns, const model::Container* c) const {
    std::vector<MapListener> out;
    const bool host = ns == snapshot_.host;
    for (const model::Socket& s : snapshot_.namespaces[ns.value].sockets) {
      if (s.peer || (s.address.is_loopback() && !host)) continue;
      const bool its = std::ranges::any_of(s.owners, [&](const auto& o) {
        return c != nullptr && o.container_id == c->id && !c->id.empty();
      });
      const bool of_some =
          std::ranges::any_of(s.owners, [](const auto& o) { return !o.container_id.empty(); });
      if (host && (c == nullptr ? of_some : !its)) continue;
      MapListener l{s.port, s.protocol, s.owners.empty() ? "" : s.owners.front().command, ""};
      const auto match =
          services::match(s.port, s.protocol, l.process, c == nullptr ? "" : c->image);
      if (match.service != nullptr) l.service = std::string(match.service->name);
      const bool seen = std::ranges::any_of(out, [&](const MapListener& o) {
        return o.port == l.port && o.protocol == l.protocol && o.process == l.process;
      });
      if (!seen) out.push_back(std::move(l));
    }
    std::ranges::sort(out, {}, [](const MapListener& l) { return std::tie(l.protocol, l.port); });
    return out;
  }

  void where(const model::Link& link, MapInterface& out) const {
    if ((link.flags & kLoopback) != 0) {
      out.leads = LeadsTo::kItself;
    } else if (!out.zones.empty()) {
      out.leads = LeadsTo::kZones;
    } else if (!out.network.empty() || (link.kind == "bridge" && !out.containers.empty())) {
      out.leads = LeadsTo::kNetwork;
    } else if (!out.containers.empty()) {
      out.leads = LeadsTo::kContainer;
    } else if (!out.up || (link.kind == "bridge" && out.ports.empty())) {
      out.leads = LeadsTo::kNowhere;
    } else if (link.peer_ns) {
      out.leads = LeadsTo::kNamespace;
      out.peer = name_of(snapshot_, *link.peer_ns);
    }
  }

  void loose_containers(Map& out) const {
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& c : engine.containers) {
        if (c.state != "running") {
          ++out.stopped;
        } else if (c.network_mode == "host" || c.netns == snapshot_.host) {
          MapContainer host = container(engine, c, {});
          host.listeners = listeners(snapshot_.host, &c);
          out.in_host_namespace.push_back(std::move(host));
        } else if (!hangs_somewhere(out, engine, c)) {
          out.without_network.push_back(container(engine, c, {}));
        }
      }
    }
  }

  static bool hangs_somewhere(const Map& map, const model::Engine& engine,
                              const model::Container& c) {
    return std::ranges::any_of(map.interfaces, [&](const MapInterface& i) {
      return std::ranges::any_of(i.containers, [&](const MapContainer& m) {
        return m.engine == engine.name && m.name == c.name;
      });
    });
  }

  // By namespace: links lead there from the host, over others or not.
  std::vector<bool> joined() const {
    std::vector<std::vector<std::uint32_t>> next(snapshot_.namespaces.size());
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      for (const model::Link& link : snapshot_.namespaces[i].links) {
        if (!link.peer_ns || link.peer_ns->value >= next.size()) continue;
        next[i].push_back(link.peer_ns->value);
        next[link.peer_ns->value].push_back(i);
      }
    }
    std::vector<bool> seen(next.size(), false);
    std::vector<std::uint32_t> open{snapshot_.host.value};
    seen[snapshot_.host.value] = true;
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      for (std::uint32_t to : next[at]) {
        if (seen[to]) continue;
        seen[to] = true;
        open.push_back(to);
      }
    }
    return seen;
  }

  void others(Map& out) const {
    const std::vector<bool> seen = joined();
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) {
      bool of_container = false;
      containers_in(model::NsId{i}, [&](const auto&, const auto&) { of_container = true; });
      if (model::NsId{i} == snapshot_.host || of_container) continue;
      if (!seen[i])
        ++out.unjoined;
      else
        out.namespaces.push_back(name_of(snapshot_, model::NsId{i}));
    }
  }

  const model::Snapshot& snapshot_;
  const policy::Config& config_;
  const std::vector<policy::Zone>& zones_;
  const model::NetNs& host_;
};

}  // namespace

std::string_view to_string(LeadsTo leads) {
  switch (leads) {
    case LeadsTo::kZones: return "zones";
    case LeadsTo::kNetwork: return "network";
    case LeadsTo::kContainer: return "container";
    case LeadsTo::kNamespace: return "namespace";
    case LeadsTo::kItself: return "loopback";
    case LeadsTo::kNowhere: return "nowhere";
    case LeadsTo::kUnknown: return "unknown";
  }
  return "";
}

Map draw_map(const model::Snapshot& snapshot, const policy::Config& config,
             const std::vector<policy::Zone>& zones) {
  if (snapshot.host.value >= snapshot.namespaces.size()) return {};
  return Drawer(snapshot, config, zones).draw();
}

}  // namespace bulkhead::audit
