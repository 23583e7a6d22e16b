// Builds the machines and devices of a snapshot, and joins the links that belong together.
#include "topology/topology.h"

#include <algorithm>

#include "base/text.h"
#include "model/gaps.h"

namespace bulkhead::topology {
namespace {

constexpr std::uint32_t kUp = 1, kLoopbackFlag = 8, kPointToPoint = 0x10, kNoArp = 0x80;

DeviceKind kind_of(const model::Link& link) {
  if ((link.flags & kLoopbackFlag) != 0) return DeviceKind::kLoopback;
  if (link.kind == "bridge") return DeviceKind::kBridge;
  if (link.kind == "veth") return DeviceKind::kVeth;
  if (link.kind == "macvlan" || link.kind == "macvtap") return DeviceKind::kMacvlan;
  if (link.kind == "ipvlan" || link.kind == "ipvtap") return DeviceKind::kIpvlan;
  if (link.kind == "vlan") return DeviceKind::kVlan;
  if (link.kind == "vxlan") return DeviceKind::kVxlan;
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
  d.sees_tagged = s.bridge_nf_filter_vlan_tagged.value_or(0) != 0;
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

// A gap in what decides makes every answer that depends on it unknown.
void note_gaps(Machine& m) {
  for (const model::Gap& gap : m.ns->gaps) {
    const model::Concerns concerns = model::concerns(gap);
    m.rules_unknown = m.rules_unknown || concerns.rules;
    m.sockets_unknown = m.sockets_unknown || concerns.sockets;
    m.routes_unknown = m.routes_unknown || concerns.routes;
    if (m.unknown_why.empty()) {
      m.unknown_why = "not read: " + escape_text(gap.what) + " (" + escape_text(gap.reason) + ")";
    }
  }
}

std::unique_ptr<Machine> make_machine(const model::NetNs& ns, model::NsId id) {
  auto m = std::make_unique<Machine>();
  m->id = id;
  m->ns = &ns;
  for (const model::Link& link : ns.links) {
    m->devices.push_back(make_device(link, *m));
    m->devices.back()->position = m->devices.size() - 1;
  }
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
    m->sockets[Machine::socket_key(s.protocol, s.port)].push_back(&s);
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
  note_gaps(*m);
  return m;
}

}  // namespace

Device* Machine::device(IfIndex index) const {
  if (index.value - 1 < by_index.size() && by_index[index.value - 1]->index() == index) {
    return by_index[index.value - 1];
  }
  const auto at =
      std::ranges::lower_bound(by_index, index, {}, [](const Device* d) { return d->index(); });
  return at != by_index.end() && (*at)->index() == index ? *at : nullptr;
}

void Topology::join_links() {
  for (auto& m : machines_) {
    for (auto& d : m->devices) {
      const model::Link& l = *d->link;
      Machine* where = m.get();
      if (l.peer_ns)
        where = machine(*l.peer_ns);
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
      } else if (d->kind == DeviceKind::kVxlan) {
        d->underlay = where;
        d->leads_outside = true;  // until join_vxlans() knows better
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

// Links that stand on each other in a ring, or higher than the kernel allows, do not exist; a
// snapshot may say so all the same.
void Topology::break_rings() {
  constexpr unsigned kMostNested = 8;  // MAX_NEST_DEV
  for (auto& m : machines_) {
    for (auto& d : m->devices) {
      unsigned depth = 0;
      for (const Device* at = d.get(); at->parent != nullptr && depth <= kMostNested;
           at = at->parent)
        ++depth;
      if (depth <= kMostNested) continue;
      std::erase(d->parent->children, d.get());
      d->parent = nullptr;
      d->leads_outside = true;
    }
  }
}

Topology Topology::build(const model::Snapshot& snapshot) {
  Topology t;
  t.snapshot_ = &snapshot;
  for (std::size_t i = 0; i < snapshot.namespaces.size(); ++i) {
    const model::NsId id{static_cast<std::uint32_t>(i)};
    Machine& m = *t.machines_.emplace_back(make_machine(snapshot.namespaces[i], id));
    // A namespace that could not be read has no links: questions about it are unknown.
    if (m.loopback == nullptr) m.routes_unknown = true;
  }
  t.join_links();
  t.break_rings();
  t.join_vxlans();
  t.learn_macs();
  t.number_segments();
  return t;
}

bool on_network(const model::Address& of, IpAddress address) {
  const IpAddress& own = of.peer ? *of.peer : of.local;
  if (own.is_v4() && address.is_v4()) {
    const unsigned host_bits = 32U - std::min<unsigned>(of.prefix_length, 32U);
    return std::uint64_t{own.v4_number() ^ address.v4_number()} >> host_bits == 0;
  }
  return Prefix::covering(own, of.prefix_length).contains(address);
}

std::string_view to_string(NetError error) {
  switch (error) {
    case NetError::kNone: return "none";
    case NetError::kNetUnreachable: return "ENETUNREACH";
    case NetError::kHostUnreachable: return "EHOSTUNREACH";
    case NetError::kDenied: return "EACCES";
    case NetError::kInvalid: return "EINVAL";
    case NetError::kNoDevice: return "ENODEV";
    case NetError::kAddressNotAvailable: return "EADDRNOTAVAIL";
    case NetError::kAgain: return "EAGAIN";
  }
  return "";
}

}  // namespace bulkhead::topology
