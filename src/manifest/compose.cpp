#include "manifest/compose.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "manifest/cliques.h"
#include "manifest/published.h"
#include "manifest/units.h"
#include "policy/meaning.h"
#include "policy/port_list.h"
#include "yaml/emit.h"

namespace bulkhead::manifest {
namespace {

using policy::Line;
using policy::LineKind;
using yaml::Tree;

constexpr std::size_t kLongestName = 48;
constexpr int kMakesIpv6Prefixes = 27;      // Docker Engine, without being told which
constexpr std::size_t kUsualPrefixes = 31;  // of 172.17.0.0/12 and 192.168.0.0/16, by default
constexpr std::string_view kNetworkKey = "com.docker.compose.network";

struct Network {
  std::string name;  // the key in the file; of several projects its name, too
  std::vector<std::size_t> units;
  bool internal = true, outside = false;  // outside: of several projects, made beforehand
};

std::string joined(std::span<const policy::Party> parties) {
  std::string out;
  for (const policy::Party& p : parties)
    out += (out.empty() ? "" : ", ") + escape_text(policy::to_string(p));
  return out;
}

int major_version(std::string_view version) {
  int out = 0;
  for (const char c : version.substr(0, 4)) {
    if (c < '0' || c > '9') break;
    out = out * 10 + (c - '0');
  }
  return out;
}

class Composer {
 public:
  explicit Composer(const compile::Input& input) : input_(input), units_(input, notes_) {}

  Result<Manifest> run() {
    if (std::ranges::none_of(units_.all(), &Unit::held))
      return fail(ErrorCode::kNotFound,
                  "no service of a Compose project is in a tenant in mode enforce; write mode: "
                  "enforce, or give --enforce for those in mode audit");
    always();
    for (const Line& line : policy::permitted(input_.config, input_.now_ms)) read(line);
    networks();
    if (networks_.size() > kMostNetworks)
      return fail(ErrorCode::kBudget, "the policy needs more than " +
                                          std::to_string(kMostNetworks) +
                                          " networks: let services of more lines be one");
    if (networks_.size() > kUsualPrefixes)
      notes_.of_all("it makes " + std::to_string(networks_.size()) +
                    " networks, and Docker has prefixes for some " +
                    std::to_string(kUsualPrefixes) +
                    ": give it more, smaller ones (default-address-pools)");
    return write();
  }

 private:
  using Key = std::pair<const model::Engine*, std::string>;  // of a project

  // -------------------------------------------------------------------------------------- lines

  void always() {
    notes_.of_all(
        "what the Compose file sets for a service on a network (ipv4_address, ipv6_address, "
        "mac_address) is not taken over, only its aliases: nothing may rely on a fixed address");
    notes_.of_all("services that did not run when the host was read are not in it");
    notes_.of_all("who shares a network can forge there what it likes (ARP, sources, raw frames)");
    notes_.of_all("what the host itself listens on is open at the gateway of each network");
    notes_.of_all(
        "the host reaches all containers, and so does who routes through it to their "
        "addresses, before Docker 28");
  }

  // Into whose file a line belongs: of those at its ends; what names no project, into all.
  void place(const Line& line) {
    const auto at = std::pair(line.clause->place.line, line.clause->place.column);
    for (const auto parties : {line.from, line.to}) {
      for (const std::size_t m : input_.bound.members_of(input_.config, parties)) {
        const std::string& project = input_.bound.members[m].container->project;
        places_[is_compose_name(project) ? project : ""].insert(at);
      }
    }
    if (line.kind == LineKind::kHost) places_[""].insert(at);
  }

  void read(const Line& line) {
    place(line);
    notes_.of_end(line);
    switch (line.kind) {
      case LineKind::kAllow: return allow(line);
      case LineKind::kIngress: return ingress(line);
      case LineKind::kEgress: return egress(line);
      case LineKind::kHost:
        return notes_.of(line, "Compose has no word for who reaches services of the host");
    }
  }

  void allow(const Line& line) {
    if (policy::names_host(line.from))
      notes_.of(line, "the host reaches every port, not only " + policy::ports_text(line.ports));
    bool any = false;
    for (const std::size_t b : units_.of(line, line.to, notes_)) {
      for (const std::size_t a : units_.of(line, line.from, notes_)) any = pair(line, a, b) || any;
    }
    if (any)
      notes_.of(line, "every port is open, both ways: not only " + policy::ports_text(line.ports) +
                          " of " + joined(line.to));
  }

  bool pair(const Line& line, std::size_t a, std::size_t b) {
    const Unit &x = units_.all()[a], &y = units_.all()[b];
    if (a == b || (!x.held && !y.held)) return false;
    if (x.engine != y.engine) {
      notes_.of(line, x.text() + " and " + y.text() + " are of two engines: no network joins them");
      return false;
    }
    (x.tenant == y.tenant ? within_ : across_).insert({std::min(a, b), std::max(a, b)});
    return true;
  }

  void ingress(const Line& line) {
    bool any = false;
    for (const std::size_t u : units_.of(line, line.to, notes_)) {
      if (!units_.all()[u].held) continue;
      outward_.insert(u);
      any = true;
    }
    if (!any) return;
    note_ingress(input_, line, notes_);
    notes_.of(line, "a network on which ports are published lets its services out, too");
    notes_.of(line,
              "containers on other networks reach a published port at the host's addresses, "
              "through the engine's proxy");
  }

  void egress(const Line& line) {
    bool any = false;
    for (const std::size_t u : units_.of(line, line.from, notes_)) {
      if (!units_.all()[u].held) continue;
      outward_.insert(u);
      any = true;
    }
    if (any)
      notes_.of(line, "every address and port beyond the host is open, not only " +
                          joined(line.to) + " " + policy::ports_text(line.ports));
  }

  // ----------------------------------------------------------------------------------- networks

  void networks() {
    for (const auto& group : groups_of(within_)) join(group);
    for (const auto& [a, b] : across_) join({a, b});
    for (std::size_t u = 0; u < units_.all().size(); ++u) {
      const Unit& unit = units_.all()[u];
      if (!unit.held) continue;
      if (unit.members.size() > 1)
        notes_.of_all("containers of " + unit.text() + " share its networks, and reach each other");
      if (outward_.contains(u)) {
        networks_.push_back({named("bh-" + unit.service + "-out", unit.project), {u}, false});
      } else if (std::ranges::none_of(networks_, [&](const Network& n) {
                   return std::ranges::find(n.units, u) != n.units.end();
                 })) {
        networks_.push_back({named("bh-" + unit.service + "-alone", unit.project), {u}});
      }
    }
  }

  void join(const std::vector<std::size_t>& group) {
    const Unit& first = units_.all()[group.front()];
    const bool outside = std::ranges::any_of(
        group, [&](std::size_t u) { return units_.all()[u].project != first.project; });
    std::string name = "bh";
    for (const std::size_t u : group) {
      const Unit& unit = units_.all()[u];
      name += "-" + (outside ? unit.project + "." + unit.service : unit.service);
    }
    if (name.size() > kLongestName)
      name = "bh-" + (outside ? first.project + "." + first.service : first.service) + "-and-" +
             std::to_string(group.size() - 1) + "-more";
    networks_.push_back({named(name, outside ? "" : first.project), group, true, outside});
  }

  // Not used yet in that project; "": in any.
  std::string named(const std::string& wanted, const std::string& project) {
    std::string out = wanted;
    for (int n = 2; !names_.insert({project, out}).second; ++n)
      out = wanted + "-" + std::to_string(n);
    return out;
  }

  [[nodiscard]] std::vector<const Network*> networks_of(std::size_t unit) const {
    std::vector<const Network*> out;
    for (const Network& n : networks_) {
      if (std::ranges::find(n.units, unit) != n.units.end()) out.push_back(&n);
    }
    return out;
  }

  [[nodiscard]] bool has_ipv6(std::size_t unit) const {
    return std::ranges::any_of(units_.all()[unit].members, [&](std::size_t m) {
      return std::ranges::any_of(input_.bound.members[m].container->attachments,
                                 [](const auto& a) { return a.address6.has_value(); });
    });
  }

  // -------------------------------------------------------------------------------------- files

  Result<Manifest> write() {
    std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> projects;
    for (std::size_t u = 0; u < units_.all().size(); ++u) {
      const Unit& unit = units_.all()[u];
      if (unit.held || !networks_of(u).empty())
        projects[{unit.project, unit.engine->name}].push_back(u);
    }
    std::map<std::string, std::string> bodies, made;
    for (const auto& [key, units] : projects) {
      if (bodies.contains(key.first))
        return fail(ErrorCode::kUnsupported, "two engines have a project " + key.first +
                                                 "; read one of them alone with --engine");
      bodies[key.first] = body(units);
      made[key.first] = made_from(key.first, units);
    }
    Manifest out;
    for (const Network& n : networks_) {
      if (n.outside) out.networks.push_back(n.name);
    }
    std::ranges::sort(out.networks);
    out.unsaid = std::move(notes_).take();
    for (const auto& [project, text] : bodies)
      out.files.push_back(
          {project, head(made[project], input_.config, unsaid_of(project, out.unsaid)) + text});
    return out;
  }

  std::vector<Unsaid> unsaid_of(const std::string& project, std::vector<Unsaid> all) {
    std::erase_if(all, [&](const Unsaid& u) {
      const auto at = std::pair(u.place.line, u.place.column);
      return u.place.line != 0 && !places_[project].contains(at) && !places_[""].contains(at);
    });
    return all;
  }

  std::string made_from(const std::string& project, const std::vector<std::size_t>& units) const {
    std::string out = "# Made by bulkhead compile --to compose from " +
                      escape_text(input_.config.file) + ", of project " + project +
                      ". For Compose 2.24.4 or later:\n";
    for (const Network& n : networks_) {
      const bool here = std::ranges::any_of(
          units, [&](std::size_t u) { return std::ranges::find(n.units, u) != n.units.end(); });
      if (n.outside && here)
        out += "#   docker network create --internal" +
               std::string(wants_ipv6(n) ? " --ipv6" : "") + " " + n.name + "\n";
    }
    return out + "#   docker compose -f compose.yaml -f bulkhead.override.yaml up -d\n";
  }

  std::string body(const std::vector<std::size_t>& units) {
    Tree services = Tree::map({}), networks = Tree::map({});
    std::set<std::string> defined;
    for (const std::size_t u : units) {
      services.add(units_.all()[u].service, service(u));
      for (const Network* n : networks_of(u)) {
        if (defined.insert(n->name).second) networks.add(n->name, definition(*n));
      }
    }
    return Tree::map({{"services", services}, {"networks", networks}}).emit();
  }

  Tree service(std::size_t u) {
    const Unit& unit = units_.all()[u];
    Tree out = Tree::map({}), joined = Tree::map({});
    if (!unit.held) {
      for (const std::string& key : present_keys(unit)) joined.add(key, Tree::map({}));
    }
    for (const Network* n : networks_of(u)) joined.add(n->name, aliases(unit));
    if (!unit.held) {
      out.add("networks", joined);
      return out;
    }
    if (is_on_default_bridge(unit)) out.add("network_mode", Tree::null().tagged("!reset"));
    out.add("networks", std::move(joined).tagged("!override"));
    std::vector<Tree> ports;
    for (const std::string& p : ports_of(input_, unit, notes_)) ports.push_back(Tree::text(p));
    const std::string_view tag = ports.empty() ? "!reset" : "!override";
    out.add("ports", Tree::list(std::move(ports)).tagged(tag));
    return out;
  }

  // The other names under which it is known now; the service's own is known everywhere.
  Tree aliases(const Unit& unit) {
    std::set<std::string> names;
    for (const std::size_t m : unit.members) {
      const model::Container& c = *input_.bound.members[m].container;
      for (const model::Attachment& a : c.attachments)
        names.insert(a.aliases.begin(), a.aliases.end());
    }
    for (const std::size_t m : unit.members) {
      const model::Container& c = *input_.bound.members[m].container;
      std::erase_if(names, [&](const std::string& n) {
        return n == unit.service || n == c.name || c.id.starts_with(n);
      });
    }
    std::vector<Tree> out;
    for (const std::string& n : names) {
      if (is_compose_name(n)) {
        out.push_back(Tree::text(n));
      } else {
        notes_.of_all("an alias of " + unit.text() + " is not taken over: " + escape_text(n));
      }
    }
    return out.empty() ? Tree::map({}) : Tree::map({{"aliases", Tree::list(std::move(out))}});
  }

  // The keys in its Compose file of the networks on which it is.
  std::set<std::string> present_keys(const Unit& unit) {
    std::set<std::string> out;
    for (const std::size_t m : unit.members) {
      for (const model::Attachment& a : input_.bound.members[m].container->attachments) {
        const auto network =
            std::ranges::find(unit.engine->networks, a.network, &model::EngineNetwork::name);
        if (network == unit.engine->networks.end()) continue;
        const auto key = network->labels.find(std::string(kNetworkKey));
        if (key != network->labels.end() && is_compose_name(key->second)) out.insert(key->second);
      }
    }
    if (out.empty()) out.insert("default");
    return out;
  }

  [[nodiscard]] bool is_on_default_bridge(const Unit& unit) const {
    return std::ranges::any_of(unit.members, [&](std::size_t m) {
      const std::string& mode = input_.bound.members[m].container->network_mode;
      return mode == "bridge" || mode == "default";
    });
  }

  [[nodiscard]] bool wants_ipv6(const Network& n) const {
    const std::string& version = units_.all()[n.units.front()].engine->version;
    return major_version(version) >= kMakesIpv6Prefixes &&
           std::ranges::any_of(n.units, [&](std::size_t u) { return has_ipv6(u); });
  }

  Tree definition(const Network& n) {
    const bool six = std::ranges::any_of(n.units, [&](std::size_t u) { return has_ipv6(u); });
    if (six && !wants_ipv6(n))
      notes_.of_all("network " + n.name +
                    " has IPv4 only: give it enable_ipv6 and a subnet of IPv6 (before Docker 27 no "
                    "prefix is made for it)");
    if (n.outside)
      return Tree::map({{"external", Tree::truth(true)}, {"name", Tree::text(n.name)}});
    Tree out = Tree::map({});
    if (n.internal) out.add("internal", Tree::truth(true));
    if (wants_ipv6(n)) out.add("enable_ipv6", Tree::truth(true));
    return out;
  }

  const compile::Input& input_;
  Notes notes_;
  Units units_;
  std::set<Pair> within_, across_;  // may talk: of one tenant, of two
  std::set<std::size_t> outward_;   // have an egress or an ingress line
  std::vector<Network> networks_;
  std::set<std::pair<std::string, std::string>> names_;
  std::map<std::string, std::set<std::pair<std::uint32_t, std::uint32_t>>> places_;  // by project
};

}  // namespace

Result<Manifest> compose(const compile::Input& input) {
  if (input.snapshot.host.value >= input.snapshot.namespaces.size())
    return fail(ErrorCode::kInvalidInput, "the snapshot holds no network namespace of the host");
  return Composer(input).run();
}

}  // namespace bulkhead::manifest
