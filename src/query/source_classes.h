// Which source addresses can rules and routes tell apart?
//
// Every address that a rule, a set, a policy routing rule or a route compares a source (or, for the
// way back, a destination) with, cuts the address space. Between two cuts all addresses are treated
// alike, and so are all ranges that the same comparisons hold for: of a set, with elements that say
// the same in all but this address. Asking one of each class asks all. Extra cuts cost time, a
// missing one would cost truth: what is not surely something else counts as a cut.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"
#include "policy/zone.h"

namespace bulkhead::query {

struct SourceClasses {
  std::vector<IpAddress> cuts;  // ascending, IPv4 before IPv6: each begins a range
  // The class of each range: kinds[i] of the addresses before cuts[i] (and not before cuts[i - 1]),
  // the last of those from the last cut on. Of one family: different classes may be told apart.
  std::vector<std::uint32_t> kinds;
  // By range: rules compute with these addresses, and any two of them may be told apart.
  std::vector<bool> uneven;
  [[nodiscard]] std::uint32_t kind_of(const IpAddress& address) const;
};

// O(n log n) for n addresses and prefixes in all rules, sets and routes.
[[nodiscard]] SourceClasses source_classes(const model::Snapshot& snapshot);

// One usable address of each class inside the zone, at most `most`; `complete` tells whether that
// was all, `uneven` that one address does not speak for all of some range. Network and broadcast
// addresses and addresses of `own` are left out: a sender cannot have them.
struct Representatives {
  std::vector<IpAddress> addresses;
  bool complete = true;
  bool uneven = false;
};
[[nodiscard]] Representatives representatives(const policy::Zone& zone,
                                              const SourceClasses& classes,
                                              std::span<const IpAddress> own, std::size_t most);

}  // namespace bulkhead::query
