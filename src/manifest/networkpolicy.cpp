#include "manifest/networkpolicy.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "compile/sides.h"
#include "manifest/blocks.h"
#include "manifest/pods.h"
#include "policy/meaning.h"
#include "yaml/emit.h"

namespace bulkhead::manifest {
namespace {

using policy::Line;
using policy::LineKind;
using policy::PortSpec;
using yaml::Tree;

constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";
constexpr std::size_t kLongestObject = 200;

// One entry of `ingress:` or `egress:`.
struct Rule {
  std::vector<Tree> peers;
  std::set<PortSpec> ports;
};

struct Object {
  std::map<std::string, std::string> labels;
  std::vector<Rule> ingress, egress;
};

Tree labels_tree(const std::map<std::string, std::string>& labels) {
  Tree out = Tree::map({});
  for (const auto& [key, value] : labels) out.add(key, Tree::text(value));
  return out;
}

Tree selector_tree(const std::map<std::string, std::string>& labels) {
  return labels.empty() ? Tree::map({}) : Tree::map({{"matchLabels", labels_tree(labels)}});
}

Tree pods_tree(const std::string& ns, const std::map<std::string, std::string>& labels) {
  return Tree::map({{"namespaceSelector", selector_tree({{std::string(kNameLabel), ns}})},
                    {"podSelector", selector_tree(labels)}});
}

Tree block_tree(const Block& block) {
  Tree inside = Tree::map({{"cidr", Tree::text(block.cidr.to_string())}});
  std::vector<Tree> except;
  except.reserve(block.except.size());
  for (const Prefix& p : block.except) except.push_back(Tree::text(p.to_string()));
  if (!except.empty()) inside.add("except", Tree::list(std::move(except)));
  return Tree::map({{"ipBlock", std::move(inside)}});
}

Tree ports_tree(const std::set<PortSpec>& ports) {
  std::vector<Tree> out;
  out.reserve(ports.size());
  for (const PortSpec& p : ports)
    out.push_back(
        Tree::map({{"protocol", Tree::text(p.protocol == IpProtocol::kUdp ? "UDP" : "TCP")},
                   {"port", Tree::number(p.port.number)}}));
  return Tree::list(std::move(out));
}

Tree rules_tree(const std::vector<Rule>& rules, std::string_view side) {
  std::vector<Tree> out;
  out.reserve(rules.size());
  for (const Rule& r : rules)
    out.push_back(
        Tree::map({{std::string(side), Tree::list(r.peers)}, {"ports", ports_tree(r.ports)}}));
  return Tree::list(std::move(out));
}

Tree types_tree(bool ingress, bool egress) {
  std::vector<Tree> out;
  if (ingress) out.push_back(Tree::text("Ingress"));
  if (egress) out.push_back(Tree::text("Egress"));
  return Tree::list(std::move(out));
}

std::string object_text(const std::string& ns, const std::string& name, Tree spec) {
  return "---\n" +
         Tree::map(
             {{"apiVersion", Tree::text("networking.k8s.io/v1")},
              {"kind", Tree::text("NetworkPolicy")},
              {"metadata", Tree::map({{"name", Tree::text(name)}, {"namespace", Tree::text(ns)}})},
              {"spec", std::move(spec)}})
             .emit();
}

// An RFC 1123 subdomain of the word: what it may not hold is "-".
std::string object_name(std::string_view service) {
  std::string out = "bulkhead-";
  for (const char c : service.substr(0, kLongestObject)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    out += is_namespace_name({&lower, 1}) ? lower : '-';
  }
  return out + (out.ends_with('-') ? "0" : "");
}

class PolicyWriter {
 public:
  PolicyWriter(const compile::Input& input, const Cluster& cluster)
      : input_(input), cluster_(cluster) {}

  Result<Manifest> run() {
    namespaces();
    if (held_.empty())
      return fail(ErrorCode::kNotFound,
                  "no tenant in mode enforce has a Kubernetes namespace; name it in projects");
    inside_ = pod_ranges();
    always();
    for (const Line& line : policy::permitted(input_.config, input_.now_ms)) read(line);
    Manifest out;
    out.unsaid = std::move(notes_).take();
    out.files.push_back({"", text(out.unsaid)});
    return out;
  }

 private:
  bool is_held(const policy::Tenant& tenant) const {
    return compile::is_enforced(input_, input_.config.mode_of(tenant));
  }

  // ----------------------------------------------------------------------------- what is of all

  void namespaces() {
    for (const policy::Tenant& tenant : input_.config.tenants) {
      if (!is_held(tenant)) continue;
      const auto of = namespaces_of(input_.config, tenant);
      held_.insert(of.begin(), of.end());
      for (const std::string& name : tenant.projects) {
        if (std::ranges::find(of, name) == of.end())
          notes_.of_all(escape_text(name) + " of tenant " + escape_text(tenant.name) +
                        " is no namespace of its own: nothing is denied there");
      }
      if (!tenant.containers.empty())
        notes_.of_all("containers of tenant " + escape_text(tenant.name) +
                      " that are named one by one: Kubernetes knows pods by labels");
    }
  }

  // Addresses of pods are no ways out: a block that held them would let to other pods.
  std::vector<compile::Range> pod_ranges() const {
    std::vector<Prefix> all = cluster_.pods;
    for (const model::Engine& engine : input_.snapshot.engines) {
      for (const model::EngineNetwork& network : engine.networks)
        all.insert(all.end(), network.subnets.begin(), network.subnets.end());
    }
    std::vector<compile::Range> out;
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      const auto part = compile::ranges_of(all, {}, family);
      out.insert(out.end(), part.begin(), part.end());
    }
    return out;
  }

  void always() {
    notes_.of_all("a plugin of the cluster must hold network policies, or they say nothing");
    notes_.of_all("a pod's own node, and pods in the network of a node (hostNetwork), are let in");
    notes_.of_all("what is forged is for the plugin: policies go by addresses");
    notes_.of_all(
        "the source of what comes in is its sender's with externalTrafficPolicy: Local "
        "only, and counts whatever interface it comes by");
    if (cluster_.pods.empty())
      notes_.of_all(
          "addresses of pods other than those of this host's engines are not known: give "
          "--pods PREFIX, or prefixes of egress and ingress that hold some let to them");
    if (!cluster_.dns)
      notes_.of_all(
          "no pod may ask the cluster's name server, unless a line of egress lets it: "
          "--cluster-dns lets all");
  }

  // -------------------------------------------------------------------------------------- lines

  void read(const Line& line) {
    notes_.of_end(line);
    switch (line.kind) {
      case LineKind::kAllow: return allow(line);
      case LineKind::kIngress: return ingress(line);
      case LineKind::kEgress: return egress(line);
      case LineKind::kHost:
        return notes_.of(line, "services of nodes: network policies are of pods alone");
    }
  }

  // Those that can be selected; the others are noted.
  std::vector<Pods> selected(const Line& line, std::span<const policy::Party> parties) {
    std::vector<Pods> out;
    for (const policy::Party& party : parties) {
      for (Pods& pods : pods_of(input_.config, party)) {
        if (pods.refused.empty()) {
          out.push_back(std::move(pods));
        } else {
          notes_.of(line, escape_text(pods.tenant->name + "/" + pods.service) +
                              " is not let through: " + pods.refused);
        }
      }
    }
    return out;
  }

  static std::vector<Tree> peers(std::span<const Pods> all) {
    std::vector<Tree> out;
    for (const Pods& pods : all) {
      for (const std::string& ns : pods.namespaces) out.push_back(pods_tree(ns, pods.labels));
    }
    return out;
  }

  void add(const Pods& pods, bool in, const Rule& rule) {
    if (!is_held(*pods.tenant) || rule.peers.empty() || rule.ports.empty()) return;
    for (const std::string& ns : pods.namespaces) {
      Object& object = objects_[{ns, pods.service}];
      object.labels = pods.labels;
      (in ? object.ingress : object.egress).push_back(rule);
    }
  }

  void allow(const Line& line) {
    if (policy::names_host(line.from))
      notes_.of(line, "a pod's node reaches every port of it, not only these; other nodes none");
    const auto from = selected(line, line.from), to = selected(line, line.to);
    const std::set<PortSpec> ports(line.ports.begin(), line.ports.end());
    for (const Pods& pods : to) add(pods, true, {peers(from), ports});
    for (const Pods& pods : from) add(pods, false, {peers(to), ports});
  }

  // Of one service: the ports inside that its running containers publish as these.
  std::set<PortSpec> inner_ports(const Line& line, const Pods& pods) {
    std::set<PortSpec> out;
    policy::Party party;
    party.kind = policy::PartyKind::kService;
    party.tenant = pods.tenant->name;
    party.name = pods.service;
    const auto members = input_.bound.members_of(input_.config, party);
    for (const PortSpec& port : line.ports) {
      bool found = false;
      for (const std::size_t m : members) {
        for (const model::PublishedPort& p : input_.bound.members[m].container->published) {
          if (PortSpec{p.host_port, p.protocol} != port) continue;
          out.insert({p.container_port, p.protocol});
          found = true;
        }
      }
      if (!found)
        notes_.of(line, "no container of " + escape_text(party.tenant + "/" + party.name) +
                            " publishes " + to_string(port) +
                            " here, so the port inside is not known: it is closed");
    }
    return out;
  }

  void ingress(const Line& line) {
    Rule rule;
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      std::vector<compile::Range> all;
      for (const policy::Zone& zone : input_.zones) {
        for (const policy::Party& party : line.from) {
          const auto some = compile::senders(input_.config, zone, party, family);
          all.insert(all.end(), some.begin(), some.end());
        }
      }
      add_blocks(rule, std::move(all));
    }
    if (rule.peers.empty())
      notes_.of(line, "nothing is let in: the zones that it names have no prefixes");
    for (const Pods& pods : selected(line, line.to)) {
      rule.ports = inner_ports(line, pods);
      add(pods, true, rule);
    }
  }

  void add_blocks(Rule& rule, std::vector<compile::Range> ranges) const {
    const auto outside = compile::without(compile::merged(std::move(ranges)), inside_);
    for (const Block& block : blocks_of(outside)) rule.peers.push_back(block_tree(block));
  }

  void egress(const Line& line) {
    Rule rule;
    rule.ports.insert(line.ports.begin(), line.ports.end());
    for (const policy::Party& party : line.to) {
      if (party.kind == policy::PartyKind::kDomain)
        notes_.of(line,
                  "network policies know no names: " + escape_text(party.name) + " is closed");
    }
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
      std::vector<compile::Range> all;
      for (const policy::Party& party : line.to) {
        const auto some = compile::destinations(input_.config, input_.zones, party, family);
        all.insert(all.end(), some.begin(), some.end());
      }
      add_blocks(rule, std::move(all));
    }
    for (const Pods& pods : selected(line, line.from)) add(pods, false, rule);
  }

  // --------------------------------------------------------------------------------------- text

  std::string text(const std::vector<Unsaid>& unsaid) const {
    std::string out = head("# Made by bulkhead compile --to networkpolicy from " +
                               escape_text(input_.config.file) + ", for kubectl apply -f.\n",
                           input_.config, unsaid);
    for (const std::string& ns : held_) {
      out += object_text(
          ns, "bulkhead-default-deny",
          Tree::map({{"podSelector", Tree::map({})}, {"policyTypes", types_tree(true, true)}}));
      if (cluster_.dns) out += dns(ns);
    }
    std::set<std::pair<std::string, std::string>> names;
    for (const auto& [key, object] : objects_) {
      const std::string base =
          key.second == "*" ? "bulkhead-every-pod" : object_name("of-" + key.second);
      std::string name = base;
      for (int n = 2; !names.insert({key.first, name}).second; ++n)
        name = base + "-" + std::to_string(n);
      out += object_text(key.first, name, spec(object));
    }
    return out;
  }

  static Tree spec(const Object& object) {
    Tree out =
        Tree::map({{"podSelector", selector_tree(object.labels)},
                   {"policyTypes", types_tree(!object.ingress.empty(), !object.egress.empty())}});
    if (!object.ingress.empty()) out.add("ingress", rules_tree(object.ingress, "from"));
    if (!object.egress.empty()) out.add("egress", rules_tree(object.egress, "to"));
    return out;
  }

  // Where the cluster's name server is (kubernetes.io/docs, DNS for services and pods).
  static std::string dns(const std::string& ns) {
    const Rule rule{{pods_tree("kube-system", {{"k8s-app", "kube-dns"}})},
                    {{Port{53}, IpProtocol::kTcp}, {Port{53}, IpProtocol::kUdp}}};
    return object_text(ns, "bulkhead-cluster-dns",
                       Tree::map({{"podSelector", Tree::map({})},
                                  {"policyTypes", types_tree(false, true)},
                                  {"egress", rules_tree({rule}, "to")}}));
  }

  const compile::Input& input_;
  const Cluster& cluster_;
  Notes notes_;
  std::set<std::string> held_;
  std::vector<compile::Range> inside_;
  std::map<std::pair<std::string, std::string>, Object> objects_;  // by namespace and service
};

}  // namespace

Result<Manifest> network_policies(const compile::Input& input, const Cluster& cluster) {
  return PolicyWriter(input, cluster).run();
}

}  // namespace bulkhead::manifest
