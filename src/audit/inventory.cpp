#include "audit/inventory.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "base/text.h"
#include "model/find.h"
#include "policy/tenants.h"
#include "topology/alike.h"

namespace bulkhead::audit {
namespace {

constexpr std::uint16_t kFirstEphemeral = 32768;  // net.ipv4.ip_local_port_range by default

// What holds a published port on the engine's behalf (moby cmd/docker-proxy; conmon and
// rootlessport of Podman; dockerd itself with userland-proxy=false).
constexpr std::array<std::string_view, 9> kFronts{"docker-proxy", "dockerd",     "conmon",
                                                  "rootlessport", "slirp4netns", "pasta",
                                                  "passt",        "pasta.avx2",  "passt.avx2"};

struct Published {
  const model::Engine* engine;
  const model::Container* container;
  const model::PublishedPort* port;
};

bool usable(const model::Address& a) {
  constexpr std::uint32_t kTentativeOrFailed = 0x40 | 0x08;  // IFA_F_TENTATIVE, IFA_F_DADFAILED
  return !a.local.is_loopback() && !(a.local.is_v6() && a.local.is_link_local()) &&
         (a.flags & kTentativeOrFailed) == 0;
}

bool is_front(const model::Socket& socket) {
  return socket.owners.empty() ||
         std::ranges::any_of(socket.owners, [](const model::SocketOwner& o) {
           return std::ranges::find(kFronts, o.command) != kFronts.end();
         });
}

bool same_bind(const model::PublishedPort& port, const model::Socket& socket) {
  const IpAddress bound = socket.address.unmapped();
  if (port.protocol != socket.protocol || port.host_port != socket.port) return false;
  return bound == port.host_address || bound.is_unspecified() || port.host_address.is_unspecified();
}

class Taker {
 public:
  Taker(const model::Snapshot& snapshot, const policy::Config& config, const Oracle& oracle,
        std::span<const services::Service> added)
      : snapshot_(snapshot), config_(config), oracle_(oracle), added_(added) {}

  Inventory take() {
    find_published();
    for (std::uint32_t i = 0; i < snapshot_.namespaces.size(); ++i) sockets(model::NsId{i});
    published_without_sockets();
    for (Service& service : out_.services) finish(service);
    std::ranges::sort(out_.services, {}, [](const Service& s) {
      return std::tuple(s.of_host(), s.subject.engine, s.subject.project, s.subject.container,
                        s.subject.process, s.subject.port, s.subject.protocol);
    });
    seats();
    return std::move(out_);
  }

 private:
  using Key =
      std::tuple<std::uint32_t, const model::Container*, std::string, std::uint16_t, IpProtocol>;

  void find_published() {
    for (const model::Engine& engine : snapshot_.engines) {
      if (!engine.local) continue;
      for (const model::Container& container : engine.containers) {
        if (container.state == "running") ++out_.containers;
        if (container.netns && *container.netns != snapshot_.host) {
          in_ns_[container.netns->value].push_back({&engine, &container});
        }
        if (container.state != "running") continue;
        for (const model::PublishedPort& port : container.published) {
          if (port.host_port.number != 0) published_.push_back({&engine, &container, &port});
        }
      }
    }
  }

  void sockets(model::NsId ns) {
    const bool host = ns == snapshot_.host;
    if (!host && !in_ns_.contains(ns.value)) return;  // other namespaces are vantages, not subjects
    for (const model::Socket& socket : snapshot_.namespaces[ns.value].sockets) {
      if (socket.peer || waits_for_answers(socket)) continue;
      if (host && front(socket)) continue;
      const auto [engine, container] = owner(ns, socket);
      Service& service = get(ns, engine, container, socket);
      service.sockets.push_back(&socket);
    }
  }

  // A UDP socket on an ephemeral port belongs to somebody who asks, not to a service.
  bool waits_for_answers(const model::Socket& socket) const {
    return socket.protocol == IpProtocol::kUdp && socket.port.number >= kFirstEphemeral &&
           services::match(socket.port, socket.protocol, "", "", added_).service == nullptr;
  }

  bool front(const model::Socket& socket) {
    if (!is_front(socket)) return false;
    const auto found = std::ranges::find_if(
        published_, [&](const Published& p) { return same_bind(*p.port, socket); });
    if (found == published_.end()) return false;
    fronts_[found->port].push_back(&socket);
    return true;
  }

  std::pair<const model::Engine*, const model::Container*> owner(
      model::NsId ns, const model::Socket& socket) const {
    const auto named = [&](const model::Container& c) {
      return std::ranges::any_of(socket.owners, [&](const model::SocketOwner& o) {
        return !o.container_id.empty() && o.container_id == c.id;
      });
    };
    for (const model::Engine& engine : snapshot_.engines) {
      for (const model::Container& c : engine.containers) {
        if (named(c)) return {&engine, &c};
      }
    }
    if (ns == snapshot_.host) return {nullptr, nullptr};
    const auto& inside = in_ns_.at(ns.value);
    // container:X mode: the namespace's maker stands for a socket whose process is not known.
    const auto maker = std::ranges::find_if(
        inside, [](const auto& c) { return !c.second->network_mode.starts_with("container:"); });
    return maker == inside.end() ? inside.front() : *maker;
  }

  Service& get(model::NsId ns, const model::Engine* engine, const model::Container* container,
               const model::Socket& socket) {
    const std::string process = socket.owners.empty() ? "" : socket.owners.front().command;
    const Key key{ns.value, container, container == nullptr ? process : "", socket.port.number,
                  socket.protocol};
    const auto [at, fresh] = index_.emplace(key, out_.services.size());
    if (!fresh) return out_.services[at->second];
    Service& service = out_.services.emplace_back();
    service.ns = ns;
    service.engine = engine;
    service.container = container;
    if (container != nullptr) service.subject = subject_of(config_, *engine, *container);
    service.subject.process = process;
    service.subject.port = socket.port;
    service.subject.protocol = socket.protocol;
    service.subject.on_host = ns == snapshot_.host;
    return service;
  }

  // A port may be published while nothing is known to listen behind it.
  void published_without_sockets() {
    for (const Published& p : published_) {
      if (p.port->container_port == Port{}) {
        add_forwarded(p);
        continue;
      }
      model::Socket behind;
      behind.protocol = p.port->protocol;
      behind.port = p.port->container_port;
      const model::NsId ns = p.container->netns.value_or(snapshot_.host);
      if (p.container->network_mode == "host") continue;
      const auto found = std::ranges::find_if(out_.services, [&](const Service& s) {
        return s.ns == ns && s.container != nullptr && s.subject.port == behind.port &&
               s.subject.protocol == behind.protocol;
      });
      Service& service =
          found != out_.services.end() ? *found : get(ns, p.engine, p.container, behind);
      add_published(service, p);
    }
  }

  void add_published(Service& service, const Published& p) {
    service.published.push_back(p.port);
    if (const auto fronts = fronts_.find(p.port); fronts != fronts_.end()) {
      service.fronts.insert(service.fronts.end(), fronts->second.begin(), fronts->second.end());
    }
  }

  // Only the forwarder knows which port of the container it dials: a service of its own, which goes
  // by the host's port.
  void add_forwarded(const Published& p) {
    const auto found = std::ranges::find_if(out_.services, [&](const Service& s) {
      return s.forwarded && s.container == p.container && s.subject.port == p.port->host_port &&
             s.subject.protocol == p.port->protocol;
    });
    if (found != out_.services.end()) return add_published(*found, p);
    Service& service = out_.services.emplace_back();
    service.forwarded = true;
    service.ns = p.container->netns.value_or(snapshot_.host);
    service.engine = p.engine;
    service.container = p.container;
    service.subject = subject_of(config_, *p.engine, *p.container);
    service.subject.port = p.port->host_port;
    service.subject.protocol = p.port->protocol;
    add_published(service, p);
  }

  void finish(Service& service) {
    Subject& subject = service.subject;
    const std::string image = service.container == nullptr ? "" : service.container->image;
    const Port own = subject.port.value_or(Port{});  // set where the service was found
    const auto match = services::match(own, subject.protocol, subject.process, image, added_);
    subject.known_as = match.service;
    subject.known_by = match.by;
    std::set<Dial> seen;
    const auto add = [&](const Dial& dial) {
      if (seen.insert(dial).second) service.dials.push_back(dial);
    };
    for (const model::PublishedPort* port : service.published) published_dials(*port, add);
    for (const model::Socket* socket : service.sockets) direct_dials(service.ns, *socket, add);
    if (!service.forwarded && service.sockets.empty() && service.container != nullptr &&
        service.container->netns) {
      model::Socket any;
      any.port = own;
      any.address = IpAddress::any(IpFamily::kV6);
      direct_dials(service.ns, any, add);
    }
  }

  template <class Add>
  void published_dials(const model::PublishedPort& port, Add add) const {
    if (!port.host_address.is_unspecified()) {
      add(Dial{port.host_address, port.host_port, Via::kPublished});
      return;
    }
    for (IpAddress a : addresses(snapshot_.host, port.host_address.family(), IfIndex{})) {
      add(Dial{a, port.host_port, Via::kPublished});
    }
  }

  template <class Add>
  void direct_dials(model::NsId ns, const model::Socket& socket, Add add) const {
    const IpAddress bound = socket.address.unmapped();
    if (!bound.is_unspecified()) {
      if (!bound.is_loopback() || ns == snapshot_.host) add(Dial{bound, socket.port, Via::kDirect});
      return;
    }
    if (socket.address.is_v4() || !socket.v6_only) {
      for (IpAddress a : addresses(ns, IpFamily::kV4, socket.bound_to))
        add(Dial{a, socket.port, Via::kDirect});
    }
    if (socket.address.is_v6()) {
      for (IpAddress a : addresses(ns, IpFamily::kV6, socket.bound_to))
        add(Dial{a, socket.port, Via::kDirect});
    }
  }

  // Of the uplink first: a report names the address by which a service is known outside.
  [[nodiscard]] std::vector<IpAddress> addresses(model::NsId ns, IpFamily family,
                                                 IfIndex on) const {
    std::vector<IpAddress> out;
    if (ns.value >= snapshot_.namespaces.size()) return out;
    const IfIndex uplink = oracle_.zones().empty() ? IfIndex{} : oracle_.zones().front().link;
    std::vector<IpAddress> rest;
    for (const model::Address& a : snapshot_.namespaces[ns.value].addresses) {
      if (a.local.family() != family || !usable(a) || (on && a.link != on)) continue;
      (ns == snapshot_.host && a.link == uplink ? out : rest).push_back(a.local);
    }
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
  }

  void seats() {
    for (const policy::Zone& zone : oracle_.zones()) zone_seat(zone);
    seat({query::VantageKind::kHost, "", "", {}}, nullptr, nullptr, snapshot_.host);
    std::set<std::uint32_t> seen;
    for (const model::Engine& engine : snapshot_.engines) {
      if (!engine.local) continue;
      for (const model::Container& c : engine.containers) {
        if (c.state != "running" || c.network_mode == "host" || c.netns == snapshot_.host) continue;
        if (c.netns && !seen.insert(c.netns->value).second) {
          share(*c.netns, c);
          continue;
        }
        seat({query::VantageKind::kContainer, c.name, engine.name, {}}, &engine, &c, c.netns);
      }
    }
    find_alike();
  }

  // The Internet and `lan` have words of their own; other zones are asked by name.
  void zone_seat(const policy::Zone& zone) {
    query::Vantage vantage{query::VantageKind::kZone, zone.name, "", {}};
    if (zone.name == "internet") vantage = {query::VantageKind::kInternet, "", "", {}};
    if (zone.name == "lan") vantage = {query::VantageKind::kLan, "", "", {}};
    if (zone.name.starts_with("lan:"))
      vantage = {query::VantageKind::kLan, zone.name.substr(4), "", {}};
    auto found = oracle_.seat(vantage);
    SeatEntry entry;
    entry.vantage = vantage;
    entry.text = vantage.to_string();
    entry.zone = &zone;
    for (const model::Address& a : snapshot_.namespaces[snapshot_.host.value].addresses) {
      if (a.link == zone.link) entry.uplink.push_back(a.local);
    }
    if (found) {
      entry.seat = std::move(*found);
    } else {
      entry.seat.unknown = found.error().message;
    }
    out_.seats.push_back(std::move(entry));
  }

  void seat(query::Vantage vantage, const model::Engine* engine, const model::Container* container,
            std::optional<model::NsId> ns) {
    auto found = oracle_.seat(vantage);
    SeatEntry entry;
    entry.text = vantage.to_string();
    entry.vantage = std::move(vantage);
    entry.engine = engine;
    entry.container = container;
    entry.ns = ns;
    if (container != nullptr) entry.tenant = policy::tenant_of(config_, *engine, *container);
    if (found) {
      entry.seat = std::move(*found);
    } else {
      entry.seat.unknown = found.error().message;
    }
    out_.seats.push_back(std::move(entry));
  }

  // Of two that are alike the engine must have granted the same, too.
  void find_alike() {
    const std::vector<topology::Alike> alike = topology::alike_namespaces(snapshot_);
    std::map<model::NsId, std::vector<std::size_t>> kinds;
    for (std::size_t i = 0; i < out_.seats.size(); ++i) {
      SeatEntry& entry = out_.seats[i];
      entry.alike = i;
      if (entry.container == nullptr || !entry.ns || entry.seat.origins.empty()) continue;
      const topology::Alike& own = alike[entry.ns->value];
      std::vector<std::size_t>& kind = kinds[own.first];
      const auto same = std::ranges::find_if(
          kind, [&](std::size_t other) { return grants_same(out_.seats[other], entry); });
      if (same == kind.end()) {
        kind.push_back(i);
        continue;
      }
      SeatEntry& first = out_.seats[*same];
      entry.alike = *same;
      entry.address = own.address;
      if (first.ns) first.address = alike[first.ns->value].address;
    }
  }

  static bool grants_same(const SeatEntry& a, const SeatEntry& b) {
    const model::Container &x = *a.container, &y = *b.container;
    return a.engine == b.engine && x.privileged == y.privileged &&
           x.capabilities_added == y.capabilities_added &&
           x.capabilities_dropped == y.capabilities_dropped && x.user == y.user;
  }

  void share(model::NsId ns, const model::Container& container) {
    for (SeatEntry& entry : out_.seats) {
      if (entry.ns == ns && entry.container != nullptr) entry.also.push_back(container.name);
    }
  }

  const model::Snapshot& snapshot_;
  const policy::Config& config_;
  const Oracle& oracle_;
  std::span<const services::Service> added_;
  Inventory out_;
  std::vector<Published> published_;
  std::map<const model::PublishedPort*, std::vector<const model::Socket*>> fronts_;
  std::map<std::uint32_t, std::vector<std::pair<const model::Engine*, const model::Container*>>>
      in_ns_;
  std::map<Key, std::size_t> index_;
};

}  // namespace

Subject subject_of(const policy::Config& config, const model::Engine& engine,
                   const model::Container& container) {
  Subject subject;
  subject.engine = engine.name;
  subject.rootless = engine.rootless;
  subject.project = container.project;
  subject.service = container.service;
  subject.container = container.name;
  subject.image = container.image;
  subject.tenant = policy::tenant_of(config, engine, container).name;
  return subject;
}

std::string name_of(const model::Snapshot& snapshot, model::NsId ns) {
  if (ns == snapshot.host) return "host";
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& c : engine.containers) {
      if (c.netns == ns) return "container " + engine.name + "/" + c.name;
    }
  }
  if (ns.value < snapshot.namespaces.size() && !snapshot.namespaces[ns.value].paths.empty()) {
    return "netns " + snapshot.namespaces[ns.value].paths.front();
  }
  return "netns " + std::to_string(ns.value);
}

query::Target target_of(const Dial& dial, IpProtocol protocol) {
  query::Target target;
  target.to = dial.to;
  target.port = dial.port;
  target.scope = dial.scope;
  target.protocol = protocol;
  return target;
}

bool is_retold(const SeatEntry& from, const Dial& dial) {
  return !from.is_zone() && dial.to.is_v4() && !dial.scope;
}

std::unordered_map<const model::Socket*, std::size_t> services_by_socket(
    const Inventory& inventory) {
  std::unordered_map<const model::Socket*, std::size_t> out;
  for (std::size_t i = 0; i < inventory.services.size(); ++i) {
    for (const model::Socket* s : inventory.services[i].sockets) out.emplace(s, i);
  }
  return out;
}

std::string link_name(const model::Snapshot& snapshot, model::NsId ns, IfIndex link) {
  const model::Link* found = ns.value < snapshot.namespaces.size()
                                 ? model::find_link(snapshot.namespaces[ns.value], link)
                                 : nullptr;
  return found != nullptr ? found->name : std::to_string(link.value);
}

Inventory take_inventory(const model::Snapshot& snapshot, const policy::Config& config,
                         const Oracle& oracle, std::span<const services::Service> added) {
  return Taker(snapshot, config, oracle, added).take();
}

int nearness(const SeatEntry& seat) {
  if (!seat.is_zone()) return seat.container == nullptr ? 4 : 5;
  switch (seat.zone->role) {
    case policy::ZoneRole::kInternet: return 0;
    case policy::ZoneRole::kDmz: return 1;
    case policy::ZoneRole::kLan: return 2;
    case policy::ZoneRole::kManagement: return 3;
  }
  return 5;
}

}  // namespace bulkhead::audit
