// Destinations outside of the host's containers, put into groups: those that the same senders may
// reach at the same ports are one. A packet then asks a few intervals which group its destination
// is in, and a hash whether its sender may go there (docs/decisions/0066 says what that saves).
// Inside compile.
#pragma once

#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "compile/ranges.h"

namespace bulkhead::compile {

struct Right {  // of one sender
  IpAddress from;
  IpProtocol protocol = IpProtocol::kTcp;
  Port port;
  friend auto operator<=>(const Right&, const Right&) = default;
};

// Who may send to each range, of one family. Ranges may overlap.
using Rights = std::map<Range, std::set<Right>>;

struct Group {
  std::vector<Range> ranges;  // sorted, disjoint; those of no two groups overlap
  std::set<Right> rights;     // to each address of them, and no others
};

// By the first address of each. kBudget when they hold more than `most` rights, all in all.
// O(ranges * ranges that overlap at one place + rights of the groups).
[[nodiscard]] Result<std::vector<Group>> groups(const Rights& rights, std::size_t most);

}  // namespace bulkhead::compile
