// The address that a machine speaks with when a socket has chosen none.
//
// IPv4: net/ipv4/devinet.c inet_select_addr. IPv6: net/ipv6/addrconf.c ipv6_dev_get_saddr, the
// rules of RFC 6724 section 5, net/ipv6/addrlabel.c for the labels.
#pragma once

#include <optional>
#include <vector>

#include "reach/route/algebra.h"
#include "topology/topology.h"

namespace bulkhead::reach::routes {

// `device` null: any. `toward`: the next hop, when it is known.
[[nodiscard]] std::optional<IpAddress> select_address4(const topology::Machine& machine,
                                                       const topology::Device* device,
                                                       std::optional<IpAddress> toward,
                                                       std::uint8_t scope);
[[nodiscard]] std::optional<IpAddress> select_address6(const topology::Machine& machine,
                                                       const topology::Device* device,
                                                       IpAddress to);

// select_address6 for every destination: the addresses by the ranges of destinations that get them.
// It can change only where a prefix of one of the machine's addresses, of a label or of a scope
// ends, so it is asked once between any two such places.
struct Selected {
  struct Range {
    IpAddress first, last;
  };
  std::vector<Range> destinations;
  std::optional<IpAddress> source;
};
[[nodiscard]] std::vector<Selected> select_addresses6(const topology::Machine& machine,
                                                      const topology::Device* device);

// All of the machine's own addresses, in no order.
[[nodiscard]] std::vector<IpAddress> addresses_of(const topology::Machine& machine);

// Not a secondary, tentative or failed one that nothing may use as a source (ipv6_chk_addr).
[[nodiscard]] bool device_has_address6(const topology::Device& device, IpAddress address);

}  // namespace bulkhead::reach::routes
