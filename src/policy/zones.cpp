#include "policy/zones.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "model/find.h"

namespace bulkhead::policy {
namespace {

constexpr std::uint32_t kUp = 1, kLoopback = 8;  // IFF_*
constexpr std::uint8_t kUnicast = 1;             // RTN_UNICAST

const model::NetNs* host_of(const model::Snapshot& snapshot) {
  return snapshot.host.value < snapshot.namespaces.size()
             ? &snapshot.namespaces[snapshot.host.value]
             : nullptr;
}

const model::Link* link_named(const model::NetNs& ns, std::string_view name) {
  const auto found =
      std::ranges::find_if(ns.links, [&](const model::Link& l) { return l.name == name; });
  return found == ns.links.end() ? nullptr : &*found;
}

// On-link prefixes of an interface. Link-local IPv6 counts only where there is no other IPv6: else
// the neighbours have better addresses to come from.
std::vector<Prefix> connected(const model::NetNs& ns, IfIndex link) {
  std::vector<Prefix> out, link_local;
  for (const model::Address& a : ns.addresses) {
    if (a.link != link || a.local.is_loopback()) continue;
    const Prefix prefix = Prefix::covering(a.peer.value_or(a.local), a.prefix_length);
    auto& where = a.local.is_v6() && a.local.is_link_local() ? link_local : out;
    if (std::ranges::find(where, prefix) == where.end()) where.push_back(prefix);
  }
  const bool has_v6 =
      std::ranges::any_of(out, [](const Prefix& p) { return p.family() == IpFamily::kV6; });
  if (!has_v6) out.insert(out.end(), link_local.begin(), link_local.end());
  return out;
}

std::vector<Prefix> not_on_the_internet() {
  std::vector<Prefix> out;
  for (const char* text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
                           "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
                           "::/8", "fc00::/7", "fe80::/10", "ff00::/8"}) {
    if (auto prefix = Prefix::parse(text)) out.push_back(*prefix);
  }
  return out;
}

struct Best {
  bool v6 = true;
  std::uint32_t metric = 0;
  IfIndex link;
};

std::optional<Best> best_default(const model::NetNs& ns) {
  std::optional<Best> best;
  for (const model::Route& route : ns.routes) {
    if (route.destination.length() != 0 || route.type != kUnicast || route.next_hops.empty())
      continue;
    const Best here{route.destination.family() == IpFamily::kV6, route.metric,
                    route.next_hops[0].link};
    const model::Link* link = model::find_link(ns, here.link);
    if (link == nullptr || (link->flags & kLoopback) != 0) continue;
    if (!best || std::pair(here.v6, here.metric) < std::pair(best->v6, best->metric)) best = here;
  }
  return best;
}

// The longest prefix of the main and default tables that holds the whole of `prefix`.
const model::Route* route_to(const model::NetNs& ns, const Prefix& prefix) {
  const model::Route* best = nullptr;
  for (const model::Route& route : ns.routes) {
    if (route.type != kUnicast || route.next_hops.empty() || route.table == 255) continue;
    if (!route.destination.contains(prefix)) continue;
    if (best == nullptr || route.destination.length() > best->destination.length()) best = &route;
  }
  return best;
}

std::string private_remark(const model::NetNs& ns, IfIndex link) {
  std::optional<IpAddress> own;
  for (const model::Address& a : ns.addresses) {
    if (a.link != link || !a.local.is_v4()) continue;
    if (!a.local.is_private() && !a.local.is_link_local()) return {};
    if (!own) own = a.local;
  }
  if (!own) return {};
  return "uplink address " + own->to_string() + " is private: behind NAT or a cloud firewall";
}

Zone internet_zone(const model::NetNs& ns, const model::Link& link) {
  Zone zone;
  zone.name = "internet";
  zone.role = ZoneRole::kInternet;
  zone.interface = link.name;
  zone.link = link.index;
  zone.beyond_gateway = true;
  zone.prefixes = {Prefix::all(IpFamily::kV4), Prefix::all(IpFamily::kV6)};
  zone.excluded = not_on_the_internet();
  for (const model::Link& other : ns.links) {
    for (const Prefix& p : connected(ns, other.index)) zone.excluded.push_back(p);
  }
  zone.guessed = true;
  zone.remark = private_remark(ns, link.index);
  return zone;
}

Zone lan_zone(const model::NetNs& ns, const model::Link& link, std::string name) {
  Zone zone;
  zone.name = std::move(name);
  zone.role = ZoneRole::kLan;
  zone.interface = link.name;
  zone.link = link.index;
  zone.prefixes = connected(ns, link.index);
  zone.guessed = true;
  return zone;
}

bool has_address(const model::NetNs& ns, IfIndex link) {
  return std::ranges::any_of(ns.addresses,
                             [link](const model::Address& a) { return a.link == link; });
}

bool may_be_lan(const model::Snapshot& snapshot, const model::NetNs& ns, const model::Link& link) {
  if ((link.flags & kUp) == 0 || (link.flags & kLoopback) != 0) return false;
  if (link.master || !has_address(ns, link.index)) return false;
  return !made_by_engine(snapshot, snapshot.host, link);
}

Zone given_zone(const ZoneRule& rule, const model::NetNs& ns) {
  Zone zone;
  zone.name = rule.name;
  zone.role = rule.role;
  zone.interface = rule.interface;
  zone.prefixes = rule.prefixes;
  zone.beyond_gateway = rule.role == ZoneRole::kInternet;
  const model::Link* link = nullptr;
  if (!rule.interface.empty()) {
    link = link_named(ns, rule.interface);
    if (link == nullptr) zone.remark = "there is no interface " + escape_text(rule.interface, 64);
  } else if (const model::Route* route = route_to(ns, rule.prefixes.front())) {
    link = model::find_link(ns, route->next_hops[0].link);
    zone.beyond_gateway = zone.beyond_gateway || route->next_hops[0].gateway.has_value();
    if (link != nullptr) zone.interface = link->name;
  } else {
    zone.remark = "no route leads to " + rule.prefixes.front().to_string();
  }
  if (link != nullptr) zone.link = link->index;
  if (link == nullptr) return zone;
  const std::vector<Prefix> on_link = connected(ns, link->index);
  if (zone.prefixes.empty()) {
    zone.prefixes = rule.role == ZoneRole::kInternet
                        ? std::vector{Prefix::all(IpFamily::kV4), Prefix::all(IpFamily::kV6)}
                        : on_link;
    if (rule.role == ZoneRole::kInternet) zone.excluded = internet_zone(ns, *link).excluded;
  } else if (!zone.beyond_gateway) {
    zone.beyond_gateway = std::ranges::none_of(
        on_link, [&](const Prefix& p) { return p.overlaps(zone.prefixes.front()); });
  }
  if (rule.role == ZoneRole::kInternet) zone.remark = private_remark(ns, link->index);
  return zone;
}

// What a given zone takes from a guessed one; true when nothing of the guess is left.
bool replaces(const Zone& given, Zone& guess) {
  if (given.role == ZoneRole::kInternet || guess.role == ZoneRole::kInternet) {
    if (given.role == guess.role) return true;
    if (guess.role == ZoneRole::kInternet) {
      guess.excluded.insert(guess.excluded.end(), given.prefixes.begin(), given.prefixes.end());
    }
    return false;
  }
  if (given.link != guess.link || !given.link) return false;
  guess.excluded.insert(guess.excluded.end(), given.prefixes.begin(), given.prefixes.end());
  return std::ranges::all_of(guess.prefixes, [&](const Prefix& p) {
    return std::ranges::any_of(given.prefixes, [&](const Prefix& g) { return g.contains(p); });
  });
}

// Names as engines give them, for a host whose engine could not be asked.
bool named_like_an_engine(std::string_view name) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (name == "docker0" || name == "docker_gwbridge") return true;
  if (name.starts_with("podman") || name.starts_with("cni-podman")) return true;
  return name.size() == 15 && name.starts_with("br-") && std::ranges::all_of(name.substr(3), hex);
}

bool engine_bridge(const model::Snapshot& snapshot, std::string_view name) {
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::EngineNetwork& network : engine.networks) {
      if (!name.empty() && network.bridge == name) return true;
    }
  }
  return named_like_an_engine(name);
}

bool container_ns(const model::Snapshot& snapshot, model::NsId ns) {
  if (ns == snapshot.host) return false;
  for (const model::Engine& engine : snapshot.engines) {
    for (const model::Container& c : engine.containers) {
      if (c.netns == ns) return true;
    }
  }
  return false;
}

}  // namespace

std::string_view to_string(ZoneRole role) {
  switch (role) {
    case ZoneRole::kInternet: return "internet";
    case ZoneRole::kLan: return "lan";
    case ZoneRole::kDmz: return "dmz";
    case ZoneRole::kManagement: return "management";
  }
  return "";
}

bool made_by_engine(const model::Snapshot& snapshot, model::NsId ns, const model::Link& link) {
  if (link.kind == "bridge") return engine_bridge(snapshot, link.name);
  if (link.kind != "veth") return false;
  if (link.peer_ns && container_ns(snapshot, *link.peer_ns)) return true;
  if (!link.master || ns.value >= snapshot.namespaces.size()) return false;
  const model::Link* master = model::find_link(snapshot.namespaces[ns.value], link.master);
  return master != nullptr && engine_bridge(snapshot, master->name);
}

IfIndex uplink_of(const model::Snapshot& snapshot) {
  const model::NetNs* ns = host_of(snapshot);
  const auto best = ns == nullptr ? std::nullopt : best_default(*ns);
  return best ? best->link : IfIndex{};
}

std::vector<Zone> guess_zones(const model::Snapshot& snapshot) {
  std::vector<Zone> out;
  const model::NetNs* ns = host_of(snapshot);
  if (ns == nullptr) return out;
  const IfIndex uplink = uplink_of(snapshot);
  if (const model::Link* link = model::find_link(*ns, uplink)) {
    out.push_back(internet_zone(*ns, *link));
    if (Zone lan = lan_zone(*ns, *link, "lan"); !lan.prefixes.empty())
      out.push_back(std::move(lan));
  }
  for (const model::Link& link : ns->links) {
    if (link.index == uplink || !may_be_lan(snapshot, *ns, link)) continue;
    out.push_back(lan_zone(*ns, link, "lan:" + link.name));
  }
  return out;
}

std::vector<Zone> resolve_zones(const Config& config, const model::Snapshot& snapshot) {
  std::vector<Zone> guesses = guess_zones(snapshot);
  const model::NetNs* ns = host_of(snapshot);
  std::vector<Zone> given;
  if (ns != nullptr) {
    for (const ZoneRule& rule : config.zones) given.push_back(given_zone(rule, *ns));
  }
  for (const Zone& zone : given) {
    std::erase_if(guesses, [&](Zone& guess) { return replaces(zone, guess); });
  }
  // A name is one zone's: what was guessed beside a given `lan` is called after its interface.
  for (Zone& guess : guesses) {
    const bool taken = std::ranges::find(given, guess.name, &Zone::name) != given.end();
    if (taken && !guess.interface.empty())
      guess.name = std::string(to_string(guess.role)) + ":" + guess.interface;
  }
  const IfIndex uplink = uplink_of(snapshot);
  std::vector<Zone> out = std::move(given);
  out.insert(out.end(), guesses.begin(), guesses.end());
  const auto rank = [uplink](const Zone& z) {
    if (z.role == ZoneRole::kInternet) return 0;
    return z.role == ZoneRole::kLan && z.link == uplink && uplink ? 1 : 2;
  };
  std::ranges::stable_sort(out, {}, rank);
  return out;
}

const Zone* zone_of(std::span<const Zone> zones, const IpAddress& address) {
  const auto holds = [&address](const Prefix& p) { return p.contains(address); };
  const Zone* best = nullptr;
  unsigned longest = 0;
  for (const Zone& zone : zones) {
    if (!zone.link || std::ranges::any_of(zone.excluded, holds)) continue;
    for (const Prefix& prefix : zone.prefixes) {
      if (!holds(prefix) || (best != nullptr && prefix.length() <= longest)) continue;
      best = &zone;
      longest = prefix.length();
    }
  }
  return best;
}

}  // namespace bulkhead::policy
