#include "audit/cure_change.h"

#include <algorithm>
#include <map>

#include "audit/segments.h"
#include "model/find.h"
#include "ruleset/print.h"

namespace bulkhead::audit {
namespace {

using model::xt::PortRange;

bool is_port(const PortRange& range, Port port) {
  return range.first == port && range.last == port;
}

bool is_port(const Bytes& bytes, Port port) {
  return bytes.size() == 2 && bytes[0] == port.number >> 8 && bytes[1] == (port.number & 0xff);
}

// A rule that is about this one port, as engines write one for each published port.
bool names_port(const model::Rule& rule, Port port) {
  for (const model::Statement& s : rule.statements) {
    if (const auto* compare = std::get_if<model::Compare>(&s);
        compare != nullptr && is_port(compare->right, port))
      return true;
    if (const auto* match = std::get_if<model::XtMatch>(&s)) {
      if (const auto* tcp = std::get_if<model::xt::Tcp>(&match->info);
          tcp != nullptr && is_port(tcp->destination, port))
        return true;
      if (const auto* udp = std::get_if<model::xt::Udp>(&match->info);
          udp != nullptr && is_port(udp->destination, port))
        return true;
    }
  }
  return false;
}

bool rewrites(const model::Rule& rule) {
  return std::ranges::any_of(rule.statements, [](const model::Statement& s) {
    if (std::holds_alternative<model::Nat>(s)) return true;
    const auto* target = std::get_if<model::XtTarget>(&s);
    return target != nullptr && std::holds_alternative<model::xt::NatTarget>(target->info);
  });
}

bool by_engine(const model::Table& table, const model::Chain& chain, const model::Rule& rule) {
  const std::string author = ruleset::guess_author(table, chain, &rule);
  return author == "docker" || author == "podman";
}

bool holds(const Bytes& bytes, IpAddress address) {
  const auto octets = address.octets();
  return std::ranges::equal(bytes, octets);
}

// A rule that is about this container's own address.
bool names_address(const model::Rule& rule, const model::NetNs& ns) {
  return std::ranges::any_of(rule.statements, [&](const model::Statement& s) {
    return std::ranges::any_of(ns.addresses, [&](const model::Address& a) {
      if (a.local.is_loopback()) return false;
      if (const auto* compare = std::get_if<model::Compare>(&s))
        return holds(compare->right, a.local);
      const auto* header = std::get_if<model::XtHeader>(&s);
      return header != nullptr && header->destination == a.local;
    });
  });
}

// What the engine wrote for these ports: the rewriting of the published one, the accept of the
// inner.
class Unpublisher {
 public:
  Unpublisher(const model::Snapshot& snapshot, const Service& service, bool keep_accept)
      : service_(service),
        inside_(snapshot.namespaces[service.ns.value]),
        keep_accept_(keep_accept) {
    edits_.ns = snapshot.host;
    for (const model::Table& table : snapshot.namespaces[snapshot.host.value].ruleset.tables) {
      for (const model::Chain& chain : table.chains) {
        for (const model::Rule& rule : chain.rules) look_at({&table, &chain, &rule});
      }
    }
  }

  trace::Edits run() && { return std::move(edits_); }

 private:
  void look_at(const trace::RuleRef& ref) {
    const model::Rule& rule = *ref.rule;
    const std::optional<Port>& own = service_.subject.port;
    if (rewrites(rule)) {
      if (!is_published(rule) || !by_engine(*ref.table, *ref.chain, rule)) return;
      // Such a rule still serves a neighbour who sends to 127.0.0.1: PREROUTING comes before the
      // check for martians (moby#45610).
      if (keep_accept_ && ref.table->family == model::NfFamily::kIp)
        edits_.narrowed.push_back({ref, IpAddress::v4(127, 0, 0, 1)});
      else
        edits_.removed.push_back(ref);
    } else if (!keep_accept_ && own && names_port(rule, *own) && names_address(rule, inside_) &&
               by_engine(*ref.table, *ref.chain, rule)) {
      edits_.removed.push_back(ref);
    }
  }

  bool is_published(const model::Rule& rule) const {
    return std::ranges::any_of(service_.published,
                               [&](const auto* p) { return names_port(rule, p->host_port); });
  }

  const Service& service_;
  const model::NetNs& inside_;
  bool keep_accept_;
  trace::Edits edits_;
};

void close(trace::Edits& edits, const std::vector<const model::Socket*>& sockets,
           bool loopback_too) {
  for (const model::Socket* s : sockets) {
    if (loopback_too || !s->address.is_loopback()) edits.closed.push_back(s);
  }
}

}  // namespace

trace::Edits unpublished(const model::Snapshot& snapshot, const Service& service,
                         bool keep_accept) {
  trace::Edits out = Unpublisher(snapshot, service, keep_accept).run();
  close(out, service.fronts, !keep_accept);
  return out;
}

trace::Edits silenced(const Service& service) {
  trace::Edits out;
  out.ns = service.ns;
  close(out, service.sockets, false);
  return out;
}

model::Container* same_container(model::Snapshot& copy, const model::Engine& engine,
                                 const model::Container& container) {
  for (model::Engine& e : copy.engines) {
    if (e.name != engine.name) continue;
    for (model::Container& c : e.containers) {
      if (c.id == container.id && c.name == container.name) return &c;
    }
  }
  return nullptr;
}

void drop_capability(model::Container& container, std::string_view name) {
  const auto same = [name](std::string_view c) {
    return c == name || c == "CAP_" + std::string(name);
  };
  std::erase_if(container.capabilities_added, same);
  container.capabilities_dropped.emplace_back(name);
}

void check_reverse_path(model::Snapshot& copy, const std::vector<std::string>& interfaces) {
  for (model::Link& link : copy.namespaces[copy.host.value].links) {
    if (std::ranges::find(interfaces, link.name) != interfaces.end()) link.ipv4.rp_filter = 1;
  }
}

std::vector<Move> moves_of(const Scene& scene, const std::string& network,
                           const std::string& engine) {
  for (const Segment& segment : find_segments(scene.snapshot, scene.config)) {
    if (segment.network != network || segment.engine != engine) continue;
    std::map<std::string, std::vector<const model::Container*>> by_tenant;
    for (const Member& m : segment.members) by_tenant[m.tenant.name].push_back(m.container);
    const auto largest =
        std::ranges::max_element(by_tenant, {}, [](const auto& t) { return t.second.size(); });
    std::vector<Move> out;
    for (auto& [tenant, containers] : by_tenant) {
      if (tenant != largest->first) out.push_back({tenant, containers});
    }
    return out;
  }
  return {};
}

void split(model::Snapshot& copy, const Scene& scene, const std::string& network,
           const std::string& engine) {
  const auto moves = moves_of(scene, network, engine);
  for (const Segment& segment : find_segments(scene.snapshot, scene.config)) {
    if (segment.network != network || segment.engine != engine || !segment.is_bridge) continue;
    model::NetNs& ns = copy.namespaces[segment.ns.value];
    const model::Link* original = model::find_link(ns, segment.link);
    if (original == nullptr) continue;
    model::Link bridge = *original;
    for (std::size_t i = 0; i < moves.size(); ++i) {
      std::uint32_t highest = 0;
      for (const model::Link& l : ns.links) highest = std::max(highest, l.index.value);
      bridge.index = IfIndex{highest + 1};
      bridge.name = "br-split" + std::to_string(i);
      for (const Member& m : segment.members) {
        if (std::ranges::find(moves[i].containers, m.container) == moves[i].containers.end())
          continue;
        for (model::Link& l : ns.links) {
          if (l.index == m.port && m.port) l.master = bridge.index;
        }
      }
      ns.links.push_back(bridge);
    }
  }
}

ContainerBridges bridges_by_container(const Scene& scene) {
  ContainerBridges out;
  for (const Segment& segment : find_segments(scene.snapshot, scene.config)) {
    if (!segment.is_bridge || segment.ns != scene.snapshot.host) continue;
    for (const Member& m : segment.members) {
      std::vector<std::string>& bridges = out[m.container];
      if (bridges.empty() || bridges.back() != segment.interface)
        bridges.push_back(segment.interface);
    }
  }
  return out;
}

}  // namespace bulkhead::audit
