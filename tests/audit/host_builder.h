// Hosts with engines, made by hand: what Docker 20.10 sets up for its networks and published ports,
// as far as an audit can tell the difference.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "model/snapshot.h"

namespace bulkhead::testing_hosts {

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

class HostBuilder {
 public:
  model::Snapshot snapshot;

  // A public uplink (or a private one), the Internet behind a gateway.
  explicit HostBuilder(std::string_view uplink = "192.0.2.10",
                       std::string_view gateway = "192.0.2.1") {
    snapshot.host_name = "testhost";
    snapshot.taken_at_ms = 1795478400000;  // 2026-11-24
    snapshot.complete = true;
    snapshot.namespaces.resize(1);
    snapshot.namespaces[0].sysctls.ip_forward = 1;
    snapshot.namespaces[0].sysctls.ipv6_all.forwarding = 1;
    snapshot.namespaces[0].sysctls.bridge_nf_call_iptables = 1;
    snapshot.namespaces[0].sysctls.bridge_nf_call_ip6tables = 1;
    loopback(0);
    const IfIndex eth0 = link(0, "eth0", "", 2).index;
    address(0, eth0, uplink, 24);
    route(0, "0.0.0.0/0", eth0, ip(gateway));
    model::Engine& engine = snapshot.engines.emplace_back();
    engine.name = "docker";
    engine.version = "20.10.24";
    tables();
  }

  model::Engine& engine() { return snapshot.engines[0]; }
  model::NetNs& host() { return snapshot.namespaces[0]; }

  model::Link& link(std::size_t ns, std::string name, std::string kind, std::uint32_t index) {
    model::Link l;
    l.index = IfIndex{index};
    l.name = std::move(name);
    l.kind = std::move(kind);
    l.flags = 1 | 0x40;
    l.operstate = 6;
    l.mtu = 1500;
    l.mac = MacAddress({2, 0x42, static_cast<std::uint8_t>(ns), 0,
                        static_cast<std::uint8_t>(index >> 8), static_cast<std::uint8_t>(index)});
    l.ipv4.forwarding = 1;
    l.ipv6 = model::Ipv6Conf{};
    l.ipv6->forwarding = 1;
    snapshot.namespaces[ns].links.push_back(std::move(l));
    return snapshot.namespaces[ns].links.back();
  }

  // With the routes that the kernel makes for it.
  void address(std::size_t ns, IfIndex on, std::string_view text, std::uint8_t length) {
    model::Address a;
    a.link = on;
    a.local = ip(text);
    a.prefix_length = length;
    snapshot.namespaces[ns].addresses.push_back(a);
    model::Route local;
    local.table = 255;
    local.type = 2;
    local.scope = 254;
    local.protocol = 2;
    local.destination = Prefix::single(a.local);
    local.preferred_source = a.local;
    local.next_hops.push_back({.link = on, .gateway = {}});
    snapshot.namespaces[ns].routes.push_back(local);
    if (length == a.local.bits()) return;
    model::Route connected = local;
    connected.table = 254;
    connected.type = 1;
    connected.scope = a.local.is_v4() ? 253 : 0;
    connected.destination = Prefix::covering(a.local, length);
    if (a.local.is_v6()) connected.preferred_source.reset();
    snapshot.namespaces[ns].routes.push_back(connected);
  }

  void route(std::size_t ns, std::string_view to, IfIndex by, IpAddress via) {
    model::Route r;
    r.destination = Prefix::parse(to).value();
    r.next_hops.push_back({.link = by, .gateway = via});
    snapshot.namespaces[ns].routes.push_back(r);
  }

  // A second way out: "10.9.0.1/24" on its own interface.
  IfIndex interface(std::string name, std::string_view local, std::uint8_t length) {
    const IfIndex index = link(0, std::move(name), "", next_++).index;
    address(0, index, local, length);
    return index;
  }

  model::EngineNetwork& network(std::string name, std::string bridge, std::string_view gateway,
                                bool is_default = false) {
    const IfIndex index = link(0, bridge, "bridge", next_++).index;
    model::Link& l = host().links.back();
    l.bridge = model::BridgeInfo{};
    address(0, index, gateway, 24);
    model::EngineNetwork& n = engine().networks.emplace_back();
    n.id = "net-" + name;
    n.name = std::move(name);
    n.driver = "bridge";
    n.bridge = bridge;
    n.is_default_bridge = is_default;
    n.subnets.push_back(Prefix::covering(ip(gateway), 24));
    n.gateways.push_back(ip(gateway));
    forward_rules(bridge);
    return n;
  }

  struct Box {
    std::size_t index;  // of the container
    std::size_t ns;
    IpAddress address;
  };

  Box container(std::string name, std::string_view network_name, std::string_view local,
                std::string project = "", std::string service = "",
                std::string image = "acme/app:1") {
    const auto network =
        std::ranges::find(engine().networks, network_name, &model::EngineNetwork::name);
    const std::size_t ns = snapshot.namespaces.size();
    snapshot.namespaces.emplace_back();
    loopback(ns);
    model::Container& c = engine().containers.emplace_back();
    c.id = std::string(63 - std::to_string(ns).size(), 'c') + "x" + std::to_string(ns);
    c.name = std::move(name);
    c.image = std::move(image);
    c.state = "running";
    c.project = std::move(project);
    c.service = std::move(service);
    c.pid = static_cast<std::uint32_t>(1000 + ns);
    c.network_mode = std::string(network_name);
    c.netns = model::NsId{static_cast<std::uint32_t>(ns)};
    const std::size_t index = engine().containers.size() - 1;
    join(ns, *network, local, true);
    c.attachments.push_back({.network = network->name,
                             .network_id = network->id,
                             .address4 = ip(local),
                             .address6 = {},
                             .mac = {},
                             .aliases = {}});
    return {index, ns, ip(local)};
  }

  void join_network(const Box& box, std::string_view network_name, std::string_view local) {
    const auto network =
        std::ranges::find(engine().networks, network_name, &model::EngineNetwork::name);
    join(box.ns, *network, local, false);
    engine().containers[box.index].attachments.push_back({.network = network->name,
                                                          .network_id = network->id,
                                                          .address4 = ip(local),
                                                          .address6 = {},
                                                          .mac = {},
                                                          .aliases = {}});
  }

  model::Socket& listen(std::size_t ns, std::uint16_t port, std::string process,
                        std::string_view at = "0.0.0.0", IpProtocol protocol = IpProtocol::kTcp) {
    model::Socket s;
    s.protocol = protocol;
    s.address = ip(at);
    s.port = Port{port};
    s.inode = ++inode_;
    model::SocketOwner owner;
    owner.pid = static_cast<std::uint32_t>(2000 + inode_);
    owner.command = std::move(process);
    s.owners.push_back(std::move(owner));
    snapshot.namespaces[ns].sockets.push_back(std::move(s));
    return snapshot.namespaces[ns].sockets.back();
  }

  // -p AT:HOST:INSIDE, as Docker 20.10 does it: proxy, DNAT, accept.
  void publish(const Box& box, std::uint16_t host_port, std::uint16_t inside,
               std::string_view at = "0.0.0.0") {
    engine().containers[box.index].published.push_back(
        {IpProtocol::kTcp, Port{inside}, ip(at), Port{host_port}});
    listen(0, host_port, "docker-proxy", at);
    if (ip(at).is_v6()) return;
    const Bytes address(box.address.octets().begin(), box.address.octets().end());
    model::Rule dnat = rule();
    if (at != "0.0.0.0") dnat.statements.emplace_back(is_address(ip(at)));
    add(dnat, is_proto(6));
    add(dnat, is_port(host_port));
    model::Nat nat;
    nat.family = IpFamily::kV4;
    nat.address = model::Term{model::ConstantTerm{address}};
    nat.port = model::Term{model::ConstantTerm{
        {static_cast<std::uint8_t>(inside >> 8), static_cast<std::uint8_t>(inside)}}};
    add(dnat, nat);
    chain("nat", "DOCKER").rules.push_back(std::move(dnat));
    model::Rule accept = rule();
    add(accept, is_address(box.address));
    add(accept, is_proto(6));
    add(accept, is_port(inside));
    add(accept, decide(model::VerdictKind::kAccept));
    chain("filter", "DOCKER")
        .rules.insert(chain("filter", "DOCKER").rules.begin(), std::move(accept));
  }

  // INPUT -i eth0: these ports and answers, nothing else.
  void closed_but_for(std::vector<std::uint16_t> ports,
                      model::NfFamily family = model::NfFamily::kIp) {
    model::Table& t = table("filter", family);
    auto input = std::ranges::find(t.chains, "INPUT", &model::Chain::name);
    if (input == t.chains.end()) {
      t.chains.push_back(base("INPUT", model::Hook::kInput, model::ChainType::kFilter, 0));
      input = t.chains.end() - 1;
    }
    input->rules.push_back(established());
    for (std::uint16_t port : ports) {
      model::Rule r = rule();
      add(r, is_proto(6));
      add(r, is_port(port));
      add(r, decide(model::VerdictKind::kAccept));
      input->rules.push_back(std::move(r));
    }
    model::Rule r = rule();
    add(r, name_is(model::MetaKey::kIifname, "eth0"));
    add(r, decide(model::VerdictKind::kDrop));
    input->rules.push_back(std::move(r));
  }

  // Drops what comes in by eth0 for a container's own address or for 127.0.0.1, as Docker 29 does.
  void no_direct_access(const Box& box) {
    model::Table& t = table("raw", model::NfFamily::kIp);
    if (t.chains.empty())
      t.chains.push_back(
          base("PREROUTING", model::Hook::kPrerouting, model::ChainType::kFilter, -300));
    for (const IpAddress to : {box.address, ip("127.0.0.1")}) {
      model::Rule r = rule();
      add(r, name_is(model::MetaKey::kIifname, "eth0"));
      add(r, is_address(to));
      add(r, decide(model::VerdictKind::kDrop));
      t.chains[0].rules.push_back(std::move(r));
    }
  }

  model::Table& table(std::string_view name, model::NfFamily family = model::NfFamily::kIp) {
    auto& tables = host().ruleset.tables;
    const auto found = std::ranges::find_if(
        tables, [&](const model::Table& t) { return t.name == name && t.family == family; });
    if (found != tables.end()) return *found;
    model::Table t;
    t.family = family;
    t.name = std::string(name);
    tables.push_back(std::move(t));
    return tables.back();
  }
  model::Chain& chain(std::string_view table_name, std::string_view name) {
    return *std::ranges::find(table(table_name).chains, name, &model::Chain::name);
  }

  model::Rule rule() {
    model::Rule r;
    r.handle = ++handle_;
    return r;
  }
  static void add(model::Rule& r, model::Statement s) { r.statements.push_back(std::move(s)); }
  static model::Compare equals(model::Term left, Bytes right,
                               model::CompareOp op = model::CompareOp::kEqual) {
    return {std::move(left), op, std::move(right)};
  }
  static model::Compare name_is(model::MetaKey key, std::string name,
                                model::CompareOp op = model::CompareOp::kEqual) {
    Bytes padded(name.begin(), name.end());
    padded.resize(16);
    return equals({model::MetaTerm{key, 0}}, std::move(padded), op);
  }
  static model::Compare is_proto(std::uint8_t number) {
    return equals({model::MetaTerm{model::MetaKey::kL4proto, 0}}, {number});
  }
  static model::Compare is_port(std::uint16_t port) {
    return equals({model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}},
                  {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port)});
  }
  static model::Compare is_address(IpAddress a) {
    return equals({model::PayloadTerm{model::PayloadBase::kNetwork, a.is_v4() ? 16U : 24U,
                                      a.is_v4() ? 4U : 16U}},
                  Bytes(a.octets().begin(), a.octets().end()));
  }
  static model::Decide decide(model::VerdictKind kind, std::string target = "") {
    model::Verdict v;
    v.kind = kind;
    v.chain = std::move(target);
    return {v};
  }
  static model::Chain base(std::string name, model::Hook hook, model::ChainType type,
                           std::int32_t priority,
                           model::VerdictKind policy = model::VerdictKind::kAccept) {
    model::Chain c;
    c.name = std::move(name);
    c.base = model::BaseChain{hook, type, priority, policy, {}};
    return c;
  }

 private:
  void loopback(std::size_t ns) {
    model::Link& lo = link(ns, "lo", "", 1);
    lo.flags |= 8;
    lo.hw_type = 772;
    lo.mac = {};
    lo.mtu = 65536;
    address(ns, IfIndex{1}, "127.0.0.1", 8);
  }

  void join(std::size_t ns, const model::EngineNetwork& network, std::string_view local,
            bool way_out) {
    const auto bridge = std::ranges::find(host().links, network.bridge, &model::Link::name)->index;
    const IfIndex gateway_of = bridge;
    const std::uint32_t inside_index =
        static_cast<std::uint32_t>(snapshot.namespaces[ns].links.size()) + 1;
    const std::uint32_t outside_index = next_++;
    model::Link& inside = link(ns, "eth" + std::to_string(inside_index - 2), "veth", inside_index);
    inside.peer = IfIndex{outside_index};
    inside.peer_ns = model::NsId{0};
    inside.peer_elsewhere = true;
    model::Link& outside = link(0, "veth" + std::to_string(outside_index), "veth", outside_index);
    outside.peer = IfIndex{inside_index};
    outside.peer_ns = model::NsId{static_cast<std::uint32_t>(ns)};
    outside.peer_elsewhere = true;
    outside.master = gateway_of;
    outside.port = model::BridgePort{};
    address(ns, IfIndex{inside_index}, local, 24);
    if (way_out && !network.internal)
      route(ns, "0.0.0.0/0", IfIndex{inside_index}, network.gateways.front());
  }

  model::Rule established() {
    model::Rule r = rule();
    model::BitwiseTerm state{
        {model::Term{model::CtTerm{model::CtKey::kState, {}, 0}}}, {0x06, 0, 0, 0}, {0, 0, 0, 0}};
    add(r, equals({state}, {0, 0, 0, 0}, model::CompareOp::kNotEqual));
    add(r, decide(model::VerdictKind::kAccept));
    return r;
  }

  void tables() {
    model::Table& filter = table("filter");
    filter.chains.push_back(base("FORWARD", model::Hook::kForward, model::ChainType::kFilter, 0,
                                 model::VerdictKind::kDrop));
    for (const char* name : {"DOCKER-USER", "DOCKER-ISOLATION", "DOCKER"})
      filter.chains.emplace_back().name = name;
    for (const char* name : {"DOCKER-USER", "DOCKER-ISOLATION"}) {
      model::Rule jump = rule();
      add(jump, decide(model::VerdictKind::kJump, name));
      filter.chains[0].rules.push_back(std::move(jump));
    }
    filter.chains[0].rules.push_back(established());
    model::Table& nat = table("nat");
    nat.chains.push_back(
        base("PREROUTING", model::Hook::kPrerouting, model::ChainType::kNat, -100));
    nat.chains.emplace_back().name = "DOCKER";
    model::Rule jump = rule();
    model::FibTerm local;
    local.daddr = true;
    add(jump, equals({local}, {2, 0, 0, 0}));
    add(jump, decide(model::VerdictKind::kJump, "DOCKER"));
    nat.chains[0].rules.push_back(std::move(jump));
  }

  // -o br -j DOCKER; -i br ! -o br ACCEPT; -i br -o br ACCEPT; and isolation from other bridges.
  void forward_rules(const std::string& bridge) {
    model::Chain& forward = chain("filter", "FORWARD");
    model::Rule to_docker = rule();
    add(to_docker, name_is(model::MetaKey::kOifname, bridge));
    add(to_docker, decide(model::VerdictKind::kJump, "DOCKER"));
    forward.rules.push_back(std::move(to_docker));
    model::Rule out = rule();
    add(out, name_is(model::MetaKey::kIifname, bridge));
    add(out, decide(model::VerdictKind::kAccept));
    forward.rules.push_back(std::move(out));
    for (const model::EngineNetwork& other : engine().networks) {
      if (other.bridge == bridge) continue;
      for (const auto& [from, to] :
           {std::pair(bridge, other.bridge), std::pair(other.bridge, bridge)}) {
        model::Rule apart = rule();
        add(apart, name_is(model::MetaKey::kIifname, from));
        add(apart, name_is(model::MetaKey::kOifname, to));
        add(apart, decide(model::VerdictKind::kDrop));
        chain("filter", "DOCKER-ISOLATION").rules.push_back(std::move(apart));
      }
    }
  }

  std::uint32_t next_ = 10;
  std::uint64_t handle_ = 0, inode_ = 0;
};

}  // namespace bulkhead::testing_hosts
