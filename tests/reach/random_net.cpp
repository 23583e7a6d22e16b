#include "reach/random_net.h"

#include <random>

#include "trace/net.h"

namespace bulkhead::reach::testing {
namespace {

using namespace trace::testing;  // NOLINT
using model::Hook;
using model::MetaKey;
using model::NfFamily;
using model::VerdictKind;
using Kind = model::NatKind;

class Builder {
 public:
  Builder(std::uint32_t seed, NetKinds kinds) : random_(seed), kinds_(kinds) {}

  RandomNet build() {
    machines();
    settings();
    sockets();
    for (const std::string& m : names_) {
      if (kinds_.policy && one_in(m == "host" ? 2 : 4)) policy(m);
      if ((kinds_.filter || kinds_.nat) && (m == "host" || one_in(4))) rules(m);
      if (kinds_.frames && m == "host") frame_rules(m);
    }
    RandomNet out;
    out.addresses = addresses_;
    for (const std::string& m : names_) out.machines.push_back(net_.id(m));
    out.ports = {22, 80, 443, 5353, 8080, 8081, 49152};
    out.text = text_;
    out.snapshot = std::move(net_.snapshot);
    return out;
  }

 private:
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[below(static_cast<std::uint32_t>(list.size()))];
  }

  void address(const std::string& m, const std::string& dev, const std::string& text) {
    net_.address(m, dev, text);
    addresses_.push_back(ip(text.substr(0, text.find('/'))));
    text_ += m + " " + dev + " " + text + "\n";
  }
  void machine(const std::string& m) {
    net_.machine(m);
    names_.push_back(m);
  }

  void machines() {
    machine("host");
    addresses_ = {ip("127.0.0.1"), ip("127.9.9.9"),   ip("::1"),
                  ip("8.8.8.8"),   ip("2001:db8::8"), ip("0.0.0.0")};
    const unsigned bridges = 1 + below(3);
    for (unsigned b = 0; b < bridges; ++b) {
      const std::string br = "br" + std::to_string(b), net4 = "10." + std::to_string(b + 1) + ".0.",
                        net6 = "fd0" + std::to_string(b + 1) + "::";
      net_.bridge("host", br);
      net_.address("host", br, "fe80::b" + std::to_string(b) + ":1/64");
      const bool addressed = !one_in(8);
      if (addressed) {
        address("host", br, net4 + "1/24");
        address("host", br, net6 + "1/64");
      }
      const unsigned guests = 1 + below(3);
      for (unsigned g = 0; g < guests; ++g) {
        const std::string m = "g" + std::to_string(b) + std::to_string(g);
        machine(m);
        net_.joined("host", br, "v" + m, m);
        address(m, "eth0", net4 + std::to_string(g + 2) + "/24");
        address(m, "eth0", net6 + std::to_string(g + 2) + "/64");
        if (!one_in(8))
          net_.route(m, "default", net4 + "1", "eth0").route(m, "default", net6 + "1", "eth0");
        if (b > 0 && one_in(4)) {  // a guest on two bridges
          net_.joined("host", "br0", "w" + m, m, "eth1");
          address(m, "eth1", "10.1.0." + std::to_string(20 + 10 * b + g) + "/24");
          address(m, "eth1", "fd01::" + std::to_string(20 + 10 * b + g) + "/64");
        }
      }
    }
    if (!one_in(3)) {
      machine("out");
      net_.veth("host", "up0", "out", "eth0");
      address("host", "up0", "192.0.2.1/24");
      address("host", "up0", "fd09::1/64");
      address("out", "eth0", "192.0.2.9/24");
      address("out", "eth0", "fd09::9/64");
      if (!one_in(3))
        net_.route("out", "default", "192.0.2.1", "eth0")
            .route("out", "default", "fd09::1", "eth0");
      if (one_in(2))
        net_.route("host", "default", "192.0.2.9", "up0")
            .route("host", "default", "fd09::9", "up0");
    }
    if (kinds_.stacked && one_in(2)) stacked();
    if (kinds_.vxlan) vxlans();
    if (one_in(3)) {  // leads out of what is known
      net_.device("host", "wan0");
      address("host", "wan0", "198.51.100.2/24");
      address("host", "wan0", "fd0a::2/64");
      if (one_in(2)) net_.route("host", "10.77.0.0/16", "198.51.100.1", "wan0");
    }
  }

  // Devices on another: a bridge or the uplink.
  void stacked() {
    const bool has_out = std::ranges::find(names_, "out") != names_.end();
    const std::string under = has_out && one_in(2) ? "up0" : "br0";
    const std::string kind = of(std::vector<std::string>{"macvlan", "ipvlan", "vlan"});
    const std::string net4 = under == "up0" ? "192.0.2." : "10.1.0.",
                      net6 = under == "up0" ? "fd09::" : "fd01::";
    const std::uint32_t mode = below(3);
    for (unsigned i = 0; i < 1 + below(3); ++i) {
      const std::string m = "s" + std::to_string(i);
      machine(m);
      net_.stacked(m, "eth0", kind, "host", under);
      model::Link& l = net_.link(m, "eth0");
      if (kind == "macvlan")
        l.detail.macvlan_mode = one_in(6) ? std::uint32_t{16} : std::uint32_t{1} << below(3);
      if (kind == "vlan") l.detail.vlan_id = static_cast<std::uint16_t>(5 + i);
      if (kind == "ipvlan") {
        l.detail.ipvlan_mode = mode;
        l.detail.ipvlan_flags = one_in(4) ? below(3) : 0;
        l.mac = net_.link("host", under).mac;
        if (mode != 0) l.flags |= 0x80;
      }
      address(m, "eth0", net4 + std::to_string(60 + i) + "/24");
      address(m, "eth0", net6 + std::to_string(60 + i) + "/64");
      if (one_in(2))
        net_.route(m, "default", net4 + "1", "eth0").route(m, "default", net6 + "1", "eth0");
      if (has_out && under == "up0" && one_in(2))
        net_.route("out", net4 + std::to_string(60 + i) + "/32", net4 + "1", "eth0");
    }
    if (kind != "vlan" || !has_out || under != "up0") return;
    net_.stacked("out", "eth0.5", "vlan", "out", "eth0");
    net_.link("out", "eth0.5").detail.vlan_id = 5;
    address("out", "eth0.5", net4 + "70/24");
    address("out", "eth0.5", net6 + "70/64");
  }

  struct End {
    std::string machine, dev, from;
    MacAddress mac;
  };

  // Some machines as ends of one number; some of them with a bridge on it and a guest there.
  void vxlans() {
    const bool v4 = one_in(2), group = one_in(4);
    std::vector<End> ends;
    const std::vector<std::string> machines = names_;
    for (const std::string& m : machines) {
      if (ends.size() >= 4 || !(m == "host" || m == "out" || one_in(2))) continue;
      const auto& own = net_.ns(m).addresses;
      const auto from = std::ranges::find_if(own, [&](const model::Address& a) {
        return a.local.is_v4() == v4 && !a.local.is_loopback() && !a.local.is_link_local();
      });
      if (from == own.end()) continue;
      const std::string text = from->local.to_string();
      const IfIndex by = from->link;
      ends.push_back({m, "vx5", text, {}});
      net_.vxlan(m, "vx5", one_in(12) ? 6 : 5, text);
      model::Link& l = net_.link(m, "vx5");
      ends.back().mac = l.mac;
      if (group) {
        l.detail.vxlan_group = ip(v4 ? "239.8.8.8" : "ff05::8");
        l.vxlan->link = by;
      }
      if (one_in(5)) l.detail.vxlan_local.reset();
      if (one_in(6)) l.vxlan->learning = false;
      if (one_in(8)) l.vxlan->proxy = true;
      if (one_in(20)) l.vxlan->external = true;
      if (one_in(8)) l.vxlan->tos = static_cast<std::uint8_t>(one_in(2) ? 1 : 0x20);
      if (one_in(8)) l.vxlan->ttl = 1;
      const std::string number = std::to_string(ends.size());
      std::string at = "vx5";
      if (one_in(3)) {
        const std::string guest = "x" + number;
        net_.bridge(m, "brx").address(m, "brx", "fe80::b9:" + number + "/64");
        net_.link(m, "vx5").master = net_.link(m, "brx").index;
        net_.link(m, "vx5").port = model::BridgePort{};
        machine(guest);
        net_.joined(m, "brx", "vx" + number + "g", guest);
        address(guest, "eth0", "10.50.0.1" + number + "/24");
        address(guest, "eth0", "fd50::1" + number + "/64");
        at = "brx";
      }
      address(m, at, "10.50.0." + number + "/24");
      address(m, at, "fd50::" + number + "/64");
    }
    for (const End& end : ends) {
      if (group) {
        net_.entry(end.machine, end.dev, v4 ? "239.8.8.8" : "ff05::8");
        net_.ns(end.machine).fdb.back().via = net_.link(end.machine, end.dev).vxlan->link;
      }
      for (const End& other : ends) {
        if (&other == &end) continue;
        if (!group && !one_in(6)) net_.entry(end.machine, end.dev, other.from);
        if (one_in(8)) net_.entry(end.machine, end.dev, of(ends).from, other.mac);
      }
      if (one_in(8)) net_.entry(end.machine, end.dev, v4 ? "198.51.100.9" : "fd0a::9");
    }
  }

  void settings() {
    net_.forwarding("host", !one_in(6));
    net_.bridge_calls("host", one_in(2));
    if (!kinds_.odd) return;
    for (const std::string& m : names_) {
      for (model::Link& l : net_.ns(m).links) {
        if (l.name == "lo") continue;
        if (one_in(4)) l.ipv4.rp_filter = static_cast<int>(1 + below(2));
        if (one_in(12)) l.ipv4.route_localnet = 1;
        if (one_in(12)) l.ipv4.accept_local = 1;
        if (one_in(12)) l.ipv4.arp_ignore = static_cast<int>(1 + below(2));
        if (one_in(12)) l.ipv4.arp_announce = static_cast<int>(1 + below(2));
        if (one_in(24)) l.ipv6->disable_ipv6 = 1;
        if (one_in(30)) l.flags &= ~1U;
        if (l.port && one_in(5)) l.port->isolated = true;
        if (l.port && one_in(5)) l.port->hairpin = true;
      }
      if (one_in(5)) remember(m);
      if (m != "host" && one_in(6)) net_.forwarding(m);
    }
  }

  void remember(const std::string& m) {
    model::NetNs& ns = net_.ns(m);
    model::Neighbour n;
    n.link = ns.links.back().index;
    n.address = of(addresses_);
    n.mac = one_in(2) ? ns.links.back().mac : net_.link("host", "br0").mac;
    n.state = one_in(2) ? 0x80 : 2;
    ns.neighbours.push_back(n);
  }

  void sockets() {
    for (const std::string& m : names_) {
      const unsigned n = 1 + below(4);
      for (unsigned i = 0; i < n; ++i) {
        const std::vector<std::uint16_t> ports{22, 80, 443, 5353, 8080};
        std::string on = one_in(2) ? "0.0.0.0" : "::";
        if (one_in(4)) {
          const auto& own = net_.ns(m).addresses;
          on = own[below(static_cast<std::uint32_t>(own.size()))].local.to_string();
        }
        net_.listen(m, on, of(ports), one_in(5), {},
                    one_in(2) ? IpProtocol::kTcp : IpProtocol::kUdp);
      }
    }
  }

  void policy(const std::string& m) {
    for (unsigned i = 0; i < 1 + below(3); ++i) {
      model::RoutingRule r;
      r.family = one_in(2) ? IpFamily::kV4 : IpFamily::kV6;
      r.priority = 100 + below(5) * 10;
      r.table = one_in(2) ? 100 : 254;
      if (one_in(6)) r.action = static_cast<std::uint8_t>(6 + below(3));
      if (one_in(8)) r.inverted = true;
      const IpAddress a = of(addresses_);
      if (one_in(2) && a.family() == r.family)
        r.source = Prefix::covering(a, r.family == IpFamily::kV4 ? 24 : 64);
      const IpAddress d = of(addresses_);
      if (one_in(2) && d.family() == r.family)
        r.destination = Prefix::covering(d, r.family == IpFamily::kV4 ? 16 : 64);
      if (one_in(4)) r.protocol = IpProtocol::kTcp;
      if (one_in(4)) r.destination_port = model::xt::PortRange{Port{80}, Port{443}};
      if (one_in(6)) r.mark = r.mark_mask = 1;
      net_.policy(m, r);
    }
    const std::vector<std::string> to{"10.2.0.0/16", "10.0.0.0/8",   "fd02::/32",
                                      "8.8.0.0/16",  "192.0.2.9/32", "fd00::/8"};
    for (unsigned i = 0; i < 1 + below(3); ++i) {
      const std::string dest = of(to);
      const bool v4 = dest.find(':') == std::string::npos;
      const std::uint32_t table = one_in(2) ? 100 : 254;
      const auto& links = net_.ns(m).links;
      if (one_in(3)) {
        net_.route(m, dest, "", "", static_cast<std::uint8_t>(6 + below(4)), table);
      } else {
        const std::string dev = links[1 + below(static_cast<std::uint32_t>(links.size() - 1))].name;
        const std::string via = one_in(2) ? "" : v4 ? "10.1.0.2" : "fd01::2";
        net_.route(m, dest, via, dev, 1, table, below(3));
      }
    }
  }

  // ---- rules
  model::Statement l4(IpProtocol p) {
    return is(meta(MetaKey::kL4proto), bytes({static_cast<int>(p)}));
  }
  model::Statement to_port(std::uint16_t p) { return is(th(2, 2), be16(p)); }

  std::vector<model::Statement> matches(bool v4, bool need_l4) {
    std::vector<model::Statement> out;
    const std::uint32_t source = v4 ? 12 : 8, destination = v4 ? 16 : 24, size = v4 ? 4 : 16;
    const auto own = [&] {
      for (;;) {
        const IpAddress a = of(addresses_);
        if (a.is_v4() == v4) return address_bytes(a);
      }
    };
    if (one_in(3)) out.push_back(is(net(source, size), own()));
    if (one_in(3)) out.push_back(is(net(destination, size), own()));
    if (one_in(4))
      out.push_back(is(meta(MetaKey::kIifname), trace::testing::name(one_in(2) ? "br0" : "up0")));
    if (one_in(5))
      out.push_back(is(meta(MetaKey::kOifname), trace::testing::name(one_in(2) ? "br1" : "eth0")));
    if (one_in(8)) out.push_back(is(meta(MetaKey::kMark), le32(1)));
    if (need_l4 || one_in(2)) {
      out.push_back(l4(one_in(2) ? IpProtocol::kTcp : IpProtocol::kUdp));
      if (one_in(2))
        out.push_back(to_port(kinds_.vxlan && one_in(2)
                                  ? std::uint16_t{4789}
                                  : of(std::vector<std::uint16_t>{22, 80, 443, 8080, 8081})));
    }
    return out;
  }

  static Bytes address_bytes(IpAddress a) { return Bytes(a.octets().begin(), a.octets().end()); }

  model::Rule filter_rule(bool v4, bool output) {
    std::vector<model::Statement> s = matches(v4, false);
    if (one_in(6)) {
      s = {is_not(masked(ct(model::CtKey::kState), le32(one_in(2) ? 6 : 2)), le32(0)),
           one_in(4) ? drop() : accept()};
      return rule(s);
    }
    switch (below(output ? 5 : 4)) {
      case 0: s.push_back(drop()); break;
      case 1: {
        model::Reject r;
        const bool tcp_only = one_in(2);
        if (tcp_only) s.insert(s.begin(), l4(IpProtocol::kTcp));
        r.kind = tcp_only ? model::RejectKind::kTcpReset : model::RejectKind::kIcmp;
        r.code = static_cast<std::uint8_t>(v4 ? 3 : 4);
        s.push_back(r);
        break;
      }
      case 4: s.push_back(set_mark(1)); break;
      default: s.push_back(accept());
    }
    return rule(s);
  }

  model::Rule nat_rule(bool v4, Hook hook) {
    std::vector<model::Statement> s = matches(v4, true);
    if (kinds_.types && one_in(2)) {  // kLocal, in the host's byte order
      model::FibTerm type;
      type.saddr = one_in(4);
      type.daddr = !type.saddr;
      type.iif = one_in(6);
      s.insert(s.begin(), is(model::Term{type}, le32(2)));
    }
    model::Nat n;
    n.family = v4 ? IpFamily::kV4 : IpFamily::kV6;
    const bool destination = hook == Hook::kPrerouting || hook == Hook::kOutput;
    if (!destination) {
      n.kind = hook == Hook::kPostrouting && one_in(2) ? Kind::kMasquerade : Kind::kSnat;
    } else {
      n.kind = one_in(4) ? Kind::kRedirect : Kind::kDnat;
    }
    if (n.kind == Kind::kSnat || n.kind == Kind::kDnat) {
      for (;;) {
        const IpAddress a = of(addresses_);
        if (a.is_v4() != v4 || a.is_unspecified()) continue;
        n.address = constant(address_bytes(a));
        break;
      }
    }
    if (destination && (n.kind == Kind::kRedirect || one_in(2)))
      n.port = constant(be16(one_in(2) ? 80 : 443));
    s.push_back(n);
    return rule(s);
  }

  model::Rule frame_rule() {
    const std::uint16_t type = one_in(2) ? 0x0800 : one_in(2) ? 0x86dd : 0x0806;
    std::vector<model::Statement> s;
    switch (below(6)) {
      case 0: s = {is(ll(12, 2), be16(type))}; break;
      case 1: s = {is(ll(12, 2), be16(0x8100)), is(ll(16, 2), be16(type))}; break;
      case 2: s = {is(ll(12, 2), be16(0x8100)), is(ll(14, 2), be16(one_in(2) ? 0 : 5))}; break;
      case 3: s = {is(meta(MetaKey::kProtocol), be16(type))}; break;
      case 4:
        s = {is(meta(MetaKey::kProtocol), be16(0x0800)),
             is(net(12, 4), address_bytes(ip("10.1.0.2")))};
        break;
      default: s = {l4(IpProtocol::kUdp), to_port(22)};
    }
    s.push_back(one_in(3) ? accept() : drop());
    return rule(s);
  }

  void frame_rules(const std::string& m) {
    std::vector<model::Chain> chains;
    for (const Hook hook : {Hook::kPrerouting, Hook::kForward, Hook::kInput, Hook::kPostrouting}) {
      if (!one_in(2)) continue;
      std::vector<model::Rule> list;
      for (unsigned i = 0; i < 1 + below(3); ++i) list.push_back(frame_rule());
      chains.push_back(base("b" + std::to_string(chains.size()), hook,
                            of(std::vector<std::int32_t>{-300, 0, 50}), list));
    }
    if (!chains.empty()) net_.rules(m, table(NfFamily::kBridge, chains));
  }

  void rules(const std::string& m) {
    const std::vector<Hook> hooks{Hook::kPrerouting, Hook::kInput, Hook::kForward, Hook::kOutput,
                                  Hook::kPostrouting};
    for (const bool v4 : {true, false}) {
      std::vector<model::Chain> chains;
      unsigned number = 0;
      if (kinds_.filter) {
        for (const Hook hook : hooks) {
          if (!one_in(3)) continue;
          std::vector<model::Rule> list;
          for (unsigned i = 0; i < 1 + below(4); ++i)
            list.push_back(filter_rule(v4, hook == Hook::kOutput));
          const std::int32_t priority = of(std::vector<std::int32_t>{0, -150, 50});
          chains.push_back(base("f" + std::to_string(number++), hook, priority, list,
                                one_in(4) ? VerdictKind::kDrop : VerdictKind::kAccept));
        }
      }
      if (kinds_.nat) {
        for (const Hook hook :
             {Hook::kPrerouting, Hook::kOutput, Hook::kPostrouting, Hook::kInput}) {
          if (!one_in(hook == Hook::kInput ? 8 : 2)) continue;
          std::vector<model::Rule> list;
          for (unsigned i = 0; i < 1 + below(4); ++i) list.push_back(nat_rule(v4, hook));
          const bool destination = hook == Hook::kPrerouting || hook == Hook::kOutput;
          chains.push_back(base("n" + std::to_string(number++), hook, destination ? -100 : 100,
                                list, VerdictKind::kAccept, model::ChainType::kNat));
        }
      }
      if (!chains.empty()) net_.rules(m, table(v4 ? NfFamily::kIp : NfFamily::kIp6, chains));
    }
  }

  std::mt19937 random_;
  NetKinds kinds_;
  Net net_;
  std::vector<std::string> names_;
  std::vector<IpAddress> addresses_;
  std::string text_;
};

}  // namespace

RandomNet random_net(std::uint32_t seed, NetKinds kinds) {
  return Builder(seed, kinds).build();
}

RandomNet named(RandomNet net) {
  for (const model::NsId ns : net.machines)
    net.snapshot.namespaces[ns.value].paths = {"/run/netns/" + std::to_string(ns.value)};
  return net;
}

}  // namespace bulkhead::reach::testing
