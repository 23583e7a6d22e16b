#include "manifest/pods.h"

#include <algorithm>

#include "base/text.h"

namespace bulkhead::manifest {
namespace {

constexpr std::size_t kLongestLabel = 63, kLongestDomainName = 253;

bool is_lower(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alphanumeric(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

// A name of a label, or its value: letters and digits at both ends, and "-_." between them.
bool is_label_word(std::string_view text) {
  return !text.empty() && text.size() <= kLongestLabel && is_alphanumeric(text.front()) &&
         is_alphanumeric(text.back()) && std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
         });
}

// Of a label's key, before the slash.
bool is_domain_name(std::string_view text) {
  if (text.empty() || text.size() > kLongestDomainName) return false;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('.'));
    if (!is_namespace_name(part)) return false;
    if (part.size() == text.size()) return true;
    text.remove_prefix(part.size() + 1);
  }
  return false;
}

bool is_label(const std::string& key, const std::string& value) {
  const std::size_t slash = key.find('/');
  const bool named = slash == std::string::npos
                         ? is_label_word(key)
                         : is_domain_name(std::string_view(key).substr(0, slash)) &&
                               is_label_word(std::string_view(key).substr(slash + 1));
  return named && (value.empty() || is_label_word(value));
}

// What else than labels a service is told by; "": nothing.
std::string_view told_otherwise(const policy::ServiceSelector& s) {
  if (!s.service.empty()) return "compose";
  if (!s.container.empty()) return "container";
  if (!s.image.empty()) return "image";
  if (!s.pod.empty()) return "pod";
  if (!s.kube_container.empty()) return "kubernetes";
  return "";
}

void select(Pods& pods) {
  const policy::Tenant& tenant = *pods.tenant;
  const auto selector =
      std::ranges::find(tenant.services, pods.service, &policy::ServiceSelector::name);
  if (selector == tenant.services.end()) {
    pods.refused = "it is known by its Compose name alone; tell it by label: {KEY: VALUE}";
  } else if (const auto by = told_otherwise(*selector); !by.empty()) {
    pods.refused = "it is told by " + std::string(by) +
                   ", by which Kubernetes selects no pods; tell it by label: {KEY: VALUE} alone";
  } else if (std::ranges::any_of(selector->labels,
                                 [](const auto& l) { return !is_label(l.first, l.second); })) {
    pods.refused = "its label is none that Kubernetes would take";
  } else {
    pods.labels = selector->labels;
  }
}

Pods pods_in(const policy::Config& config, const policy::Tenant& tenant,
             const std::string& service) {
  Pods out{&tenant, service, namespaces_of(config, tenant), {}, ""};
  if (out.namespaces.empty()) {
    out.refused = "no name in projects of tenant " + escape_text(tenant.name) +
                  " is that of a namespace of its own";
  } else if (service != "*") {
    select(out);
  }
  return out;
}

}  // namespace

bool is_namespace_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestLabel && is_lower(name.front()) &&
         is_lower(name.back()) &&
         std::ranges::all_of(name, [](char c) { return is_lower(c) || c == '-'; });
}

std::vector<std::string> namespaces_of(const policy::Config& config, const policy::Tenant& tenant) {
  std::vector<std::string> out;
  for (const std::string& name : tenant.projects) {
    const auto owner = std::ranges::find_if(config.tenants, [&](const policy::Tenant& t) {
      return std::ranges::find(t.projects, name) != t.projects.end();
    });
    if (&*owner == &tenant && is_namespace_name(name)) out.push_back(name);
  }
  return out;
}

std::vector<Pods> pods_of(const policy::Config& config, const policy::Party& party) {
  std::vector<Pods> out;
  if (party.kind != policy::PartyKind::kService) return out;
  for (const policy::Tenant& tenant : config.tenants) {
    if (party.tenant != "*" && party.tenant != tenant.name) continue;
    const bool has = party.name == "*" || party.tenant != "*" ||
                     std::ranges::find(tenant.services, party.name,
                                       &policy::ServiceSelector::name) != tenant.services.end();
    if (has) out.push_back(pods_in(config, tenant, party.name));
  }
  return out;
}

}  // namespace bulkhead::manifest
