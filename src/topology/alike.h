// Which namespaces are alike: containers on one bridge that differ in nothing but their own IPv4
// address, MAC address and names, so that the network treats them the same unless a rule asks for
// one of these (trace::EndReads tells).
//
// Compared are the namespaces with their links, routes, sysctls and base chains, the ports to which
// they are attached, and whether anything else in the snapshot names one of them: a route, a
// neighbour or bridge entry set by hand, a second machine with its address. Of IPv4 alone: IPv6 is
// looked at nowhere. Sockets do not count, they are asked for by name; nor do the chains that a
// base chain jumps to, as entering one is noted too.
#pragma once

#include <optional>
#include <vector>

#include "model/snapshot.h"

namespace bulkhead::topology {

struct Alike {
  model::NsId first;                 // that is alike; itself when there is none before it
  std::optional<IpAddress> address;  // its only one of IPv4; none: no other can be alike
};

// By namespace. O(size of the snapshot).
[[nodiscard]] std::vector<Alike> alike_namespaces(const model::Snapshot& snapshot);

}  // namespace bulkhead::topology
