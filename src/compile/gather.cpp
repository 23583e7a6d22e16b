#include "compile/gather.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "compile/destinations.h"
#include "compile/name_servers.h"
#include "compile/sides.h"
#include "model/find.h"
#include "policy/meaning.h"
#include "policy/zones.h"

namespace bulkhead::compile {
namespace {

using policy::Attached;
using policy::Line;
using policy::LineKind;
using policy::Member;
using policy::Party;
using policy::PartyKind;
using policy::PortSpec;
using policy::Zone;

constexpr std::size_t kLongestName = 64;

// "pol" and an address: "inet.pol4".
std::string of_family(std::string_view set, IpFamily family) {
  return "inet." + std::string(set) + (family == IpFamily::kV4 ? "4" : "6");
}

bool is_local_alone(IpAddress a) {
  return a.is_loopback() || a.is_multicast() || (a.is_v6() && a.is_link_local());
}

// An interface of a zone and who may send there.
struct Source {
  Part interface;
  Range range;
};

class Gatherer {
 public:
  explicit Gatherer(const Input& input) : input_(input) {}

  Result<Gathered> run() {
    find_held();
    if (auto s = places(); !s) return std::unexpected(s.error());
    if (auto s = zones(); !s) return std::unexpected(s.error());
    others();
    if (auto s = ways(); !s) return std::unexpected(s.error());
    prefixes();
    proxied();
    for (const Line& line : policy::permitted(input_.config, input_.now_ms)) {
      if (auto s = this->line(line); !s) return std::unexpected(s.error());
      if (out_.elements.size() + asked_ > kMostElements)
        return fail(ErrorCode::kBudget,
                    "the policy needs more than " + std::to_string(kMostElements) + " elements");
    }
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      if (auto s = outward(family); !s) return std::unexpected(s.error());
    }
    if (out_.host_held) {
      strangers_published();
      strangers_inside();
    }
    for (std::string& what : closed_name_servers(input_, out_.held)) note(std::move(what));
    out_.unheld.assign(unheld_.begin(), unheld_.end());
    out_.interfaces.bridges.assign(bridges_.begin(), bridges_.end());
    for (const auto& [link, part] : interfaces_) out_.interfaces.zones.push_back(link);
    return std::move(out_);
  }

 private:
  const model::NetNs& host() const {
    return input_.snapshot.namespaces[input_.snapshot.host.value];
  }
  const std::vector<Member>& members() const { return input_.bound.members; }
  bool is_held(std::size_t member) const { return std::ranges::binary_search(out_.held, member); }
  void note(std::string what) { unheld_.insert(std::move(what)); }
  static std::string named(const Member& m) {
    return "container " + escape_text(m.container->name, kLongestName);
  }

  // ------------------------------------------------------------------------ who is held, and where

  void find_held() {
    for (std::size_t i = 0; i < members().size(); ++i) {
      const Member& m = members()[i];
      const policy::Mode mode = input_.config.mode_of(input_.config.tenants[m.tenant]);
      if (!is_enforced(input_, mode)) continue;
      if (!m.unheld.empty()) {
        out_.apart.push_back(named(m) + ": " + m.unheld);
        note(out_.apart.back());
      }
      if (!m.attached.empty()) out_.held.push_back(i);
    }
    out_.host_held = is_enforced(input_, input_.config.mode) && !input_.config.host.empty();
  }

  Status places() {
    std::set<IfIndex> ports;
    for (const std::size_t i : out_.held) {
      for (const Attached& a : members()[i].attached) {
        auto port = interface_part(a.port_name);
        auto bridge = interface_part(a.bridge_name);
        if (!port) return std::unexpected(port.error());
        if (!bridge) return std::unexpected(bridge.error());
        ports.insert(a.port);
        bridges_.insert(a.bridge);
        place(a, *port, *bridge);
      }
    }
    for (const model::Link& link : host().links) {
      if (bridges_.contains(link.master) && !ports.contains(link.index)) cut_off(link);
    }
    return {};
  }

  void place(const Attached& a, const Part& port, const Part& bridge) {
    Elements& e = out_.elements;
    e.add("bridge.ports", {port});
    e.add("arp.mbr", {bridge});
    e.add("inet.mbr", {bridge});
    for (const IpAddress& address : a.addresses) {
      if (address.is_v4()) {
        e.add("bridge.src4", {index(a.port), frame_part(a.mac, IpFamily::kV4), raw_part(address)});
        e.add("bridge.dst4", {index(a.port), mac_part(a.mac), raw_part(address)});
        e.add("bridge.p4", {port, mac_part(a.mac), address_part(address)});
        e.add("arp.nb", {bridge, mac_part(a.mac), address_part(address)});
      } else {
        e.add("bridge.src6",
              {index(a.port), frame_part(a.mac, IpFamily::kV6), address_part(address)});
        e.add("bridge.dst6", {index(a.port), mac_part(a.mac), address_part(address)});
        e.add("bridge.p6", {port, mac_part(a.mac), address_part(address)});
        e.add("bridge.pnd", {port, raw_part(address)});
      }
      peer(port, address);
    }
    for (const model::Address& own : host().addresses) {
      if (own.link == a.bridge) peer(port, own.local);
    }
  }

  [[nodiscard]] Part index(IfIndex of) const {
    return index_part(of, input_.snapshot.little_endian);
  }

  // Who may ask for whom on the segment, and answer.
  void peer(const Part& port, IpAddress address) {
    if (address.is_v4()) {
      out_.elements.add("bridge.peer4", {port, address_part(address)});
    } else {
      out_.elements.add("bridge.peer6", {port, address_part(address)});
      out_.elements.add("bridge.peernd", {port, raw_part(address)});
    }
  }

  // Somebody on a held bridge who is not held: all that he sends there is dropped.
  void cut_off(const model::Link& link) {
    const model::Link* bridge = model::find_link(host(), link.master);
    std::string who = "interface " + escape_text(link.name, kLongestName);
    for (std::size_t i = 0; i < members().size(); ++i) {
      for (const Attached& a : members()[i].attached) {
        if (a.port == link.index) who = named(members()[i]) + " (not in mode enforce)";
      }
    }
    note(who + " is cut off on " +
         escape_text(bridge == nullptr ? "" : bridge->name, kLongestName) +
         ", which it shares with containers that are held");
  }

  void prefixes() {
    std::vector<Prefix> all;
    for (const model::Address& a : host().addresses) {
      if (bridges_.contains(a.link)) all.push_back(Prefix::covering(a.local, a.prefix_length));
    }
    for (const model::Engine& engine : input_.snapshot.engines) {
      for (const model::EngineNetwork& network : engine.networks) {
        const bool held = std::ranges::any_of(host().links, [&](const model::Link& l) {
          return bridges_.contains(l.index) && l.name == network.bridge;
        });
        if (held) all.insert(all.end(), network.subnets.begin(), network.subnets.end());
      }
    }
    std::erase_if(all, [](const Prefix& p) { return is_local_alone(p.address()); });
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      for (const Range& r : ranges_of(all, {}, family))
        out_.elements.add(of_family("pfx", family), {range_part(r)});
    }
  }

  // -------------------------------------------------------------------------------------- zones

  Status zones() {
    for (const Zone& zone : input_.zones) {
      if (!zone.link || bridges_.contains(zone.link)) continue;
      auto part = interface_part(zone.interface);
      if (!part) return std::unexpected(part.error());
      out_.elements.add("inet.zones", {*part});
      if (out_.host_held) out_.elements.add("inet.hostzones", {*part});
      interfaces_.emplace(zone.link, *std::move(part));
    }
    return {};
  }

  // Bridges of engines, and those of members that are not held. What is in no set came later.
  void others() {
    std::set<IfIndex> known;
    for (const Member& m : members()) {
      for (const Attached& a : m.attached) known.insert(a.bridge);
    }
    for (const model::Link& link : host().links) {
      if (bridges_.contains(link.index) || interfaces_.contains(link.index)) continue;
      const bool made =
          !link.master && policy::made_by_engine(input_.snapshot, input_.snapshot.host, link);
      if (!made && !known.contains(link.index)) continue;
      if (auto part = interface_part(link.name)) {
        out_.elements.add("inet.others", {*std::move(part)});
        out_.interfaces.others.push_back(link.index);
      } else {
        note(part.error().message +
             ": what comes from there counts as from an interface that nobody "
             "knows");
      }
    }
    if (!out_.host_held) return;
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6})
      out_.elements.add("inet.hostheld", {family_part(family)});
  }

  // What each interface is, and each pair of them between which most packets go: a zone is no
  // bridge of ours.
  Status ways() {
    Elements& e = out_.elements;
    for (const model::Link& link : host().links) {
      if (!bridges_.contains(link.index)) continue;
      auto name = interface_part(link.name);
      if (!name) return std::unexpected(name.error());
      e.add_goto("inet.places", {*name}, "pre_mbr");
      const Part bridge = index(link.index);
      way(bridge, bridge, "w_in");
      for (const auto& [zone, part] : interfaces_) {
        way(bridge, index(zone), "w_egr");
        way(index(zone), bridge, "w_ing");
      }
    }
    const auto loopback = interface_part("lo");
    if (!loopback) return std::unexpected(loopback.error());
    e.add_goto("inet.places", {*loopback}, "pre_lo");
    for (const auto& [link, zone] : interfaces_) {
      if (zone.text != loopback->text) e.add_goto("inet.places", {zone}, "pre_zone");
    }
    return {};
  }

  void way(const Part& from, const Part& to, const std::string& chain) {
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6})
      out_.elements.add_goto("inet.ways", {family_part(family), from, to},
                             chain + (family == IpFamily::kV4 ? "4" : "6"));
  }

  [[nodiscard]] std::vector<Source> sources(std::span<const Party> parties, IpFamily family) const {
    std::vector<Source> out;
    for (const Zone& zone : input_.zones) {
      const auto interface = interfaces_.find(zone.link);
      if (interface == interfaces_.end()) continue;
      for (const Party& party : parties) {
        for (const Range& r : senders(input_.config, zone, party, family))
          out.push_back({interface->second, r});
      }
    }
    return out;
  }

  // -------------------------------------------------------------------------------------- lines

  Status line(const Line& line) {
    switch (line.kind) {
      case LineKind::kAllow: return allow(line);
      case LineKind::kIngress: return ingress(line);
      case LineKind::kEgress: egress(line); return {};
      case LineKind::kHost: return host_service(line);
    }
    return {};
  }

  [[nodiscard]] std::vector<std::size_t> members_of(std::span<const Party> parties) const {
    return input_.bound.members_of(input_.config, parties);
  }

  static std::vector<IpAddress> addresses(const Member& m) {
    std::vector<IpAddress> out;
    for (const Attached& a : m.attached) {
      for (const IpAddress& address : a.addresses) {
        if (!is_local_alone(address)) out.push_back(address);
      }
    }
    return out;
  }

  Status allow(const Line& line) {
    const std::vector<std::size_t> to = members_of(line.to), from = members_of(line.from);
    for (const std::size_t b : to) {
      for (const std::size_t a : from) {
        if (a == b || (!is_held(a) && !is_held(b))) continue;
        if (!is_held(a))
          note(named(members()[a]) +
               " is not in mode enforce: nothing proves that packets with "
               "its address are its own");
        pair(members()[a], members()[b], line.ports);
        if (auto s = neighbours(members()[a], members()[b]); !s) return s;
      }
      if (policy::names_host(line.from) && is_held(b)) {
        if (auto s = to_container("hst", members()[b], line.ports); !s) return s;
      }
    }
    return {};
  }

  void pair(const Member& a, const Member& b, std::span<const PortSpec> ports) {
    for (const IpAddress& source : addresses(a)) {
      for (const IpAddress& target : addresses(b)) {
        if (source.family() != target.family()) continue;
        for (const PortSpec& port : ports)
          out_.elements.add(of_family("pol", source.family()),
                            {address_part(source), address_part(target),
                             protocol_part(port.protocol), port_part(port.port)});
      }
    }
  }

  // On one bridge, partners may find each other.
  Status neighbours(const Member& a, const Member& b) {
    for (const Attached& x : a.attached) {
      for (const Attached& y : b.attached) {
        if (x.bridge != y.bridge) continue;
        auto from = interface_part(x.port_name), to = interface_part(y.port_name);
        if (!from || !to) return std::unexpected((from ? to : from).error());
        for (const IpAddress& address : y.addresses) peer(*from, address);
        for (const IpAddress& address : x.addresses) peer(*to, address);
      }
    }
    return {};
  }

  // From the host, by the bridge on which it is, and by lo, for which the kernel takes it when a
  // published port was dialled at an address of the host's own.
  Status to_container(std::string_view set, const Member& m, std::span<const PortSpec> ports) {
    for (const Attached& a : m.attached) {
      for (const std::string_view by : {std::string_view(a.bridge_name), std::string_view("lo")}) {
        auto interface = interface_part(by);
        if (!interface) return std::unexpected(interface.error());
        for (const IpAddress& address : a.addresses) {
          if (is_local_alone(address)) continue;
          for (const PortSpec& port : ports)
            out_.elements.add(of_family(set, address.family()),
                              {*interface, address_part(address), protocol_part(port.protocol),
                               port_part(port.port)});
        }
      }
    }
    return {};
  }

  // The host's addresses at which a published port is dialled.
  [[nodiscard]] std::vector<IpAddress> dialled(const model::PublishedPort& port) const {
    if (!port.host_address.is_unspecified()) {
      if (port.host_address.is_loopback()) return {};
      return {port.host_address};
    }
    std::vector<IpAddress> out;
    for (const model::Address& a : host().addresses) {
      if (a.local.family() == port.host_address.family() && !is_local_alone(a.local))
        out.push_back(a.local);
    }
    return out;
  }

  // Where the proxy listens at every address, every address counts: link-local ones, and those that
  // the host will get.
  void proxied() {
    for (const std::size_t i : out_.held) {
      for (const model::PublishedPort& p : members()[i].container->published) {
        const Prefix at = p.host_address.is_unspecified() ? Prefix::all(p.host_address.family())
                                                          : Prefix::single(p.host_address);
        out_.elements.add(of_family("prx", p.host_address.family()),
                          {range_part({at.first(), at.last()}), protocol_part(p.protocol),
                           port_part(p.host_port)});
      }
    }
  }

  Status ingress(const Line& line) {
    for (const std::size_t i : members_of(line.to)) {
      if (!is_held(i)) continue;
      for (const model::PublishedPort& p : members()[i].container->published) {
        const PortSpec asked{p.host_port, p.protocol};
        if (std::ranges::find(line.ports, asked) == line.ports.end()) continue;
        if (auto s = open_published(members()[i], p, line.from); !s) return s;
      }
    }
    return {};
  }

  Status open_published(const Member& m, const model::PublishedPort& p,
                        std::span<const Party> from) {
    Elements& e = out_.elements;
    for (const IpAddress& at : dialled(p)) {
      for (const Source& source : sources(from, at.family()))
        e.add(of_family("ing", at.family()),
              {source.interface, range_part(source.range), address_part(at),
               protocol_part(p.protocol), port_part(p.host_port)});
    }
    const std::string twin = p.protocol == IpProtocol::kTcp ? "t" : "u";
    for (const IpAddress& inside : addresses(m)) {
      for (const Source& source : sources(from, inside.family()))
        e.add(of_family("in", inside.family()) + twin,
              {source.interface, range_part(source.range), port_part(p.host_port),
               address_part(inside), port_part(p.container_port)});
    }
    const PortSpec inside{p.container_port, p.protocol};
    return to_container("pub", m, {&inside, 1});  // for the engine's proxy
  }

  [[nodiscard]] std::vector<Range> beyond(const Party& party, IpFamily family) {
    if (party.kind == PartyKind::kDomain)
      note("egress to " + escape_text(party.name, kLongestName) +
           " is closed: names are not resolved yet; list prefixes until they are");
    return destinations(input_.config, input_.zones, party, family);
  }

  void egress(const Line& line) {
    for (const std::size_t i : members_of(line.from)) {
      if (!is_held(i)) continue;
      for (const IpAddress& source : addresses(members()[i])) {
        for (const Party& party : line.to) {
          for (const Range& r : beyond(party, source.family())) {
            std::set<Right>& rights = (source.is_v4() ? egress4_ : egress6_)[r];
            for (const PortSpec& port : line.ports)
              asked_ += rights.insert({source, port.protocol, port.port}).second ? 1 : 0;
          }
        }
      }
    }
  }

  // The groups of destinations: who may go to each, and which addresses are in it.
  Status outward(IpFamily family) {
    const bool v4 = family == IpFamily::kV4;
    auto found = groups(v4 ? egress4_ : egress6_, kMostElements);
    if (!found) return std::unexpected(found.error());
    for (std::size_t i = 0; i < found->size(); ++i) {
      const std::string number = "_" + std::to_string(i);
      for (const Right& right : (*found)[i].rights)
        out_.elements.add(
            of_family("egr", family) + number,
            {address_part(right.from), protocol_part(right.protocol), port_part(right.port)});
      for (const Range& range : (*found)[i].ranges)
        out_.elements.add_goto(of_family("dst", family), {range_part(range)},
                               (v4 ? "to4" : "to6") + number);
    }
    (v4 ? out_.groups4 : out_.groups6) = found->size();
    return {};
  }

  void open_host(const Part& interface, const Range& range, const PortSpec& port) {
    out_.elements.add(
        of_family("host", range.first.family()),
        {interface, range_part(range), protocol_part(port.protocol), port_part(port.port)});
  }

  // By interfaces that come later, too.
  void open_to_all(IpFamily family, const PortSpec& port) {
    out_.elements.add("inet.hostall",
                      {family_part(family), protocol_part(port.protocol), port_part(port.port)});
  }

  Status host_service(const Line& line) {
    const PortSpec& port = line.ports.front();
    if (out_.host_held) {
      const bool everybody = std::ranges::any_of(line.from, policy::is_everybody);
      for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
        if (everybody) open_to_all(family, port);
        for (const Source& source : sources(line.from, family))
          open_host(source.interface, source.range, port);
      }
    }
    for (const std::size_t i : members_of(line.from)) {
      if (!is_held(i)) continue;
      for (const Attached& a : members()[i].attached) {
        auto bridge = interface_part(a.bridge_name);
        if (!bridge) return std::unexpected(bridge.error());
        for (const IpAddress& address : a.addresses) {
          if (!is_local_alone(address)) open_host(*bridge, {address, address}, port);
        }
      }
    }
    return {};
  }

  // Published ports of those who are not held stay as they are: a proxy answers on the host.
  void strangers_published() {
    for (const model::Engine& engine : input_.snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (!engine.local || c.state != "running" || holds(c)) continue;
        for (const model::PublishedPort& p : c.published) {
          // At the loopback nobody else reaches it: at that port of other addresses somebody else
          // may listen.
          if (p.host_port.number == 0 || p.host_address.is_loopback()) continue;
          open_to_all(p.host_address.family(), {p.host_port, p.protocol});
          for (const auto& [link, interface] : interfaces_) {
            const Prefix all = Prefix::all(p.host_address.family());
            open_host(interface, {all.first(), all.last()}, {p.host_port, p.protocol});
          }
        }
      }
    }
  }

  // The host's services are closed to zones and to held containers. What an engine's own resolver
  // and others answer to those on other bridges is not known here, so it stays.
  void strangers_inside() {
    constexpr std::size_t kMostNamed = 5;
    std::set<std::string> networks;
    for (const model::Engine& engine : input_.snapshot.engines) {
      for (const model::Container& c : engine.containers) {
        if (!engine.local || c.state != "running" || holds(c)) continue;
        for (const model::Attachment& a : c.attachments) {
          if (!is_managed(engine, a.network)) networks.insert(escape_text(a.network, kLongestName));
        }
      }
    }
    if (networks.empty()) return;
    std::string names;
    std::size_t named = 0;
    for (const std::string& network : networks) {
      if (++named <= kMostNamed) names += (names.empty() ? "" : ", ") + network;
    }
    if (named > kMostNamed) names += " and " + std::to_string(named - kMostNamed) + " more";
    note("the services of the host are open to containers on " + names +
         ", as they were: nobody there is held");
  }
  // Whether that network's bridge has held containers.
  bool is_managed(const model::Engine& engine, const std::string& network) const {
    const auto at = std::ranges::find(engine.networks, network, &model::EngineNetwork::name);
    if (at == engine.networks.end()) return false;
    const auto link = std::ranges::find(host().links, at->bridge, &model::Link::name);
    return link != host().links.end() && bridges_.contains(link->index);
  }
  bool holds(const model::Container& c) const {
    return std::ranges::any_of(out_.held,
                               [&](std::size_t i) { return members()[i].container == &c; });
  }

  const Input& input_;
  Gathered out_;
  std::set<IfIndex> bridges_;
  std::map<IfIndex, Part> interfaces_;  // of zones
  Rights egress4_, egress6_;
  std::size_t asked_ = 0;  // rights in them
  std::set<std::string> unheld_;
};

}  // namespace

Result<Gathered> gather(const Input& input) {
  if (input.snapshot.host.value >= input.snapshot.namespaces.size())
    return fail(ErrorCode::kInvalidInput, "the snapshot holds no network namespace of the host");
  return Gatherer(input).run();
}

}  // namespace bulkhead::compile
