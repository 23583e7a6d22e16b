// Whose container is it? The tenant of a policy, else the Compose project, Podman pod, Swarm stack
// or Kubernetes namespace, else the container itself (DESIGN §3).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/engine.h"
#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::policy {

enum class TenantBy : std::uint8_t { kPolicy, kProject, kPod, kStack, kNamespace, kContainer };

struct TenantName {
  std::string name;
  TenantBy by = TenantBy::kContainer;
  friend bool operator==(const TenantName&, const TenantName&) = default;
};

// Labels alone never make a member of a tenant whose Compose project is another one: whoever may
// start containers sets labels.
[[nodiscard]] TenantName tenant_of(const Config& config, const model::Engine& engine,
                                   const model::Container& container);

// Whether a container of the tenant is of this service ("*": of any). A tenant that lists no
// services has those of Compose, and its containers by name.
[[nodiscard]] bool is_service(const Tenant& tenant, std::string_view name,
                              const model::Container& container);

// The reason given for `shared: true`, or null: the network is not declared shared.
[[nodiscard]] const SharedNetwork* shared_network(const Config& config, std::string_view network);

// Whether the file says that this container's port may be reached from a zone. A rule for the
// Internet covers every zone; a rule for a trust group covers none, as the group is less than a
// zone.
[[nodiscard]] bool declares_ingress(const Config& config, const model::Engine& engine,
                                    const model::Container& container, PortSpec container_port,
                                    PortSpec host_port, const Zone& zone);
// The same for a service of the host itself, from a zone or from a container.
[[nodiscard]] bool declares_host_service(const Config& config, PortSpec port, const Zone& zone);
[[nodiscard]] bool declares_host_service(const Config& config, PortSpec port,
                                         const model::Engine& engine,
                                         const model::Container& container);

// Whether the file lets this container send to a port of an address beyond the host. A zone counts
// by its prefixes; a name (fqdn) covers none, as nothing resolves it.
[[nodiscard]] bool declares_egress(const Config& config, std::span<const Zone> zones,
                                   const model::Engine& engine, const model::Container& container,
                                   const IpAddress& to, PortSpec port);

}  // namespace bulkhead::policy
