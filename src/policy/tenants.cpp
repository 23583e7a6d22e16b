#include "policy/tenants.h"

#include <algorithm>

namespace bulkhead::policy {
namespace {

std::string label(const model::Container& container, const char* key) {
  const auto found = container.labels.find(key);
  return found == container.labels.end() ? std::string() : found->second;
}

bool belongs(const Tenant& tenant, const model::Container& container) {
  if (std::ranges::find(tenant.containers, container.name) != tenant.containers.end()) return true;
  return !container.project.empty() &&
         std::ranges::find(tenant.projects, container.project) != tenant.projects.end();
}

bool selects(const ServiceSelector& selector, const model::Container& container) {
  if (!selector.project.empty() &&
      (selector.project != container.project || selector.service != container.service)) {
    return false;
  }
  if (!selector.container.empty() && selector.container != container.name) return false;
  return std::ranges::all_of(selector.labels, [&](const auto& wanted) {
    const auto found = container.labels.find(wanted.first);
    return found != container.labels.end() && found->second == wanted.second;
  });
}

// A service that the file does not list is the Compose service (or container) of that name.
bool is_service(const Tenant& tenant, const std::string& name, const model::Container& container) {
  if (name == "*") return true;
  for (const ServiceSelector& selector : tenant.services) {
    if (selector.name == name) return selects(selector, container);
  }
  return container.service == name || container.name == name;
}

bool covers(const std::string& from, const Zone& zone) {
  return from == "internet" || from == zone.name || from == to_string(zone.role);
}

bool covers(const Config& config, const std::string& from, const model::Engine& engine,
            const model::Container& container) {
  if (!from.starts_with("tenant.")) return false;
  const std::size_t slash = from.find('/');
  if (slash == std::string::npos) return false;
  const std::string name = from.substr(7, slash - 7);
  const TenantName owner = tenant_of(config, engine, container);
  if (owner.by != TenantBy::kPolicy || owner.name != name) return false;
  const auto tenant =
      std::ranges::find_if(config.tenants, [&](const Tenant& t) { return t.name == name; });
  return tenant != config.tenants.end() && is_service(*tenant, from.substr(slash + 1), container);
}

}  // namespace

TenantName tenant_of(const Config& config, const model::Engine& engine,
                     const model::Container& container) {
  for (const Tenant& tenant : config.tenants) {
    if (belongs(tenant, container)) return {tenant.name, TenantBy::kPolicy};
  }
  if (!container.project.empty()) return {container.project, TenantBy::kProject};
  if (auto pod = label(container, "io.podman.pod.name"); !pod.empty()) return {pod, TenantBy::kPod};
  if (auto stack = label(container, "com.docker.stack.namespace"); !stack.empty()) {
    return {stack, TenantBy::kStack};
  }
  if (auto name = label(container, "io.kubernetes.pod.namespace"); !name.empty()) {
    return {name, TenantBy::kNamespace};
  }
  static_cast<void>(engine);
  return {container.name, TenantBy::kContainer};
}

const SharedNetwork* shared_network(const Config& config, std::string_view network) {
  for (const Tenant& tenant : config.tenants) {
    for (const SharedNetwork& shared : tenant.networks) {
      if (shared.network == network) return &shared;
    }
  }
  return nullptr;
}

bool declares_ingress(const Config& config, const model::Engine& engine,
                      const model::Container& container, PortSpec container_port,
                      PortSpec host_port, const Zone& zone) {
  const TenantName owner = tenant_of(config, engine, container);
  for (const Tenant& tenant : config.tenants) {
    if (owner.by != TenantBy::kPolicy || tenant.name != owner.name) continue;
    for (const IngressRule& rule : tenant.ingress) {
      const auto ports = [&](PortSpec p) {
        return std::ranges::find(rule.publish, p) != rule.publish.end();
      };
      if (!is_service(tenant, rule.to, container)) continue;
      if (!ports(container_port) && !ports(host_port)) continue;
      if (std::ranges::any_of(rule.from, [&](const auto& f) { return covers(f, zone); }))
        return true;
    }
  }
  return false;
}

bool declares_host_service(const Config& config, PortSpec port, const Zone& zone) {
  return std::ranges::any_of(config.host, [&](const HostRule& rule) {
    return rule.port == port &&
           std::ranges::any_of(rule.from, [&](const auto& f) { return covers(f, zone); });
  });
}

bool declares_host_service(const Config& config, PortSpec port, const model::Engine& engine,
                           const model::Container& container) {
  return std::ranges::any_of(config.host, [&](const HostRule& rule) {
    return rule.port == port && std::ranges::any_of(rule.from, [&](const auto& f) {
             return covers(config, f, engine, container);
           });
  });
}

}  // namespace bulkhead::policy
