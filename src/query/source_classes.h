// Which source addresses can rules and routes tell apart?
//
// Every address that a rule, a set, a policy routing rule or a route compares a source (or, for the
// way back, a destination) with, cuts the address space. Between two cuts all addresses are treated
// alike, so asking one of each class asks all. Extra cuts cost time, a missing one would cost
// truth: what is not surely something else counts as a cut.
#pragma once

#include <span>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"
#include "policy/zone.h"

namespace bulkhead::query {

// Sorted first addresses of the classes, IPv4 before IPv6. O(size of all rules and routes).
[[nodiscard]] std::vector<IpAddress> source_boundaries(const model::Snapshot& snapshot);

// One usable address of each class inside the zone, at most `most`; `complete` tells whether that
// was all. Network and broadcast addresses and addresses of `own` are left out: a sender cannot
// have them.
struct Representatives {
  std::vector<IpAddress> addresses;
  bool complete = true;
};
[[nodiscard]] Representatives representatives(const policy::Zone& zone,
                                              std::span<const IpAddress> boundaries,
                                              std::span<const IpAddress> own, std::size_t most);

}  // namespace bulkhead::query
