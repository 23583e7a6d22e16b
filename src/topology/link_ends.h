// Whom a namespace finds at the other ends of its links: the host's link-local IPv6 addresses, by
// which what listens on `::` of the host is reached past rules for other addresses.
#pragma once

#include <vector>

#include "model/snapshot.h"

namespace bulkhead::topology {

struct LinkEnd {
  IpAddress to;                     // link-local, of the host's
  const model::Link* on = nullptr;  // the namespace's own, never null; points into the snapshot
  IfIndex host_link;                // that has the address: the veth's end, or the bridge above it
};

// Of veth pairs with the host, whose near end speaks IPv6. Empty for the host itself.
// O(links and addresses of both).
[[nodiscard]] std::vector<LinkEnd> link_local_ends(const model::Snapshot& snapshot, model::NsId ns);

// Link-local IPv6, which needs an interface beside it, and past duplicate address detection.
[[nodiscard]] bool is_usable_on_a_link(const model::Address& address);

}  // namespace bulkhead::topology
