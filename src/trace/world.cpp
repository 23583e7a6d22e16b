// Builds the indexes of a snapshot: which link leads where, who has which address and MAC.
#include <algorithm>

#include "base/text.h"
#include "trace/trace.h"
#include "trace/world_state.h"

namespace bulkhead::trace {
namespace {

constexpr std::uint32_t kUp = 1, kLoopbackFlag = 8, kPointToPoint = 0x10, kNoArp = 0x80;
constexpr std::size_t kMostDepth = 16;  // of links behind links, when MACs are searched

DeviceKind kind_of(const model::Link& link) {
  if ((link.flags & kLoopbackFlag) != 0) return DeviceKind::kLoopback;
  if (link.kind == "bridge") return DeviceKind::kBridge;
  if (link.kind == "veth") return DeviceKind::kVeth;
  if (link.kind == "macvlan" || link.kind == "macvtap") return DeviceKind::kMacvlan;
  if (link.kind == "ipvlan") return DeviceKind::kIpvlan;
  if (link.kind == "vlan") return DeviceKind::kVlan;
  return DeviceKind::kOther;
}

void settle(Device& d, const model::Sysctls& all) {
  const model::Link& l = *d.link;
  const model::Ipv4Conf &i = l.ipv4, &a = all.ipv4_all;
  d.forward4 = i.forwarding != 0;
  d.rp_filter = std::max(i.rp_filter, a.rp_filter);
  d.arp_ignore = std::max(i.arp_ignore, a.arp_ignore);
  d.arp_announce = std::max(i.arp_announce, a.arp_announce);
  d.accept_local = i.accept_local != 0 || a.accept_local != 0;
  d.route_localnet = i.route_localnet != 0 || a.route_localnet != 0;
  d.source_valid_mark = i.src_valid_mark != 0 || a.src_valid_mark != 0;
  d.proxy_arp = i.proxy_arp != 0 || a.proxy_arp != 0;
  d.arp_filter = i.arp_filter != 0 || a.arp_filter != 0;
  d.ignore_linkdown4 = i.ignore_routes_with_linkdown != 0;
  if (!l.ipv6) return;
  d.ipv6 = l.ipv6->disable_ipv6 == 0;
  d.forward6 = l.ipv6->forwarding != 0;
  d.force_forwarding = l.ipv6->force_forwarding != 0;
  d.proxy_ndp = l.ipv6->proxy_ndp != 0;
  d.ignore_linkdown6 = l.ipv6->ignore_routes_with_linkdown != 0;
}

void settle_bridge(Device& d, const model::Sysctls& s) {
  if (!d.link->bridge) return;
  const model::BridgeInfo& b = *d.link->bridge;
  d.call_iptables = b.nf_call_iptables || s.bridge_nf_call_iptables.value_or(0) != 0;
  d.call_ip6tables = b.nf_call_ip6tables || s.bridge_nf_call_ip6tables.value_or(0) != 0;
  d.call_arptables = b.nf_call_arptables || s.bridge_nf_call_arptables.value_or(0) != 0;
}

std::unique_ptr<Device> make_device(const model::Link& link, Machine& machine) {
  auto d = std::make_unique<Device>();
  d->link = &link;
  d->machine = &machine;
  d->kind = kind_of(link);
  d->up = (link.flags & kUp) != 0;
  d->loopback = d->kind == DeviceKind::kLoopback;
  d->no_arp = (link.flags & kNoArp) != 0;
  d->point_to_point = (link.flags & kPointToPoint) != 0;
  d->mac = link.mac;
  settle(*d, machine.ns->sysctls);
  settle_bridge(*d, machine.ns->sysctls);
  return d;
}

void note_chains(Machine& m) {
  const Filter& f = *m.filter;
  m.tracks4 = f.tracks_connections(IpFamily::kV4);
  m.tracks6 = f.tracks_connections(IpFamily::kV6);
  m.nat4 = f.has_nat(IpFamily::kV4);
  m.nat6 = f.has_nat(IpFamily::kV6);
  for (std::size_t p = 0; p < kFilterPoints; ++p) {
    m.chains[p] = f.has_chains(static_cast<FilterPoint>(p));
    m.open_order[p] = f.has_open_order(static_cast<FilterPoint>(p));
  }
  for (auto& d : m.devices) {
    d->ingress_chains = f.has_device_chains(FilterPoint::kNetdevIngress, d->name());
    d->egress_chains = f.has_device_chains(FilterPoint::kNetdevEgress, d->name());
    d->inet_ingress_chains = f.has_device_chains(FilterPoint::kInetIngress, d->name());
  }
}

// A gap in what decides makes every answer that depends on it unknown.
void note_gaps(Machine& m) {
  for (const model::Gap& gap : m.ns->gaps) {
    const auto says = [&](std::string_view word) {
      return gap.what.find(word) != std::string::npos;
    };
    const bool rules = says("nftables") || says("nf_tables") || says("iptables") ||
                       says("ruleset") || says("xtables") || says("ipset");
    const bool sockets = says("socket");
    const bool routes =
        says("route") || says("link") || says("address") || says("rule") || says("netns");
    m.rules_unknown = m.rules_unknown || rules;
    m.sockets_unknown = m.sockets_unknown || (sockets && !rules);
    m.routes_unknown = m.routes_unknown || (routes && !rules && !sockets);
    if (m.unknown_why.empty()) {
      m.unknown_why = "not read: " + escape_text(gap.what) + " (" + escape_text(gap.reason) + ")";
    }
  }
}

// The ACK of a handshake has the SYN's addresses and ports. So it goes where the SYN went, or is
// lost in silence, unless rules refuse packets, mark them or leave them untracked.
bool is_plain(const model::Statement& statement) {
  if (const auto* t = std::get_if<model::XtTarget>(&statement)) {
    return std::holds_alternative<model::xt::Standard>(t->info) ||
           std::holds_alternative<model::xt::NatTarget>(t->info) ||
           std::holds_alternative<model::xt::PassTarget>(t->info);
  }
  return std::holds_alternative<model::Compare>(statement) ||
         std::holds_alternative<model::InRange>(statement) ||
         std::holds_alternative<model::InSet>(statement) ||
         std::holds_alternative<model::VerdictMap>(statement) ||
         std::holds_alternative<model::Decide>(statement) ||
         std::holds_alternative<model::Nat>(statement) ||
         std::holds_alternative<model::Observe>(statement) ||
         std::holds_alternative<model::XtHeader>(statement) ||
         std::holds_alternative<model::XtMatch>(statement);
}

bool may_answer_acks(const model::Ruleset& rules) {
  for (const model::Table& table : rules.tables) {
    for (const model::Chain& chain : table.chains) {
      for (const model::Rule& rule : chain.rules) {
        if (!std::ranges::all_of(rule.statements, is_plain)) return true;
      }
    }
  }
  return false;
}

std::uint32_t socket_key(IpProtocol protocol, Port port) {
  return std::uint32_t{static_cast<std::uint8_t>(protocol)} << 16 | port.number;
}

std::unique_ptr<Machine> make_machine(const model::NetNs& ns, model::NsId id, bool little_endian) {
  auto m = std::make_unique<Machine>();
  m->id = id;
  m->ns = &ns;
  for (const model::Link& link : ns.links) m->devices.push_back(make_device(link, *m));
  for (auto& d : m->devices) {
    m->by_index.push_back(d.get());
    if (d->loopback && m->loopback == nullptr) m->loopback = d.get();
  }
  std::ranges::stable_sort(m->by_index, {}, [](const Device* d) { return d->index(); });
  for (const model::Address& a : ns.addresses) {
    Device* d = m->device(a.link);
    if (d == nullptr) continue;
    (a.local.is_v4() ? d->addresses4 : d->addresses6).push_back(&a);
    m->addresses.try_emplace(a.local, d);
  }
  for (const model::Neighbour& n : ns.neighbours) {
    if (Device* d = m->device(n.link)) d->neighbours.push_back(&n);
  }
  for (const model::Socket& s : ns.sockets)
    m->sockets[socket_key(s.protocol, s.port)].push_back(&s);
  for (const model::Route& r : ns.routes) {
    if (r.destination.address().is_v4() && r.type == rtn::kLocal && r.protocol != 2) {
      m->custom_local_routes = true;
    }
  }
  const model::Sysctls& s = ns.sysctls;
  m->forward6_all = s.ipv6_all.forwarding != 0;
  m->proxy_ndp_all = s.ipv6_all.proxy_ndp != 0;
  m->nonlocal_bind4 = s.ip_nonlocal_bind.value_or(0) != 0;
  m->nonlocal_bind6 = s.ipv6_ip_nonlocal_bind.value_or(0) != 0;
  m->mark_reflect = s.fwmark_reflect.value_or(0) != 0;
  m->mark_accept = s.tcp_fwmark_accept.value_or(0) != 0;
  const int low = s.ip_local_port_first.value_or(32768),
            high = s.ip_local_port_last.value_or(60999);
  if (low > 0 && high <= 65535 && low <= high) {
    m->ephemeral = Port{static_cast<std::uint16_t>(low + (high - low) / 2)};
  }
  m->filter.emplace(ns.ruleset, little_endian);
  note_chains(*m);
  note_gaps(*m);
  return m;
}

void join_links(WorldState& w) {
  for (auto& m : w.machines) {
    for (auto& d : m->devices) {
      const model::Link& l = *d->link;
      Machine* where = m.get();
      if (l.peer_ns)
        where = w.machine(*l.peer_ns);
      else if (l.peer_elsewhere)
        where = nullptr;
      Device* other = where != nullptr && l.peer ? where->device(l.peer) : nullptr;
      if (d->kind == DeviceKind::kVeth) {
        if (other != nullptr && other->kind == DeviceKind::kVeth && other != d.get())
          d->peer = other;
        d->leads_outside = d->peer == nullptr;
      } else if (d->kind == DeviceKind::kMacvlan || d->kind == DeviceKind::kVlan ||
                 d->kind == DeviceKind::kIpvlan) {
        d->parent = other;
        if (other != nullptr) other->children.push_back(d.get());
        d->leads_outside = other == nullptr;
      } else if (d->kind == DeviceKind::kOther) {
        d->leads_outside = true;
      }
      if (!l.master) continue;
      Device* master = m->device(l.master);
      if (master != nullptr && master->kind == DeviceKind::kBridge && master != d.get()) {
        d->bridge = master;
        master->ports.push_back(d.get());
      } else {
        d->unmodelled_master = true;
      }
    }
  }
}

// Which MACs are heard through `d`, seen from its machine: those of the far end and of everything
// switched behind it.
void macs_through(const Device& d, std::vector<MacAddress>& out, std::size_t depth);

void macs_of_machine_side(const Device& d, std::vector<MacAddress>& out, std::size_t depth) {
  if (depth > kMostDepth) return;
  out.push_back(d.mac);
  for (const Device* child : d.children) out.push_back(child->mac);
  if (d.bridge == nullptr) return;
  out.push_back(d.bridge->mac);
  for (const Device* port : d.bridge->ports) {
    if (port == &d) continue;
    out.push_back(port->mac);
    macs_through(*port, out, depth + 1);
  }
}

void macs_through(const Device& d, std::vector<MacAddress>& out, std::size_t depth) {
  if (depth > kMostDepth) return;
  if (d.peer != nullptr) macs_of_machine_side(*d.peer, out, depth + 1);
}

void learn_macs(WorldState& w) {
  std::vector<MacAddress> macs;
  for (auto& m : w.machines) {
    for (auto& bridge : m->devices) {
      if (bridge->kind != DeviceKind::kBridge) continue;
      for (Device* port : bridge->ports) {
        macs.clear();
        macs_through(*port, macs, 0);
        // A MAC behind two ports cannot be placed: such frames are flooded (null).
        for (const MacAddress& mac : macs) {
          const auto [at, fresh] = w.fdb.try_emplace({bridge.get(), mac}, port);
          if (!fresh && at->second != port) at->second = nullptr;
        }
      }
    }
    for (const model::BridgeFdbEntry& e : m->ns->fdb) {
      constexpr std::uint16_t kPermanent = 0x80, kNoArpState = 0x40;
      constexpr std::uint8_t kFlagSelf = 0x02;
      if (!e.bridge || (e.flags & kFlagSelf) != 0) continue;
      Device *bridge = m->device(e.bridge), *port = m->device(e.link);
      if (bridge == nullptr || port == nullptr || port->bridge != bridge) continue;
      // Static entries decide; permanent ones are the bridge's own MACs, known already.
      if ((e.state & kNoArpState) != 0 && (e.state & kPermanent) == 0) {
        w.fdb[{bridge, e.mac}] = port;
      } else if ((e.state & kPermanent) == 0) {
        w.fdb.try_emplace({bridge, e.mac}, port);
      }
    }
  }
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOpen: return "open";
    case Verdict::kClosed: return "closed";
    case Verdict::kUnknown: return "unknown";
  }
  return "";
}

std::string_view to_string(How how) {
  switch (how) {
    case How::kAccepted: return "accepted";
    case How::kRefused: return "refused";
    case How::kUnreachable: return "unreachable";
    case How::kDropped: return "dropped";
    case How::kUnknown: return "unknown";
  }
  return "";
}

Device* Machine::device(IfIndex index) const {
  if (index.value - 1 < by_index.size() && by_index[index.value - 1]->index() == index) {
    return by_index[index.value - 1];
  }
  const auto at =
      std::ranges::lower_bound(by_index, index, {}, [](const Device* d) { return d->index(); });
  return at != by_index.end() && (*at)->index() == index ? *at : nullptr;
}

Result<World> World::build(const model::Snapshot& snapshot) {
  auto state = std::make_unique<State>();
  state->snapshot = &snapshot;
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
    const model::NsId id{static_cast<std::uint32_t>(i)};
    state->machines.push_back(make_machine(snapshot.namespaces[i], id, snapshot.little_endian));
    if (state->machines.back()->loopback == nullptr) {
      // A namespace that could not be read has no links: questions about it are unknown.
      state->machines.back()->routes_unknown = true;
    }
  }
  state->acks_matter = std::ranges::any_of(
      snapshot.namespaces, [](const model::NetNs& ns) { return may_answer_acks(ns.ruleset); });
  join_links(*state);
  learn_macs(*state);
  for (auto& m : state->machines) {
    if (m->loopback == nullptr) continue;
    m->fib4.build(*m);
    m->fib6.build(*m);
  }
  return World(std::move(state));
}

World::World(std::unique_ptr<State> state) : state_(std::move(state)) {}
World::~World() = default;
World::World(World&&) noexcept = default;
World& World::operator=(World&&) noexcept = default;

const model::Snapshot& World::snapshot() const {
  return *state_->snapshot;
}

bool World::leads_outside(model::NsId ns, IfIndex link) const {
  const Machine* m = state_->machine(ns);
  const Device* d = m != nullptr ? m->device(link) : nullptr;
  return d != nullptr && d->leads_outside && !d->loopback;
}

}  // namespace bulkhead::trace
