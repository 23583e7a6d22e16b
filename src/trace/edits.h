// A few differences between a snapshot and what would be: rules and sockets of one namespace. A
// world that differs by these shares all else with the one that it was made from (World::edited).
#pragma once

#include <vector>

#include "model/snapshot.h"
#include "trace/filter.h"

namespace bulkhead::trace {

struct Edits {
  // Asks for this IPv4 destination before all that it asks, as `-d 127.0.0.1` does.
  struct Narrowed {
    RuleRef rule;
    IpAddress destination;
  };

  model::NsId ns;
  // Of that namespace's ruleset in the snapshot that is edited, each rule once.
  std::vector<RuleRef> removed;
  std::vector<Narrowed> narrowed;            // rules of tables of IPv4 alone
  std::vector<const model::Socket*> closed;  // of that namespace
  std::vector<model::Table> tables;          // loaded behind all others; their handles are 0
};

// Makes the same changes to a copy of the snapshot. O(what stands behind the changed rules).
void apply(const Edits& edits, const model::Snapshot& original, model::Snapshot& copy);

}  // namespace bulkhead::trace
