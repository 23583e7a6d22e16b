#include "policy/tenants.h"

#include <algorithm>
#include <array>

#include "policy/meaning.h"

namespace bulkhead::policy {
namespace {

constexpr const char* kPodmanPod = "io.podman.pod.name";
constexpr const char* kStack = "com.docker.stack.namespace";
constexpr const char* kKubePod = "io.kubernetes.pod.name";
constexpr const char* kKubeNamespace = "io.kubernetes.pod.namespace";
constexpr const char* kKubeContainer = "io.kubernetes.container.name";

std::string label(const model::Container& container, const char* key) {
  const auto found = container.labels.find(key);
  return found == container.labels.end() ? std::string() : found->second;
}

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return !name.empty() && std::ranges::find(names, name) != names.end();
}

bool belongs(const Tenant& tenant, const model::Container& container) {
  if (is_one_of(tenant.containers, container.name)) return true;
  if (!container.project.empty()) return is_one_of(tenant.projects, container.project);
  return std::ranges::any_of(std::array{kPodmanPod, kStack, kKubeNamespace}, [&](const char* key) {
    return is_one_of(tenant.projects, label(container, key));
  });
}

// "docker.io/library/postgres:16@sha256:…" is "docker.io/library/postgres". A colon before a slash
// belongs to a registry's port.
std::string_view repository(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t colon = image.rfind(':');
  if (colon == std::string_view::npos || image.find('/', colon) != std::string_view::npos)
    return image;
  return image.substr(0, colon);
}

bool selects_image(const ServiceSelector& selector, const model::Container& container) {
  return selector.image.empty() || selector.image == container.image ||
         selector.image == repository(container.image);
}

bool selects_pod(const ServiceSelector& selector, const model::Container& container) {
  if (!selector.pod.empty() && selector.pod != label(container, kPodmanPod) &&
      selector.pod != label(container, kKubePod))
    return false;
  return selector.kube_container.empty() ||
         (selector.kube_namespace == label(container, kKubeNamespace) &&
          selector.kube_container == label(container, kKubeContainer));
}

bool selects(const ServiceSelector& selector, const model::Container& container) {
  if (!selector.service.empty() && selector.service != container.service) return false;
  if (!selector.project.empty() && selector.project != container.project) return false;
  if (!selector.container.empty() && selector.container != container.name) return false;
  if (!selects_image(selector, container) || !selects_pod(selector, container)) return false;
  return std::ranges::all_of(selector.labels, [&](const auto& wanted) {
    const auto found = container.labels.find(wanted.first);
    return found != container.labels.end() && found->second == wanted.second;
  });
}

bool covers(const Party& from, const Zone& zone) {
  return names_zone(from, zone) || is_everybody(from);
}

bool covers(const Config& config, const Party& from, const model::Engine& engine,
            const model::Container& container) {
  if (from.kind != PartyKind::kService) return false;
  const TenantName owner = tenant_of(config, engine, container);
  if (owner.by != TenantBy::kPolicy || (from.tenant != "*" && owner.name != from.tenant))
    return false;
  const Tenant* tenant = config.tenant(owner.name);
  return tenant != nullptr && is_service(*tenant, from.name, container);
}

bool holds(std::span<const Prefix> prefixes, const IpAddress& address) {
  return std::ranges::any_of(prefixes, [&](const Prefix& p) { return p.contains(address); });
}

bool covers(const Config& config, std::span<const Zone> zones, const Party& to,
            const IpAddress& address) {
  if (to.kind == PartyKind::kPrefix) return to.prefix.contains(address);
  if (to.kind == PartyKind::kTrust) {
    const TrustGroup* group = config.group(to.name);
    return group != nullptr && holds(group->prefixes, address);
  }
  return std::ranges::any_of(zones, [&](const Zone& zone) {
    return names_zone(to, zone) && holds(zone.prefixes, address) && !holds(zone.excluded, address);
  });
}

}  // namespace

bool is_service(const Tenant& tenant, std::string_view name, const model::Container& container) {
  if (name == "*") return true;
  for (const ServiceSelector& selector : tenant.services) {
    if (selector.name == name) return selects(selector, container);
  }
  return tenant.services.empty() && (container.service == name || container.name == name);
}

TenantName tenant_of(const Config& config, const model::Engine& engine,
                     const model::Container& container) {
  for (const Tenant& tenant : config.tenants) {
    if (belongs(tenant, container)) return {tenant.name, TenantBy::kPolicy};
  }
  if (!container.project.empty()) return {container.project, TenantBy::kProject};
  if (auto pod = label(container, kPodmanPod); !pod.empty()) return {pod, TenantBy::kPod};
  if (auto stack = label(container, kStack); !stack.empty()) {
    return {stack, TenantBy::kStack};
  }
  if (auto name = label(container, kKubeNamespace); !name.empty()) {
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
      const bool to = std::ranges::any_of(
          rule.to, [&](const Party& p) { return is_service(tenant, p.name, container); });
      if (!to) continue;
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

bool declares_egress(const Config& config, std::span<const Zone> zones, const model::Engine& engine,
                     const model::Container& container, const IpAddress& to, PortSpec port) {
  const TenantName owner = tenant_of(config, engine, container);
  const Tenant* tenant = owner.by == TenantBy::kPolicy ? config.tenant(owner.name) : nullptr;
  if (tenant == nullptr) return false;
  return std::ranges::any_of(tenant->egress, [&](const EgressRule& rule) {
    return std::ranges::find(rule.ports, port) != rule.ports.end() &&
           std::ranges::any_of(
               rule.from, [&](const Party& f) { return is_service(*tenant, f.name, container); }) &&
           std::ranges::any_of(rule.to,
                               [&](const Party& t) { return covers(config, zones, t, to); });
  });
}

}  // namespace bulkhead::policy
