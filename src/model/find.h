// Looking things up in a snapshot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/network.h"

namespace bulkhead::model {

// Null: it is not there. O(links).
[[nodiscard]] const Link* find_link(const NetNs& ns, IfIndex index);
[[nodiscard]] Link* find_link(NetNs& ns, IfIndex index);

// Whether a base chain of these devices stands on one of this name: a name may end in '*' and then
// stands for all that begin so (net/netfilter/nf_tables_api.c, Linux 6.16).
[[nodiscard]] bool names_device(const std::vector<std::string>& devices, std::string_view device);

}  // namespace bulkhead::model
