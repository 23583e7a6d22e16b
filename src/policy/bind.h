// Which containers of a snapshot the tenants and services of a policy are, and where each of them
// sits: at which port of which bridge of the host, with which MAC and addresses.
//
// Names and labels come from the engines, all else from the kernel. Running containers alone: a
// stopped one has no place yet.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"
#include "policy/config.h"

namespace bulkhead::policy {

// One link of a container's namespace that ends on the host.
struct Attached {
  IfIndex port;  // the host's end of the veth pair
  std::string port_name;
  IfIndex bridge;  // of which that is a port
  std::string bridge_name;
  MacAddress mac;                    // of the container's end
  std::vector<IpAddress> addresses;  // there, both families, link-local ones too
};

// A running container of a tenant.
struct Member {
  std::size_t tenant = 0;  // in Config::tenants
  const model::Engine* engine = nullptr;
  const model::Container* container = nullptr;
  std::vector<Attached> attached;
  std::string unheld;  // why the policy cannot be held for it: escaped, one line; "": it can
};

struct Bound {
  std::vector<Member> members;                     // in the order of engines and containers
  std::vector<const model::Container*> strangers;  // running containers of no tenant of the file
  // Members that a party names, ascending; none for other parties than services.
  // O(tenants + members).
  [[nodiscard]] std::vector<std::size_t> members_of(const Config& config, const Party& party) const;
  // Those that any of them names, each once. O(parties * members).
  [[nodiscard]] std::vector<std::size_t> members_of(const Config& config,
                                                    std::span<const Party> parties) const;
};

// O(containers * (tenants + links)). The result points into both.
[[nodiscard]] Bound bind(const Config& config, const model::Snapshot& snapshot);

}  // namespace bulkhead::policy
