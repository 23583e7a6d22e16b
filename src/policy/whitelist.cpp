#include "policy/whitelist.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "policy/nearest.h"

namespace bulkhead::policy {
namespace {

using Keys = std::span<const std::string_view>;

constexpr std::array<std::string_view, 4> kHostKeys{"port", "from", "why", "expires"};
constexpr std::array<std::string_view, 9> kTenantKeys{
    "mode", "projects", "containers", "like", "services", "networks", "ingress", "egress", "allow"};
constexpr std::array<std::string_view, 7> kServiceKeys{
    "compose", "label", "container", "image", "pod", "kubernetes", "expect"};
constexpr std::array<std::string_view, 2> kNetworkKeys{"shared", "reason"};
constexpr std::array<std::string_view, 5> kIngressKeys{"to", "publish", "from", "why", "expires"};
constexpr std::array<std::string_view, 5> kFlowKeys{"from", "to", "port", "why", "expires"};
constexpr std::array<std::string_view, 1> kDomainKeys{"fqdn"};
constexpr std::array<std::string_view, 7> kNeverKeys{"from", "to",  "except", "port",
                                                     "both", "why", "expires"};
constexpr std::array<std::string_view, 5> kTestKeys{"from", "to", "expect", "why", "expires"};
constexpr std::array<std::string_view, 2> kExpectations{"allow", "deny"};
constexpr std::size_t kLongestDomain = 253;

// "a/b" with something on both sides.
bool split(std::string_view word, std::string& left, std::string& right) {
  const std::size_t slash = word.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == word.size()) return false;
  left = std::string(word.substr(0, slash));
  right = std::string(word.substr(slash + 1));
  return true;
}

// Whether all these keys are there, and say something: what is wrong with what they say has been
// complained of by its reader.
bool has_all(const yaml::Node& item, std::initializer_list<std::string_view> keys) {
  return std::ranges::all_of(keys, [&](std::string_view key) {
    return std::ranges::any_of(item.entries, [&](const yaml::Entry& e) {
      const bool something = e.value.kind == yaml::NodeKind::kScalar ? !e.value.is_null()
                             : e.value.kind == yaml::NodeKind::kList ? !e.value.items.empty()
                                                                     : !e.value.entries.empty();
      return e.key == key && something;
    });
  });
}

// What all readers of this file share.
struct Context {
  const Names& names;
  Reader& reader;
  std::string_view tenant = {};

  std::vector<Party> parties(const yaml::Node& node, std::string_view what,
                             std::uint8_t possible) const {
    std::vector<Party> out;
    for (const Word& word : reader.words(node, what)) {
      if (auto party = read_party(names, reader, word, {possible, tenant}))
        out.push_back(*std::move(party));
    }
    return out;
  }
};

// ------------------------------------------------------------------------------------- services

void read_compose(const yaml::Node& node, Reader& reader, ServiceSelector& selector) {
  const std::string word = reader.text(node, "compose");
  if (split(word, selector.project, selector.service)) return;
  if (word.find('/') == std::string::npos) {
    selector.service = word;
    return;
  }
  reader.complain(node.place,
                  quoted(word) + " does not name a Compose service; write PROJECT/SERVICE");
}

void read_kubernetes(const yaml::Node& node, Reader& reader, ServiceSelector& selector) {
  const std::string word = reader.text(node, "kubernetes");
  if (!split(word, selector.kube_namespace, selector.kube_container))
    reader.complain(node.place,
                    quoted(word) + " names no Kubernetes container; write NAMESPACE/CONTAINER");
}

bool selects_nothing(const ServiceSelector& s) {
  return s.service.empty() && s.labels.empty() && s.container.empty() && s.image.empty() &&
         s.pod.empty() && s.kube_container.empty();
}

void read_service(const yaml::Entry& entry, Reader& reader, Tenant& tenant) {
  if (!reader.is(entry.value, yaml::NodeKind::kMap, "a service")) return;
  if (entry.key.find_first_of("/:*") != std::string::npos)
    reader.complain(entry.key_place, "the name of service " + quoted(entry.key) +
                                         " must not hold '/', ':' or '*'; take another");
  ServiceSelector selector;
  selector.name = entry.key;
  selector.place = entry.key_place;
  for (const yaml::Entry& field : entry.value.entries) {
    if (field.key == "compose") {
      read_compose(field.value, reader, selector);
    } else if (field.key == "label") {
      reader.each(field.value, "label", [&](const yaml::Entry& e) {
        selector.labels[e.key] = reader.text(e.value, "a label");
      });
    } else if (field.key == "container") {
      selector.container = reader.text(field.value, "container");
    } else if (field.key == "image") {
      selector.image = reader.text(field.value, "image");
    } else if (field.key == "pod") {
      selector.pod = reader.text(field.value, "pod");
    } else if (field.key == "kubernetes") {
      read_kubernetes(field.value, reader, selector);
    } else if (field.key == "expect") {
      selector.expect = reader.ports(field.value, "expect");
    } else {
      reader.unknown_key(field, "a service", kServiceKeys);
    }
  }
  if (selects_nothing(selector)) {
    reader.complain(entry.key_place,
                    "service " + quoted(entry.key) +
                        " selects nothing; write compose: PROJECT/SERVICE, label:, image:, pod:, "
                        "kubernetes: or container:");
  }
  tenant.services.push_back(std::move(selector));
}

void read_network(const yaml::Entry& entry, Reader& reader, Tenant& tenant) {
  if (!reader.is(entry.value, yaml::NodeKind::kMap, "a network")) return;
  SharedNetwork network{entry.key, ""};
  bool shared = false;
  for (const yaml::Entry& field : entry.value.entries) {
    if (field.key == "shared") {
      shared = reader.truth(field.value, "shared");
    } else if (field.key == "reason") {
      network.reason = reader.text(field.value, "reason");
    } else {
      reader.unknown_key(field, "a network", kNetworkKeys);
    }
  }
  if (shared && network.reason.empty()) {
    reader.complain(entry.key_place,
                    "network " + quoted(entry.key) + " is shared without a reason; add reason: …");
  }
  if (shared) tenant.networks.push_back(std::move(network));
}

// ---------------------------------------------------------------------------------------- rules

void read_ingress(const yaml::Node& item, const Context& context, Tenant& tenant) {
  Reader& reader = context.reader;
  if (!reader.is(item, yaml::NodeKind::kMap, "an ingress rule")) return;
  IngressRule rule;
  rule.clause.place = item.place;
  for (const yaml::Entry& field : item.entries) {
    if (field.key == "to") {
      rule.to = context.parties(field.value, "to", kOwnServices);
    } else if (field.key == "publish") {
      rule.publish = reader.ports(field.value, "publish");
    } else if (field.key == "from") {
      rule.from = context.parties(field.value, "from", kZones | kTrusts);
    } else if (!reader.clause(field, rule.clause)) {
      reader.unknown_key(field, "an ingress rule", kIngressKeys);
    }
  }
  if (!has_all(item, {"to", "publish", "from"}))
    reader.complain(item.place, "an ingress rule needs to:, publish: and from:");
  tenant.ingress.push_back(std::move(rule));
}

// Letters, digits, '-', '_' and dots; "*." may stand in front.
bool is_domain(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.empty() || name.size() > kLongestDomain || name.front() == '.' || name.back() == '.' ||
      name.find("..") != std::string_view::npos)
    return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

// {fqdn: [NAME, …]}
void read_domains(const yaml::Node& node, Reader& reader, std::vector<Party>& out) {
  for (const yaml::Entry& field : node.entries) {
    if (field.key != "fqdn") {
      reader.unknown_key(field, "to", kDomainKeys);
      continue;
    }
    std::vector<Word> names = reader.words(field.value, "fqdn");
    if (names.empty()) reader.complain(field.value.place, "fqdn names nobody; write fqdn: [NAME]");
    for (Word& word : names) {
      if (!is_domain(word.text))
        reader.complain(word.place, quoted(word.text) +
                                        " is no domain name; write api.example.org or "
                                        "\"*.example.org\"");
      Party party;
      party.kind = PartyKind::kDomain;
      party.name = party.text = std::move(word.text);
      party.place = word.place;
      out.push_back(std::move(party));
    }
  }
}

void read_egress(const yaml::Node& item, const Context& context, Tenant& tenant) {
  Reader& reader = context.reader;
  if (!reader.is(item, yaml::NodeKind::kMap, "an egress rule")) return;
  EgressRule rule;
  rule.clause.place = item.place;
  for (const yaml::Entry& field : item.entries) {
    if (field.key == "from") {
      rule.from = context.parties(field.value, "from", kOwnServices);
    } else if (field.key == "to" && field.value.kind == yaml::NodeKind::kMap) {
      read_domains(field.value, reader, rule.to);
    } else if (field.key == "to") {
      rule.to = context.parties(field.value, "to", kZones | kTrusts | kPrefixes);
    } else if (field.key == "port") {
      rule.ports = reader.ports(field.value, "port");
    } else if (!reader.clause(field, rule.clause)) {
      reader.unknown_key(field, "an egress rule", kFlowKeys);
    }
  }
  if (!has_all(item, {"from", "to", "port"}))
    reader.complain(item.place, "an egress rule needs from:, to: and port:");
  tenant.egress.push_back(std::move(rule));
}

void read_allow(const yaml::Node& item, const Context& context, Tenant& tenant) {
  Reader& reader = context.reader;
  if (!reader.is(item, yaml::NodeKind::kMap, "an allow rule")) return;
  AllowRule rule;
  rule.clause.place = item.place;
  for (const yaml::Entry& field : item.entries) {
    if (field.key == "from") {
      rule.from = context.parties(field.value, "from", kOwnServices | kServices | kTheHost);
    } else if (field.key == "to") {
      rule.to = context.parties(field.value, "to", kOwnServices);
    } else if (field.key == "port") {
      rule.ports = reader.ports(field.value, "port");
    } else if (!reader.clause(field, rule.clause)) {
      reader.unknown_key(field, "an allow rule", kFlowKeys);
    }
  }
  if (!has_all(item, {"from", "to", "port"}))
    reader.complain(item.place,
                    "an allow rule needs from:, to: and port:; it stands with the tenant that is "
                    "reached");
  tenant.allow.push_back(std::move(rule));
}

// --------------------------------------------------------------------------------------- tenants

void read_tenant_key(const yaml::Entry& field, const Context& context, Tenant& tenant) {
  Reader& reader = context.reader;
  if (field.key == "mode") {
    tenant.mode = reader.mode(field.value);
  } else if (field.key == "projects") {
    tenant.projects = reader.plain_words(field.value, "projects");
  } else if (field.key == "containers") {
    tenant.containers = reader.plain_words(field.value, "containers");
  } else if (field.key == "like") {
    tenant.like = reader.text(field.value, "like");
  } else if (field.key == "services") {
    reader.each(field.value, "services",
                [&](const yaml::Entry& e) { read_service(e, reader, tenant); });
  } else if (field.key == "networks") {
    reader.each(field.value, "networks",
                [&](const yaml::Entry& e) { read_network(e, reader, tenant); });
  } else if (field.key == "ingress") {
    reader.each_item(field.value, "ingress",
                     [&](const yaml::Node& item) { read_ingress(item, context, tenant); });
  } else if (field.key == "egress") {
    reader.each_item(field.value, "egress",
                     [&](const yaml::Node& item) { read_egress(item, context, tenant); });
  } else if (field.key == "allow") {
    reader.each_item(field.value, "allow",
                     [&](const yaml::Node& item) { read_allow(item, context, tenant); });
  } else {
    reader.unknown_key(field, "a tenant", kTenantKeys);
  }
}

void read_tenant(const yaml::Entry& entry, const Names& names, Reader& reader, Config& config) {
  Tenant tenant;
  tenant.name = entry.key;
  tenant.place = entry.key_place;
  if (entry.key.find_first_of("/:*") != std::string::npos)
    reader.complain(entry.key_place, "the name of tenant " + quoted(entry.key) +
                                         " must not hold '/', ':' or '*'; take another and write "
                                         "projects: [NAME]");
  const Context context{names, reader, entry.key};
  if (!entry.value.is_null()) {
    if (!reader.is(entry.value, yaml::NodeKind::kMap, "a tenant")) return;
    for (const yaml::Entry& field : entry.value.entries) read_tenant_key(field, context, tenant);
  }
  if (tenant.projects.empty() && tenant.containers.empty()) tenant.projects.push_back(entry.key);
  config.tenants.push_back(std::move(tenant));
}

// What is written without a tenant means the one in which it stands.
void move_to(std::string_view tenant, std::vector<Party>& parties) {
  for (Party& party : parties) {
    if (party.own) party.tenant = std::string(tenant);
  }
}

template <class Rule>
void copy_rules(const std::vector<Rule>& from, std::string_view tenant, std::vector<Rule>& to) {
  for (Rule rule : from) {
    move_to(tenant, rule.from);
    move_to(tenant, rule.to);
    to.push_back(std::move(rule));
  }
}

void copy_like(const Tenant& from, Tenant& to) {
  for (const ServiceSelector& service : from.services) {
    const bool own = std::ranges::any_of(
        to.services, [&](const ServiceSelector& s) { return s.name == service.name; });
    if (!own) to.services.push_back(service);
  }
  if (!to.mode) to.mode = from.mode;
  copy_rules(from.ingress, to.name, to.ingress);
  copy_rules(from.egress, to.name, to.egress);
  copy_rules(from.allow, to.name, to.allow);
}

std::size_t size_of(const Tenant& tenant) {
  return tenant.services.size() + tenant.ingress.size() + tenant.egress.size() +
         tenant.allow.size();
}

// ------------------------------------------------------------------------------ never and tests

void read_never_rule(const yaml::Node& item, const Context& context, Config& config) {
  constexpr std::uint8_t kAnybody = kZones | kTrusts | kServices | kTheHost;
  Reader& reader = context.reader;
  if (!reader.is(item, yaml::NodeKind::kMap, "a never rule")) return;
  NeverRule rule;
  rule.clause.place = item.place;
  for (const yaml::Entry& field : item.entries) {
    if (field.key == "from") {
      rule.from = context.parties(field.value, "from", kAnybody);
    } else if (field.key == "to") {
      rule.to = context.parties(field.value, "to", kZones | kServices | kTheHost | kHostServices);
    } else if (field.key == "except") {
      rule.except = context.parties(field.value, "except", kAnybody);
    } else if (field.key == "port") {
      rule.ports = reader.ports(field.value, "port");
    } else if (field.key == "both") {
      rule.both = reader.truth(field.value, "both");
    } else if (!reader.clause(field, rule.clause)) {
      reader.unknown_key(field, "a never rule", kNeverKeys);
    }
  }
  if (!has_all(item, {"from", "to"}))
    reader.complain(item.place, "a never rule needs from: and to:");
  config.never.push_back(std::move(rule));
}

// TENANT/SERVICE:8080, TENANT/SERVICE:53/udp, host:22, host.ssh
void read_test_target(const yaml::Node& node, const Context& context, TestRule& rule) {
  constexpr std::uint8_t kTargets = kServices | kTheHost | kHostServices | kPrefixes;
  Word word{context.reader.text(node, "to"), node.place};
  if (word.text.empty()) return;
  const bool bracketed = word.text.starts_with('[');
  const std::size_t colon = word.text.rfind(bracketed ? "]:" : ":");
  if (colon != std::string::npos) {
    const std::string port = word.text.substr(colon + (bracketed ? 2 : 1));
    if (auto spec = context.reader.port({port, node.place})) rule.port = *spec;
    word.text = word.text.substr(bracketed ? 1 : 0, bracketed ? colon - 1 : colon);
  }
  if (auto party = read_party(context.names, context.reader, word, {kTargets, {}}))
    rule.to = *std::move(party);
  const bool single = rule.to.kind != PartyKind::kPrefix ||
                      rule.to.prefix.length() == rule.to.prefix.address().bits();
  const bool needs_port = rule.to.kind != PartyKind::kHostService;
  if (!single || (needs_port && rule.port.port.number == 0))
    context.reader.complain(node.place, quoted(node.scalar) +
                                            " is no target of a test; write TENANT/SERVICE:8080, "
                                            "host:22, host.SERVICE or ADDRESS:443");
}

void read_test(const yaml::Node& item, const Context& context, Config& config) {
  Reader& reader = context.reader;
  if (!reader.is(item, yaml::NodeKind::kMap, "a test")) return;
  TestRule rule;
  rule.clause.place = item.place;
  bool has_from = false, has_to = false, has_expect = false;
  for (const yaml::Entry& field : item.entries) {
    if (field.key == "from") {
      has_from = true;
      auto parties = context.parties(field.value, "from", kZones | kTrusts | kServices | kTheHost);
      if (parties.size() == 1) rule.from = std::move(parties.front());
      if (field.value.kind != yaml::NodeKind::kScalar)
        reader.complain(field.value.place, "a test is from one place; write one test for each");
    } else if (field.key == "to") {
      has_to = true;
      read_test_target(field.value, context, rule);
    } else if (field.key == "expect") {
      const std::string word = reader.text(field.value, "expect");
      has_expect = true;
      rule.allow = word == kExpectations.front();
      if (std::ranges::find(kExpectations, word) == kExpectations.end())
        reader.complain(field.value.place,
                        "unknown expectation " + quoted(word) + suggestion(word, kExpectations));
    } else if (!reader.clause(field, rule.clause)) {
      reader.unknown_key(field, "a test", kTestKeys);
    }
  }
  if (!has_from || !has_to || !has_expect)
    reader.complain(item.place, "a test needs from:, to: and expect: allow or deny");
  config.tests.push_back(std::move(rule));
}

void read_host_service(const yaml::Entry& entry, const Context& context, Config& config) {
  Reader& reader = context.reader;
  if (!reader.is(entry.value, yaml::NodeKind::kMap, "a service of the host")) return;
  HostRule rule;
  rule.name = entry.key;
  rule.clause.place = entry.key_place;
  for (const yaml::Entry& field : entry.value.entries) {
    if (field.key == "port") {
      if (auto spec = reader.port({reader.text(field.value, "port"), field.value.place}))
        rule.port = *spec;
    } else if (field.key == "from") {
      rule.from = context.parties(field.value, "from", kZones | kTrusts | kServices);
    } else if (!reader.clause(field, rule.clause)) {
      reader.unknown_key(field, "a service of the host", kHostKeys);
    }
  }
  if (rule.port.port.number == 0) {
    reader.complain(entry.key_place,
                    "host service " + quoted(entry.key) + " has no port; write port: 22/tcp");
  }
  config.host.push_back(std::move(rule));
}

}  // namespace

void read_host(const yaml::Node& node, const Names& names, Reader& reader, Config& config) {
  const Context context{names, reader};
  reader.each(node, "host", [&](const yaml::Entry& e) { read_host_service(e, context, config); });
}

void read_tenants(const yaml::Node& node, const Names& names, Reader& reader, Config& config) {
  reader.each(node, "tenants",
              [&](const yaml::Entry& e) { read_tenant(e, names, reader, config); });
}

void read_never(const yaml::Node& node, const Names& names, Reader& reader, Config& config) {
  const Context context{names, reader};
  reader.each_item(node, "never",
                   [&](const yaml::Node& item) { read_never_rule(item, context, config); });
}

void read_tests(const yaml::Node& node, const Names& names, Reader& reader, Config& config) {
  const Context context{names, reader};
  reader.each_item(node, "tests",
                   [&](const yaml::Node& item) { read_test(item, context, config); });
}

void copy_likes(Reader& reader, Config& config) {
  std::map<std::string_view, const Tenant*> known;
  for (const Tenant& tenant : config.tenants) known.emplace(tenant.name, &tenant);
  std::size_t rules = 0;
  for (const Tenant& tenant : config.tenants) rules += size_of(tenant);
  for (Tenant& tenant : config.tenants) {
    if (tenant.like.empty()) continue;
    const auto found = known.find(tenant.like);
    if (found == known.end() || found->second == &tenant || !found->second->like.empty()) {
      reader.complain(tenant.place, "tenant " + quoted(tenant.name) + " is like " +
                                        quoted(tenant.like) +
                                        ", which is no other tenant with rules of its own");
      continue;
    }
    rules += size_of(*found->second);
    if (rules > kMostRules) {
      reader.complain(tenant.place, "too many rules: " + std::to_string(kMostRules) +
                                        " at most, copies by like: counted");
      return;
    }
    copy_like(*found->second, tenant);
  }
}

}  // namespace bulkhead::policy
