// Answers of NETLINK_ROUTE dumps as the model's values. Pure.
//
// Each function takes the datagrams of one dump, one after the other. Error and end messages and
// other types are passed over; a message or attribute whose length contradicts its bytes is
// kInvalidInput. Names are cut at what the kernel allows. Layouts: include/uapi/linux/rtnetlink.h,
// if_link.h, if_addr.h, fib_rules.h, neighbour.h, nexthop.h, ip.h, ipv6.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/network.h"

namespace bulkhead::collect {

struct DecodedLink {
  model::Link link;
  std::optional<std::int32_t>
      peer_nsid;  // IFLA_LINK_NETNSID: id of the peer's namespace as seen here
};
[[nodiscard]] Result<std::vector<DecodedLink>> decode_links(ByteView dump);
// Interfaces that have a clsact or ingress qdisc.
[[nodiscard]] Result<std::vector<IfIndex>> decode_filtered_links(ByteView qdisc_dump);

[[nodiscard]] Result<std::vector<model::Address>> decode_addresses(ByteView dump);

// Next hop objects by id; groups hold the hops of their members.
using NextHopObjects = std::map<std::uint32_t, std::vector<model::NextHop>>;
[[nodiscard]] Result<NextHopObjects> decode_next_hop_objects(ByteView dump);
// A route that names an object only by its id gets the object's hops. Cached (cloned) routes are
// left out: they are results, not configuration.
[[nodiscard]] Result<std::vector<model::Route>> decode_routes(ByteView dump,
                                                              const NextHopObjects& objects);
[[nodiscard]] Result<std::vector<model::RoutingRule>> decode_routing_rules(ByteView dump);
[[nodiscard]] Result<std::vector<model::Neighbour>> decode_neighbours(ByteView dump);
[[nodiscard]] Result<std::vector<model::BridgeFdbEntry>> decode_fdb(ByteView dump);
// Answers to RTM_GETNSID, one per question: nullopt where there is no id (or NLMSG_NOOP stands).
[[nodiscard]] Result<std::vector<std::optional<std::int32_t>>> decode_namespace_ids(
    ByteView answers);

}  // namespace bulkhead::collect
