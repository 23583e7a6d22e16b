// Small networks for tests: a Snapshot built by chained calls, with the routes that the kernel
// makes for each address.
#pragma once

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "filter_trace/build.h"
#include "model/snapshot.h"
#include "trace/trace.h"

namespace bulkhead::trace::testing {

class Net {
 public:
  Net() { snapshot.namespaces.reserve(32); }

  Net& machine(const std::string& name) {
    const model::NsId id{static_cast<std::uint32_t>(snapshot.namespaces.size())};
    ids_[name] = id;
    model::NetNs& ns = snapshot.namespaces.emplace_back();
    ns.inode = 1000 + id.value;
    for (const auto family : {IpFamily::kV4, IpFamily::kV6}) {
      rule_of(ns, family, 0, 255);
      rule_of(ns, family, 32766, 254);
      if (family == IpFamily::kV4) rule_of(ns, family, 32767, 253);
    }
    add_link(name, "lo", "").flags = 8 | 1;
    address(name, "lo", "127.0.0.1/8");
    address(name, "lo", "::1/128");
    return *this;
  }
  Net& bridge(const std::string& name, const std::string& dev) {
    add_link(name, dev, "bridge").bridge = model::BridgeInfo{};
    return *this;
  }
  Net& veth(const std::string& a, const std::string& dev_a, const std::string& b,
            const std::string& dev_b) {
    const IfIndex at_a = add_link(a, dev_a, "veth").index, at_b = add_link(b, dev_b, "veth").index;
    model::Link &la = link(a, dev_a), &lb = link(b, dev_b);
    la.peer = at_b;
    la.peer_ns = ids_.at(b);
    lb.peer = at_a;
    lb.peer_ns = ids_.at(a);
    link_local(a, dev_a);
    link_local(b, dev_b);
    return *this;
  }
  // A veth whose host end is a port of `bridge`.
  Net& joined(const std::string& host, const std::string& bridge, const std::string& port,
              const std::string& guest, const std::string& dev = "eth0") {
    veth(host, port, guest, dev);
    model::Link& p = link(host, port);
    p.master = link(host, bridge).index;
    p.port = model::BridgePort{};
    return *this;
  }
  // A VLAN, macvlan or ipvlan on a device of another machine or of the same one.
  Net& stacked(const std::string& name, const std::string& dev, const std::string& kind,
               const std::string& below, const std::string& below_dev) {
    device(name, dev, kind);
    model::Link& l = link(name, dev);
    l.peer = link(below, below_dev).index;
    if (below != name) l.peer_ns = ids_.at(below);
    return *this;
  }
  // Sends from `local` of the same machine, or of `below`; port 4789.
  Net& vxlan(const std::string& name, const std::string& dev, std::uint32_t number,
             std::string_view local, const std::string& below = {}) {
    device(name, dev, "vxlan");
    model::Link& l = link(name, dev);
    l.vxlan = model::VxlanInfo{};
    l.detail.vxlan_id = number;
    l.detail.vxlan_port = Port{4789};
    l.detail.vxlan_local = ip(local);
    if (!below.empty()) l.peer_ns = ids_.at(below);
    const std::string& at = below.empty() ? name : below;
    const std::string any = ip(local).is_v4() ? "0.0.0.0" : "::";
    const bool there = std::ranges::any_of(ns(at).sockets, [&](const model::Socket& s) {
      return s.protocol == IpProtocol::kUdp && s.port == Port{4789} && s.address == ip(any);
    });
    if (!there) listen(at, any, 4789, true, {}, IpProtocol::kUdp);
    return *this;
  }
  // An entry by hand; of no MAC: for all others.
  Net& entry(const std::string& name, const std::string& dev, std::string_view destination,
             MacAddress mac = {}) {
    model::BridgeFdbEntry e;
    e.link = link(name, dev).index;
    e.mac = mac;
    e.state = model::nud::kPermanent;
    e.flags = 2;  // NTF_SELF
    e.destination = ip(destination);
    ns(name).fdb.push_back(e);
    return *this;
  }
  Net& device(const std::string& name, const std::string& dev, const std::string& kind = "") {
    add_link(name, dev, kind);
    link_local(name, dev);
    return *this;
  }
  Net& address(const std::string& name, const std::string& dev, std::string_view text,
               std::uint32_t flags = 0) {
    const auto slash = text.find('/');
    const IpAddress local = ip(text.substr(0, slash));
    const auto bits = static_cast<unsigned>(std::stoi(std::string(text.substr(slash + 1))));
    model::NetNs& n = ns(name);
    const IfIndex at = link(name, dev).index;
    model::Address a;
    a.link = at;
    a.local = local;
    a.prefix_length = static_cast<std::uint8_t>(bits);
    a.flags = flags;
    if (local.is_loopback()) a.scope = 254;
    if (local.is_v6() && local.is_link_local()) a.scope = 253;
    n.addresses.push_back(a);
    model::Route r;
    r.table = 255;
    r.type = 2;
    r.protocol = 2;
    r.scope = 254;
    r.destination =
        dev == "lo" && local.is_v4() ? Prefix::covering(local, bits) : Prefix::single(local);
    r.next_hops = {model::NextHop{at, {}, 1, 0, false}};
    if (local.is_v4()) r.preferred_source = local;
    n.routes.push_back(r);
    if (bits == local.bits() || dev == "lo") return *this;
    r.table = 254;
    r.type = 1;
    r.scope = local.is_v4() ? 253 : 0;
    r.metric = local.is_v4() ? 0 : 256;
    r.destination = Prefix::covering(local, bits);
    n.routes.push_back(r);
    return *this;
  }
  // "via" and "dev" may be empty; type is an RTN_*.
  Net& route(const std::string& name, std::string_view to, const std::string& via,
             const std::string& dev, std::uint8_t type = 1, std::uint32_t table = 254,
             std::uint32_t metric = 0) {
    model::Route r;
    r.table = table;
    r.type = type;
    r.protocol = 3;
    r.destination = to == "default" ? Prefix::all(ip(via).family()) : Prefix::parse(to).value();
    r.metric = r.destination.address().is_v6() && metric == 0 ? 1024 : metric;
    if (!dev.empty()) {
      model::NextHop hop;
      hop.link = link(name, dev).index;
      if (!via.empty()) hop.gateway = ip(via);
      r.next_hops = {hop};
    }
    ns(name).routes.push_back(r);
    return *this;
  }
  Net& policy(const std::string& name, model::RoutingRule rule) {
    ns(name).routing_rules.push_back(std::move(rule));
    return *this;
  }
  Net& listen(const std::string& name, std::string_view on, std::uint16_t port,
              bool v6_only = false, const std::string& dev = {},
              IpProtocol protocol = IpProtocol::kTcp) {
    model::Socket s;
    s.protocol = protocol;
    s.address = ip(on);
    s.port = Port{port};
    s.v6_only = v6_only;
    if (!dev.empty()) s.bound_to = link(name, dev).index;
    ns(name).sockets.push_back(s);
    return *this;
  }
  Net& rules(const std::string& name, model::Table table) {
    ns(name).ruleset.tables.push_back(std::move(table));
    return *this;
  }
  Net& forwarding(const std::string& name, bool on = true) {
    for (model::Link& l : ns(name).links) {
      l.ipv4.forwarding = on ? 1 : 0;
      l.ipv6->forwarding = on ? 1 : 0;
    }
    ns(name).sysctls.ipv6_all.forwarding = on ? 1 : 0;
    return *this;
  }
  Net& bridge_calls(const std::string& name, bool on) {
    ns(name).sysctls.bridge_nf_call_iptables = ns(name).sysctls.bridge_nf_call_ip6tables =
        on ? 1 : 0;
    return *this;
  }

  [[nodiscard]] Answer ask(const std::string& from, std::string_view to, std::uint16_t port) const {
    Question q;
    q.from = LocalOrigin{ids_.at(from), 0, 0};
    q.to = ip(to);
    q.port = Port{port};
    return ask(q);
  }
  [[nodiscard]] Answer ask(const Question& question) const {
    const auto world = World::build(snapshot);
    if (!world) throw std::runtime_error(world.error().message);
    return world->ask(question);
  }

  model::NetNs& ns(const std::string& name) { return snapshot.namespaces.at(ids_.at(name).value); }
  [[nodiscard]] model::NsId id(const std::string& name) const { return ids_.at(name); }
  model::Link& link(const std::string& name, const std::string& dev) {
    for (model::Link& l : ns(name).links) {
      if (l.name == dev) return l;
    }
    throw std::runtime_error("no link " + dev);
  }

  model::Snapshot snapshot;

 private:
  static void rule_of(model::NetNs& ns, IpFamily family, std::uint32_t priority,
                      std::uint32_t table) {
    model::RoutingRule r;
    r.family = family;
    r.priority = priority;
    r.table = table;
    ns.routing_rules.push_back(r);
  }
  model::Link& add_link(const std::string& name, const std::string& dev, const std::string& kind) {
    model::NetNs& n = ns(name);
    model::Link& l = n.links.emplace_back();
    l.index = IfIndex{static_cast<std::uint32_t>(n.links.size())};
    l.name = dev;
    l.kind = kind;
    l.mtu = 1500;
    l.flags = 1 | 0x40;
    l.operstate = 6;
    l.hw_type = dev == "lo" ? 772 : 1;
    ++macs_;
    if (dev != "lo") l.mac = MacAddress({2, 0, 0, 0, 1, macs_});
    l.ipv6 = model::Ipv6Conf{};
    return l;
  }
  void link_local(const std::string& name, const std::string& dev) {
    address(name, dev,
            "fe80::" + std::to_string(1000 + macs_) + ":" +
                std::to_string(link(name, dev).index.value) + "/64");
  }
  std::map<std::string, model::NsId> ids_;
  std::uint8_t macs_ = 0;
};

// A container host: bridge br0 with guests a and b, bridge br1 with guest c, and `out` on the
// uplink. Both families, forwarding on, a service on port 80 in each guest and on the host.
inline Net host_net() {
  Net n;
  for (const char* m : {"host", "a", "b", "c", "out"}) n.machine(m);
  n.bridge("host", "br0").bridge("host", "br1");
  n.joined("host", "br0", "va", "a")
      .joined("host", "br0", "vb", "b")
      .joined("host", "br1", "vc", "c");
  n.veth("host", "up0", "out", "eth0");
  n.address("host", "br0", "10.1.0.1/24").address("host", "br0", "fd01::1/64");
  n.address("host", "br0", "fe80::b0:1/64").address("host", "br1", "fe80::b1:1/64");
  n.address("host", "br1", "10.2.0.1/24").address("host", "br1", "fd02::1/64");
  n.address("host", "up0", "192.0.2.1/24").address("host", "up0", "fd09::1/64");
  n.address("a", "eth0", "10.1.0.2/24").address("a", "eth0", "fd01::2/64");
  n.address("b", "eth0", "10.1.0.3/24").address("b", "eth0", "fd01::3/64");
  n.address("c", "eth0", "10.2.0.2/24").address("c", "eth0", "fd02::2/64");
  n.address("out", "eth0", "192.0.2.9/24").address("out", "eth0", "fd09::9/64");
  n.route("a", "default", "10.1.0.1", "eth0").route("a", "default", "fd01::1", "eth0");
  n.route("b", "default", "10.1.0.1", "eth0").route("b", "default", "fd01::1", "eth0");
  n.route("c", "default", "10.2.0.1", "eth0").route("c", "default", "fd02::1", "eth0");
  n.route("out", "default", "192.0.2.1", "eth0").route("out", "default", "fd09::1", "eth0");
  n.forwarding("host");
  for (const char* m : {"host", "a", "b", "c", "out"}) n.listen(m, "::", 80);
  return n;
}

}  // namespace bulkhead::trace::testing
