#include "topology/link_ends.h"

#include <algorithm>

namespace bulkhead::topology {

bool is_usable_on_a_link(const model::Address& address) {
  constexpr std::uint32_t kTentativeOrFailed = 0x40 | 0x08;  // IFA_F_TENTATIVE, IFA_F_DADFAILED
  return address.local.is_v6() && address.local.is_link_local() &&
         (address.flags & kTentativeOrFailed) == 0;
}

std::vector<LinkEnd> link_local_ends(const model::Snapshot& snapshot, model::NsId ns) {
  std::vector<LinkEnd> out;
  if (ns == snapshot.host || ns.value >= snapshot.namespaces.size() ||
      snapshot.host.value >= snapshot.namespaces.size())
    return out;
  const model::NetNs& own = snapshot.namespaces[ns.value];
  const model::NetNs& host = snapshot.namespaces[snapshot.host.value];
  for (const model::Link& link : own.links) {
    if (link.kind != "veth" || link.peer_ns != snapshot.host) continue;
    const bool speaks = std::ranges::any_of(own.addresses, [&](const model::Address& a) {
      return a.link == link.index && is_usable_on_a_link(a);
    });
    const auto end = std::ranges::find(host.links, link.peer, &model::Link::index);
    if (!speaks || end == host.links.end()) continue;
    const IfIndex on = end->master ? end->master : end->index;
    for (const model::Address& a : host.addresses) {
      if (a.link == on && is_usable_on_a_link(a)) out.push_back({a.local, &link, on});
    }
  }
  return out;
}

}  // namespace bulkhead::topology
