// A whitelist as NetworkPolicy objects of Kubernetes (networking.k8s.io/v1), for `kubectl apply
// -f`.
//
// A tenant is the namespaces in its `projects`, a service the pods with its labels. Each namespace
// of a tenant in mode enforce denies everything by default; then each service gets what lines
// permit, at both ends where both are denied. The ports of `ingress` are those inside: of
// containers that publish them on this host.
#pragma once

#include <vector>

#include "manifest/manifest.h"

namespace bulkhead::manifest {

struct Cluster {
  std::vector<Prefix> pods;  // addresses of pods: no way beyond the cluster leads to them
  bool dns = false;          // whether every pod may ask the cluster's name server
};

// kNotFound when no namespace is held.
[[nodiscard]] Result<Manifest> network_policies(const compile::Input& input,
                                                const Cluster& cluster);

}  // namespace bulkhead::manifest
