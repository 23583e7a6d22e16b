// Dumps of NETLINK_ROUTE: whatever the bytes are, each decoder returns, and what it accepts stays
// within the kernel's own bounds for names and prefixes.
#include <cstdlib>

#include "collect/rtnetlink.h"

using namespace bulkhead;
using namespace bulkhead::collect;

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  if (const auto links = decode_links(bytes)) {
    require(links->size() <= size / 32);
    for (const DecodedLink& item : *links) {
      require(item.link.name.size() <= 15 && item.link.alias.size() <= 255);
      require(item.link.peer_elsewhere == item.peer_nsid.has_value());
    }
  }
  if (const auto addresses = decode_addresses(bytes)) {
    for (const model::Address& item : *addresses) require(item.prefix_length <= item.local.bits());
  }
  const auto objects = decode_next_hop_objects(bytes);
  if (const auto routes = decode_routes(bytes, objects ? *objects : NextHopObjects{})) {
    for (const model::Route& route : *routes) {
      require(route.destination.length() <= route.destination.address().bits());
      require(!route.source || route.source->family() == route.destination.family());
    }
  }
  (void)decode_routing_rules(bytes);
  if (const auto neighbours = decode_neighbours(bytes)) require(neighbours->size() <= size / 28);
  (void)decode_fdb(bytes);
  (void)decode_filtered_links(bytes);
  (void)decode_namespace_ids(bytes);
  return 0;
}
