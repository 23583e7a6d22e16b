#include "topology/alike.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <variant>

#include "model/find.h"
#include "topology/stacked.h"

namespace bulkhead::topology {
namespace {

using model::NsId;

constexpr std::uint16_t kByHand = 128 | 64;  // NUD_PERMANENT, NUD_NOARP
constexpr std::uint32_t kSecondary = 1;      // IFA_F_SECONDARY
constexpr std::uint32_t kLoopback = 8;       // IFF_LOOPBACK
constexpr unsigned kWholeAddress = 32;

// Rules that see frames, and routes chosen by more than the destination, may tell any two machines
// apart.
bool tells_all_apart(const model::NetNs& ns) {
  for (const model::Table& table : ns.ruleset.tables) {
    const bool frames = table.family == model::NfFamily::kArp ||
                        table.family == model::NfFamily::kBridge ||
                        table.family == model::NfFamily::kNetdev;
    for (const model::Chain& chain : table.chains) {
      if (chain.base && (frames || !chain.base->devices.empty())) return true;
    }
  }
  return std::ranges::any_of(ns.routing_rules, [](const model::RoutingRule& r) {
    return r.source || r.destination || r.other_conditions;
  });
}

// Where the snapshot names single machines.
class Names {
 public:
  explicit Names(const model::Snapshot& snapshot) {
    for (std::uint32_t i = 0; i < snapshot.namespaces.size(); ++i)
      add(snapshot.namespaces[i], NsId{i});
  }

  // Somebody else than itself names it.
  [[nodiscard]] bool name(NsId ns, IpAddress address, unsigned length, MacAddress mac) const {
    const auto elsewhere = [ns](const auto& map, const auto& key) {
      const auto at = map.find(key);
      return at != map.end() && (at->second.second || at->second.first != ns);
    };
    if (elsewhere(addresses_, address) || elsewhere(macs_, mac) || carriers_.contains(ns))
      return true;
    return std::ranges::any_of(lengths_, [&](unsigned l) {
      return l > length && prefixes_.contains(Prefix::covering(address, l));
    });
  }

 private:
  using ByWhom = std::pair<NsId, bool>;  // the bool: by others, too

  template <class Key>
  static void note(std::map<Key, ByWhom>& map, const Key& key, NsId ns) {
    const auto [at, fresh] = map.try_emplace(key, ns, false);
    if (!fresh && at->second.first != ns) at->second.second = true;
  }
  void add(const model::NetNs& ns, NsId id) {
    for (const model::Link& link : ns.links) {
      if ((link.flags & kLoopback) == 0) note(macs_, link.mac, id);
      if (link.peer_ns && link.kind != "veth") carriers_.insert(*link.peer_ns);
    }
    for (const model::Address& a : ns.addresses) {
      if (!a.local.is_loopback()) note(addresses_, a.local, id);
    }
    for (const model::Route& r : ns.routes) add(r, id);
    for (const model::Neighbour& n : ns.neighbours) {
      if ((n.state & kByHand) == 0 && (n.flags & kProxy) == 0) continue;
      others(n.address, n.mac);
    }
    for (const model::BridgeFdbEntry& e : ns.fdb) {
      if ((e.state & kByHand) != 0) others(std::nullopt, e.mac);
      if (e.destination) others(e.destination, std::nullopt);
    }
  }
  void add(const model::Route& r, NsId id) {
    if (r.destination.family() != IpFamily::kV4) return;
    if (r.destination.length() == kWholeAddress) {
      note(addresses_, r.destination.address(), id);
    } else if (prefixes_.insert(r.destination).second) {
      lengths_.insert(r.destination.length());
    }
    if (r.preferred_source) note(addresses_, *r.preferred_source, id);
    for (const model::NextHop& hop : r.next_hops) {
      if (hop.gateway) note(addresses_, *hop.gateway, id);
    }
  }
  // Whoever it is that has it, it is named.
  void others(const std::optional<IpAddress>& address, const std::optional<MacAddress>& mac) {
    if (address) addresses_[*address].second = true;
    if (mac) macs_[*mac].second = true;
  }

  std::map<IpAddress, ByWhom> addresses_;
  std::map<MacAddress, ByWhom> macs_;
  std::set<NsId> carriers_;  // on whose links those of others stand (macvlan, VLAN, ...)
  std::set<Prefix> prefixes_;
  std::set<unsigned> lengths_;
};

// A container with one interface in a bridge, without what is its own.
struct Plain {
  NsId bridge_ns;
  model::Link port;
  model::NetNs inside;
  friend bool operator==(const Plain&, const Plain&) = default;
};

model::Link without_names(model::Link link) {
  link.index = link.peer = IfIndex{};
  link.peer_ns.reset();
  link.mac = MacAddress();
  link.alias.clear();
  link.alternative_names.clear();
  return link;
}

void forget_counts(model::Rule& rule) {
  rule.handle = 0;
  for (model::Statement& statement : rule.statements) {
    if (auto* observe = std::get_if<model::Observe>(&statement)) *observe = {};
  }
}

// Only what base chains hold; the rest is entered by jumps.
void keep_base_chains(model::Ruleset& rules) {
  rules.generation.reset();
  for (model::Table& table : rules.tables) {
    table.handle = 0;
    for (model::Chain& chain : table.chains) {
      chain.handle = 0;
      if (!chain.base) chain.rules.clear();
      for (model::Rule& rule : chain.rules) forget_counts(rule);
    }
  }
}

class Stripped {
 public:
  Stripped(const model::Snapshot& snapshot, NsId id)
      : snapshot_(snapshot), ns_(snapshot.namespaces[id.value]) {}

  // nullopt: it is of another kind than containers usually are.
  [[nodiscard]] std::optional<Plain> plain() {
    if (!ns_.gaps.empty() || ns_.links.size() != 2) return std::nullopt;
    for (const model::Link& link : ns_.links) {
      if ((link.flags & kLoopback) == 0) own_ = &link;
    }
    if (own_ == nullptr || own_->kind != "veth" || !own_->peer_ns) return std::nullopt;
    if (own_->peer_ns->value >= snapshot_.namespaces.size()) return std::nullopt;
    const model::Link* port =
        model::find_link(snapshot_.namespaces[own_->peer_ns->value], own_->peer);
    if (port == nullptr || !port->master || !find_address()) return std::nullopt;
    Plain out{*own_->peer_ns, without_names(*port), {}};
    out.port.name.clear();
    strip(out.inside);
    return out;
  }
  [[nodiscard]] const model::Link& link() const { return *own_; }
  [[nodiscard]] const model::Address& address() const { return *address_; }

 private:
  bool find_address() {
    for (const model::Address& a : ns_.addresses) {
      if (a.link != own_->index || a.local.is_v6()) continue;
      if (address_ != nullptr || a.peer || (a.flags & kSecondary) != 0) return false;
      address_ = &a;
    }
    return address_ != nullptr;
  }
  [[nodiscard]] IpAddress without_own(IpAddress a) const {
    return a == address_->local ? IpAddress::any(IpFamily::kV4) : a;
  }
  [[nodiscard]] IfIndex number(IfIndex link) const {
    constexpr IfIndex kOwn{2}, kLo{1};
    return link == own_->index ? kOwn : link ? kLo : link;
  }

  void strip(model::NetNs& out) const {
    for (const model::Link& link : ns_.links) {
      out.links.push_back(without_names(link));
      out.links.back().ipv6.reset();
    }
    for (model::Address a : ns_.addresses) {
      if (a.local.is_v6()) continue;
      a.link = number(a.link);
      a.local = without_own(a.local);
      a.label.clear();
      out.addresses.push_back(a);
    }
    for (const model::Route& r : ns_.routes) {
      if (r.destination.family() == IpFamily::kV4) out.routes.push_back(stripped(r));
    }
    out.routing_rules = ns_.routing_rules;
    for (const model::Neighbour& n : ns_.neighbours) {
      if ((n.state & kByHand) != 0 || (n.flags & kProxy) != 0) out.neighbours.push_back(n);
    }
    out.sysctls = ns_.sysctls;
    out.ruleset = ns_.ruleset;
    keep_base_chains(out.ruleset);
  }
  [[nodiscard]] model::Route stripped(model::Route r) const {
    if (r.destination.length() == kWholeAddress)
      r.destination = Prefix::single(without_own(r.destination.address()));
    if (r.preferred_source) r.preferred_source = without_own(*r.preferred_source);
    for (model::NextHop& hop : r.next_hops) hop.link = number(hop.link);
    return r;
  }

  const model::Snapshot& snapshot_;
  const model::NetNs& ns_;
  const model::Link* own_ = nullptr;
  const model::Address* address_ = nullptr;
};

}  // namespace

std::vector<Alike> alike_namespaces(const model::Snapshot& snapshot) {
  std::vector<Alike> out;
  out.reserve(snapshot.namespaces.size());
  for (std::uint32_t i = 0; i < snapshot.namespaces.size(); ++i) out.push_back({NsId{i}, {}});
  if (std::ranges::any_of(snapshot.namespaces, tells_all_apart)) return out;
  const Names names(snapshot);
  using Kind = std::pair<NsId, Plain>;
  std::map<std::tuple<NsId, IfIndex, Prefix>, std::vector<Kind>> found;  // by bridge and subnet
  for (Alike& alike : out) {
    const NsId id = alike.first;
    if (id == snapshot.host) continue;
    Stripped stripped(snapshot, id);
    auto plain = stripped.plain();
    if (!plain) continue;
    const model::Address& a = stripped.address();
    if (names.name(id, a.local, a.prefix_length, stripped.link().mac)) continue;
    auto& kinds =
        found[{plain->bridge_ns, plain->port.master, Prefix::covering(a.local, a.prefix_length)}];
    const auto same = std::ranges::find(kinds, *plain, &Kind::second);
    alike.address = a.local;
    if (same != kinds.end())
      alike.first = same->first;
    else
      kinds.emplace_back(id, *std::move(plain));
  }
  return out;
}

}  // namespace bulkhead::topology
