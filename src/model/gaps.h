// What an answer must not rely on when a part of a namespace was not read.
#pragma once

#include "model/network.h"

namespace bulkhead::model {

struct Concerns {
  bool rules = false;    // nf_tables, iptables-legacy, ipset, arptables
  bool sockets = false;  // who listens
  bool routes = false;   // links, bridges, addresses, routes, neighbours, sysctls: the way itself
  friend bool operator==(const Concerns&, const Concerns&) = default;
};

// Of a gap of a namespace (NetNs::gaps), by its `what`, which comes from the closed list of
// src/collect. What is not in that list concerns everything: a part that is not known by name
// cannot be known not to matter. O(length of the list).
[[nodiscard]] Concerns concerns(const Gap& gap);

}  // namespace bulkhead::model
