#include "audit/cure_suggest.h"

#include <algorithm>
#include <set>
#include <span>

#include "audit/cure_change.h"
#include "audit/cure_rules.h"
#include "verify/attacker.h"

namespace bulkhead::audit {
namespace {

std::string port_text(Port port, IpProtocol protocol) {
  return std::to_string(port.number) + (protocol == IpProtocol::kUdp ? "/udp" : "");
}

template <class T>
void add_once(std::vector<T>& list, T item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(std::move(item));
}

class Suggester {
 public:
  Suggester(const Scene& scene, const ContainerBridges& bridges, const Draft& draft)
      : scene_(scene), draft_(draft), bridges_(bridges) {}

  std::vector<Candidate> run() && {
    suggest();
    return std::move(candidates_);
  }

 private:
  void suggest() {
    if (draft_.finding.beyond) return for_beyond();
    switch (draft_.finding.kind) {
      case Kind::kT1:
      case Kind::kT2:
      case Kind::kT3:
      case Kind::kT4:
      case Kind::kT5:
      case Kind::kFirewallContradicted:
      case Kind::kV4OnlyRule:
      case Kind::kIpv6Unfirewalled:
      case Kind::kLoopbackPublished: return for_service();
      case Kind::kT6: return for_segment();
      case Kind::kEngineSocket: return for_engine_socket();
      case Kind::kHostMode: return for_host_mode();
      case Kind::kDefaultBridge: return for_default_bridge();
      case Kind::kEgress: return for_egress();
      case Kind::kMetadata: return for_metadata();
      case Kind::kManagementNetwork: return for_management();
    }
  }

  void add(Phrase say, std::string short_form, std::string where, std::string paste,
           Change change) {
    if (paste.empty()) return;
    Cure cure;
    cure.say = {say, {{"short", short_form}, {"file", where}}};
    cure.short_form = std::move(short_form);
    cure.where = std::move(where);
    cure.paste = std::move(paste);
    candidates_.push_back({std::move(cure), std::move(change)});
  }

  void add_rules_cure(Phrase say, std::vector<CureRule> rules) {
    if (rules.empty()) return;
    std::string text = nft_text(rules), brief = short_of(rules);
    add(say, std::move(brief), "shell", std::move(text),
        MakeEdits([&snapshot = scene_.snapshot, rules = std::move(rules)] {
          return with_rules(snapshot, rules);
        }));
  }

  // "eth0, docker0 -> 22/tcp": the rules without their syntax.
  static std::string short_of(const std::vector<CureRule>& rules) {
    std::string out;
    for (const CureRule& rule : rules) {
      std::string from, to;
      for (const std::string& name : rule.in) from += (from.empty() ? "" : ", ") + name;
      if (rule.port && rule.protocol)
        to = std::to_string(rule.port->number) + "/" + to_string(*rule.protocol);
      if (rule.destination) to = rule.destination->to_string();
      for (const std::string& name : rule.out) to += (to.empty() ? "" : ", ") + name;
      const std::string one = from + " -> " + to;
      if (out.find(one) == std::string::npos) out += (out.empty() ? "" : "; ") + one;
    }
    return out;
  }

  // The program with which that engine is told what to do.
  std::string command_of(std::string_view engine) const {
    const auto at = std::ranges::find(scene_.snapshot.engines, engine, &model::Engine::name);
    const bool podman =
        at != scene_.snapshot.engines.end() && at->kind == model::EngineKind::kPodman;
    return podman ? "podman" : "docker";
  }
  std::string run_of(std::string_view engine) const { return command_of(engine) + " run"; }
  std::string create(std::string_view engine, const std::string& network) const {
    return command_of(engine) + " network create " + network;
  }
  std::string connect(const Subject& to, const std::string& network,
                      const std::string& name) const {
    return command_of(to.engine) + " network connect " + network + " " + name;
  }
  std::string disconnect(const Subject& to, const std::string& name) const {
    return command_of(to.engine) + " network disconnect " + shell_word(to.network) + " " + name;
  }

  const SeatEntry& seat(const Asked& asked) const { return scene_.inventory.seats[asked.seat]; }

  // On which of the host's bridges a container is.
  std::span<const std::string> bridges_of(const model::Container& container) const {
    const auto at = bridges_.find(&container);
    return at == bridges_.end() ? std::span<const std::string>() : std::span(at->second);
  }

  std::vector<std::string> interfaces_of(const SeatEntry& from) const {
    if (from.zone != nullptr)
      return from.zone->interface.empty() ? std::vector<std::string>{}
                                          : std::vector{from.zone->interface};
    if (from.container == nullptr) return {};
    const auto bridges = bridges_of(*from.container);
    return {bridges.begin(), bridges.end()};
  }

  std::vector<std::string> interfaces_of_all() const {
    std::set<std::string> out;
    for (const Asked& asked : draft_.open) {
      for (std::string& name : interfaces_of(seat(asked))) out.insert(std::move(name));
    }
    return {out.begin(), out.end()};
  }

  // ---------------------------------------------------------------- services
  void for_service() {
    const Service& service = *draft_.service;
    if (only_forged(draft_.finding.reaches)) against_forging();
    if (service.subject.on_host) return for_host_service(service);
    const bool published = std::ranges::any_of(
        draft_.open, [](const Asked& a) { return a.dial.via == Via::kPublished; });
    if (published) {
      publish_on_loopback(service);
      do_not_publish(service);
    }
    std::vector<CureRule> rules = published_rules(service);
    const std::vector<CureRule> routed = routed_rules(service);
    const Phrase say = rules.empty() ? Phrase::kCureDropRouted : Phrase::kCureDropPublished;
    rules.insert(rules.end(), routed.begin(), routed.end());
    add_rules_cure(say, std::move(rules));
    const bool segment = std::ranges::any_of(draft_.open, [&](const Asked& a) {
      return seat(a).container != nullptr && a.dial.via == Via::kDirect;
    });
    if (segment) own_network(service);
  }

  // Ordinary connections are closed already: what is wanted is that nobody forges.
  void against_forging() {
    drop_raw();
    check_sources();
  }

  // With NET_ADMIN, or a neighbour outside, taking NET_RAW away would change nothing.
  void drop_raw() {
    std::vector<const SeatEntry*> from;
    for (const Asked& asked : draft_.open) {
      const SeatEntry& entry = seat(asked);
      if (entry.container == nullptr || !verify::may_forge(*entry.container)) return;
      model::Container without = *entry.container;
      drop_capability(without, "NET_RAW");
      if (verify::may_forge(without)) return;
      add_once(from, &entry);
    }
    std::string names, paste, run;
    for (const SeatEntry* entry : from) {
      const model::Container& c = *entry->container;
      names += (names.empty() ? "" : ", ") + c.name;
      if (c.project.empty() || c.service.empty()) {
        run = run_of(entry->engine->name);
        paste += run + " --cap-drop NET_RAW ... --name " + shell_word(c.name) + "\n";
      } else {
        paste += yaml_word(c.service) + ": {cap_drop: [NET_RAW]}   # under services:\n";
      }
    }
    if (paste.empty()) return;
    paste.pop_back();
    add(Phrase::kCureDropRaw, "NET_RAW of " + names, run.empty() ? "compose.yaml" : run,
        std::move(paste), ChangeCopy([from](model::Snapshot& copy) {
          for (const SeatEntry* entry : from) {
            model::Container* c = same_container(copy, *entry->engine, *entry->container);
            if (c != nullptr) drop_capability(*c, "NET_RAW");
          }
        }));
  }

  void check_sources() {
    std::vector<std::string> names;
    for (const Reach& reach : draft_.finding.reaches) {
      if (!reach.forged || !reach.forged->foreign_source || !reach.to.is_v4()) return;
    }
    for (std::string& name : interfaces_of_all()) names.push_back(std::move(name));
    std::string paste, brief;
    for (const std::string& name : names) {
      const std::string setting = "net.ipv4.conf." + sysctl_name(name) + ".rp_filter=1";
      brief += (brief.empty() ? "" : ", ") + setting;
      paste += (paste.empty() ? "sysctl -w " : "\nsysctl -w ") + shell_word(setting);
    }
    add(Phrase::kCureReversePath, brief, "shell", std::move(paste),
        ChangeCopy([names](model::Snapshot& copy) { check_reverse_path(copy, names); }));
  }

  // sysctl(8): dots in a name are written as slashes.
  static std::string sysctl_name(std::string name) {
    std::ranges::replace(name, '.', '/');
    return name;
  }

  std::vector<const model::PublishedPort*> wide_ports(const Service& service) const {
    std::vector<const model::PublishedPort*> out;
    for (const model::PublishedPort* p : service.published) {
      const bool seen =
          std::ranges::any_of(out, [&](const auto* q) { return q->host_port == p->host_port; });
      if (!p->host_address.is_loopback() && !seen) out.push_back(p);
    }
    return out;
  }

  // The port inside, where it is known.
  static std::string inner_text(const model::PublishedPort& p) {
    if (p.container_port != Port{}) return port_text(p.container_port, p.protocol);
    return p.protocol == IpProtocol::kTcp ? "PORT" : "PORT/" + std::string(to_string(p.protocol));
  }

  void publish_on_loopback(const Service& service) {
    const auto ports = wide_ports(service);
    if (ports.empty()) return;
    std::string list, entries, flags;
    for (const model::PublishedPort* p : ports) {
      const std::string text =
          "127.0.0.1:" + std::to_string(p->host_port.number) + ":" + inner_text(*p);
      list += "      - \"" + text + "\"\n";
      entries += (entries.empty() ? "\"" : ", \"") + text + "\"";
      flags += (flags.empty() ? "-p " : " -p ") + text;
    }
    list.pop_back();
    const MakeEdits change = [&snapshot = scene_.snapshot, &service] {
      return unpublished(snapshot, service, true);
    };
    if (service.container->project.empty()) {
      add(Phrase::kCureLoopback, flags, run_of(service.subject.engine), flags, change);
    } else {
      add(Phrase::kCureLoopback, "ports: [" + entries + "]", "compose.yaml",
          "services:\n  " + yaml_word(service.container->service) + ":\n    ports:\n" + list,
          change);
    }
  }

  void do_not_publish(const Service& service) {
    const auto ports = wide_ports(service);
    const std::optional<Port>& own = service.subject.port;
    if (ports.empty() || !own) return;
    const MakeEdits change = [&snapshot = scene_.snapshot, &service] {
      return unpublished(snapshot, service, false);
    };
    std::string old;
    for (const model::PublishedPort* p : ports) {
      old += (old.empty() ? "" : ", ") + std::to_string(p->host_port.number) + ":" + inner_text(*p);
    }
    const std::string port =
        service.forwarded ? inner_text(*ports.front()) : port_text(*own, service.subject.protocol);
    if (service.container->project.empty()) {
      add(Phrase::kCureUnpublish, "-p " + old, run_of(service.subject.engine),
          "--expose " + port + "   # in place of -p " + old, change);
    } else {
      add(Phrase::kCureUnpublish, "ports: " + old, "compose.yaml",
          "services:\n  " + yaml_word(service.container->service) + ":\n    expose: [\"" + port +
              "\"]   # in place of ports: " + old,
          change);
    }
  }

  std::vector<CureRule> published_rules(const Service& service) const {
    std::vector<CureRule> out;
    for (const Asked& asked : draft_.open) {
      if (asked.dial.via != Via::kPublished) continue;
      CureRule rule;
      rule.hook = CureHook::kPrerouting;
      rule.in = interfaces_of(seat(asked));
      if (rule.in.empty()) continue;
      rule.protocol = service.subject.protocol;
      rule.port = asked.dial.port;
      merge(out, std::move(rule));
    }
    return out;
  }

  // Rules that differ by interface only become one.
  static void merge(std::vector<CureRule>& rules, CureRule rule) {
    for (CureRule& other : rules) {
      CureRule same = rule;
      same.in = other.in;
      if (same != other) continue;
      for (std::string& name : rule.in) add_once(other.in, std::move(name));
      std::ranges::sort(other.in);
      return;
    }
    rules.push_back(std::move(rule));
  }

  // Nobody outside needs to speak to a container's own address.
  std::vector<CureRule> routed_rules(const Service& service) const {
    std::vector<CureRule> out;
    for (const Asked& asked : draft_.open) {
      if (asked.dial.via != Via::kDirect || !seat(asked).is_zone()) continue;
      CureRule rule;
      rule.hook = CureHook::kPrerouting;
      rule.in = interfaces_of(seat(asked));
      if (rule.in.empty()) continue;
      rule.destination = subnet_of(service, asked.dial.to);
      merge(out, std::move(rule));
    }
    return out;
  }

  Prefix subnet_of(const Service& service, IpAddress address) const {
    for (const model::Address& a : scene_.snapshot.namespaces[service.ns.value].addresses) {
      if (a.local == address && a.prefix_length < address.bits())
        return Prefix::covering(address, a.prefix_length);
    }
    return Prefix::single(address);
  }

  void own_network(const Service& service) {
    const std::string name = shell_word(service.subject.container);
    add(Phrase::kCureOwnNetwork, service.subject.container, "shell",
        create(service.subject.engine, "--internal management") + "\n" +
            connect(service.subject, "management", name) +
            "   # then disconnect it from the networks of others",
        {});
  }

  void for_host_service(const Service& service) {
    const bool docker = service.subject.known_as != nullptr &&
                        service.subject.known_as->id.starts_with("docker-api");
    if (docker && service.of_host()) {
      add(Phrase::kCureDaemonHosts, "{ \"hosts\": [\"unix:///var/run/docker.sock\"] }",
          "/etc/docker/daemon.json", "{ \"hosts\": [\"unix:///var/run/docker.sock\"] }",
          MakeEdits([&service] { return silenced(service); }));
    }
    CureRule rule;
    rule.hook = CureHook::kInput;
    rule.in = interfaces_of_all();
    rule.protocol = service.subject.protocol;
    rule.port = service.subject.port;
    if (!rule.in.empty()) add_rules_cure(Phrase::kCureDropInput, {rule});
  }

  // ---------------------------------------------------------------- segments and the engine
  void for_segment() {
    const Subject& subject = draft_.finding.subject;
    std::string paste;
    for (const Move& move : moves_of(scene_, subject.network, subject.engine)) {
      const std::string network = shell_word(move.tenant + "-net");
      paste += (paste.empty() ? "" : "\n") + create(subject.engine, network);
      for (const model::Container* c : move.containers) {
        paste += "\n" + connect(subject, network, shell_word(c->name));
        paste += "\n" + disconnect(subject, shell_word(c->name));
      }
    }
    add(Phrase::kCureSplit, subject.network, "shell", std::move(paste),
        ChangeCopy([&scene = scene_, subject](model::Snapshot& copy) {
          split(copy, scene, subject.network, subject.engine);
        }));
    add(Phrase::kCureShared, "shared: true", "bulkhead.yaml",
        "tenants:\n  " + yaml_word(first_tenant()) + ":\n    networks:\n      " +
            yaml_word(subject.network) + ": {shared: true, reason: \"...\"}",
        {});
  }

  std::string first_tenant() const {
    return draft_.finding.members.empty() ? std::string() : draft_.finding.members.front().tenant;
  }

  void for_engine_socket() {
    const Subject& subject = draft_.finding.subject;
    const ChangeCopy change = [subject](model::Snapshot& copy) {
      for (model::Engine& e : copy.engines) {
        for (model::Container& c : e.containers) {
          if (e.name == subject.engine && c.name == subject.container) c.mounts.clear();
        }
      }
    };
    const std::string source =
        draft_.finding.what.values.empty() ? "" : draft_.finding.what.values.front().second;
    if (subject.project.empty()) {
      add(Phrase::kCureUnmount, "-v " + source, run_of(subject.engine),
          "-e DOCKER_HOST=tcp://socket-proxy:2375   # in place of -v " + shell_word(source) +
              ":...",
          change);
    } else {
      add(Phrase::kCureUnmount, "volumes: " + source, "compose.yaml",
          "services:\n  " + yaml_word(subject.service) +
              ":\n    environment: {DOCKER_HOST: \"tcp://socket-proxy:2375\"}   # and no volume " +
              yaml_word(source),
          change);
    }
  }

  void for_host_mode() {
    const Subject& subject = draft_.finding.subject;
    std::string list, flags;
    for (const Service& s : scene_.inventory.services) {
      if (s.subject.container != subject.container || s.subject.engine != subject.engine) continue;
      const std::optional<Port>& port = s.subject.port;
      if (!port) continue;
      const std::string text =
          std::to_string(port->number) + ":" + port_text(*port, s.subject.protocol);
      list += (list.empty() ? "\"" : ", \"") + text + "\"";
      flags += (flags.empty() ? "-p " : " -p ") + text;
    }
    if (flags.empty()) {
      const bool run = subject.project.empty();
      add(Phrase::kCureNoHostModeQuiet, run ? "--network host" : "network_mode: host",
          run ? run_of(subject.engine) : "compose.yaml",
          run ? "--network bridge   # in place of --network host"
              : "services:\n  " + yaml_word(subject.service) +
                    ":\n    # no network_mode: host; Compose then gives it the project's network",
          {});
    } else if (subject.project.empty()) {
      add(Phrase::kCureNoHostMode, flags, run_of(subject.engine),
          flags + "   # in place of --network host", {});
    } else {
      add(Phrase::kCureNoHostMode, "ports: [" + list + "]", "compose.yaml",
          "services:\n  " + yaml_word(subject.service) + ":\n    ports: [" + list +
              "]   # in place of network_mode: host",
          {});
    }
  }

  void for_default_bridge() {
    std::string paste, names;
    std::size_t shown = 0;
    for (const Subject& m : draft_.finding.members) {
      if (++shown <= 3) names += (names.empty() ? "" : ", ") + m.container;
      if (shown == 4) names += ", ...";
      if (shown > 8) break;
      const std::string name = shell_word(m.container);
      const std::string network = shell_word(m.container + "-net");
      const Subject& bridge = draft_.finding.subject;
      paste += (paste.empty() ? "" : "\n") + create(bridge.engine, network) + "\n" +
               connect(bridge, network, name) + "\n" + disconnect(bridge, name);
    }
    add(Phrase::kCureOwnNetwork, names, "shell", std::move(paste), {});
  }

  // ---------------------------------------------------------------- exits
  std::vector<std::string> container_bridges() const {
    std::set<std::string> out;
    for (const Asked& asked : draft_.open) {
      if (seat(asked).container == nullptr) continue;
      const auto bridges = bridges_of(*seat(asked).container);
      out.insert(bridges.begin(), bridges.end());
    }
    return {out.begin(), out.end()};
  }

  std::vector<std::string> internet_interfaces() const {
    std::vector<std::string> out;
    for (const policy::Zone& z : scene_.oracle.zones()) {
      if (z.role == policy::ZoneRole::kInternet && !z.interface.empty()) add_once(out, z.interface);
    }
    return out;
  }

  void for_egress() {
    CureRule rule;
    rule.hook = CureHook::kForward;
    rule.in = container_bridges();
    rule.out = internet_interfaces();
    if (rule.in.empty() || rule.out.empty()) return;
    // What the engine's `internal` does: nothing leaves, answers of published ports included.
    const std::vector<CureRule> rules{rule};
    rule.new_only = true;
    add_rules_cure(Phrase::kCureDropEgress, {rule});
    add(Phrase::kCureInternal, "internal: true", "compose.yaml",
        "networks:\n  default:\n    internal: true",
        MakeEdits([&snapshot = scene_.snapshot, rules] { return with_rules(snapshot, rules); }));
  }

  // What containers send to each address by which somebody gets there.
  std::vector<CureRule> rules_by_destination() const {
    std::vector<CureRule> rules;
    CureRule rule;
    rule.hook = CureHook::kPrerouting;
    rule.in = container_bridges();
    if (rule.in.empty()) return rules;
    std::set<IpAddress> known;
    for (const Asked& asked : draft_.open) {
      if (!known.insert(asked.dial.to).second) continue;
      rule.destination = Prefix::single(asked.dial.to);
      rules.push_back(rule);
    }
    return rules;
  }

  void for_metadata() { add_rules_cure(Phrase::kCureDropMetadata, rules_by_destination()); }

  // Or to the whole prefix in which the file names it.
  void for_beyond() {
    std::vector<CureRule> rules = rules_by_destination(), each_once;
    for (const policy::ScanTarget& target : scene_.config.scan.targets) {
      if (target.name != draft_.finding.subject.network) continue;
      for (const Prefix& prefix : target.at) {
        if (prefix.length() == prefix.address().bits()) continue;
        for (CureRule& rule : rules) {
          if (prefix.contains(rule.destination->address())) rule.destination = prefix;
        }
      }
    }
    for (CureRule& rule : rules) add_once(each_once, std::move(rule));
    add_rules_cure(Phrase::kCureDropBeyond, std::move(each_once));
  }

  void for_management() {
    CureRule rule;
    rule.hook = CureHook::kForward;
    rule.in = interfaces_of_all();
    for (const policy::Zone& z : scene_.oracle.zones()) {
      if (z.name == draft_.finding.subject.network) rule.out = {z.interface};
    }
    rule.new_only = true;
    if (!rule.in.empty()) add_rules_cure(Phrase::kCureDropManagement, {rule});
  }

  const Scene& scene_;
  const Draft& draft_;
  const ContainerBridges& bridges_;
  std::vector<Candidate> candidates_;
};

}  // namespace

std::vector<Candidate> suggest_cures(const Scene& scene, const ContainerBridges& bridges,
                                     const Draft& draft) {
  return Suggester(scene, bridges, draft).run();
}

}  // namespace bulkhead::audit
