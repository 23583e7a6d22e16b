// A whitelist as overrides of Compose files, one for each project:
//
//     docker compose -f compose.yaml -f bulkhead.override.yaml up -d       (Compose 2.24.4 or
//     later)
//
// Services that an `allow` line lets talk share a network, and no others do; services of two
// tenants meet on a network of just these two. These networks are internal; who has an `egress` or
// `ingress` line has one of his own besides, that is not. Published ports that no line names are
// taken out, the others bound to the addresses of the host in the zones that may reach them.
// The head of a file tells what cannot be said of the lines at whose ends its services are.
#pragma once

#include "manifest/manifest.h"

namespace bulkhead::manifest {

inline constexpr std::size_t kMostNetworks = 10'000;

// kBudget past kMostNetworks; kNotFound when no service of a Compose project is held.
[[nodiscard]] Result<Manifest> compose(const compile::Input& input);

}  // namespace bulkhead::manifest
