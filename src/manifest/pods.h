// What the tenants and services of a policy are in Kubernetes: namespaces and labels of pods. Names
// of containers, images, pods and Compose services select nothing there. Inside manifest.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/manifest.h"

namespace bulkhead::manifest {

struct Pods {
  const policy::Tenant* tenant = nullptr;
  std::string service;                        // "*": all of the tenant
  std::vector<std::string> namespaces;        // none of them is anybody else's
  std::map<std::string, std::string> labels;  // all that are given; none: all pods there
  std::string refused;  // why there are none: escaped, one line; "": there are
};

// The namespaces of a tenant: those of its `projects` that no earlier tenant has.
[[nodiscard]] std::vector<std::string> namespaces_of(const policy::Config& config,
                                                     const policy::Tenant& tenant);

// All that a party names: one for each tenant and service; none for what is no service.
[[nodiscard]] std::vector<Pods> pods_of(const policy::Config& config, const policy::Party& party);

// Whether Kubernetes takes it for a name of a namespace (RFC 1123 label).
[[nodiscard]] bool is_namespace_name(std::string_view name);

}  // namespace bulkhead::manifest
