// What rules may ask of the world around them: the routing of their namespace answers. Sets instead of
// single answers; the meaning of each question is the kernel's (nft_fib_ipv4.c, nft_fib_ipv6.c,
// xt_addrtype.c, ipt_rpfilter.c, ip6t_rpfilter.c).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "packet/packet_space.h"
#include "reach/chain/image.h"

namespace bulkhead::reach {

class Surroundings {
 public:
  Surroundings() = default;
  Surroundings(const Surroundings&) = delete;
  Surroundings& operator=(const Surroundings&) = delete;
  virtual ~Surroundings() = default;

  struct TypeRange {  // both ends included
    IpAddress first, last;
    std::uint8_t type = 1;  // RTN_*
  };
  // inet_addr_type, inet_dev_addr_type and their IPv6 kin: the type of every address of the family, as
  // seen from device `on` when given. The ranges do not overlap; what lies in none is RTN_UNICAST.
  [[nodiscard]] virtual std::vector<TypeRange> address_types(IpFamily family, IfIndex on) const = 0;

  struct RouteQuestion {
    bool look_up_source = false;  // the address that is looked up; the other is the lookup's source
    bool with_mark = false;
    IfIndex iif;         // as if it came in there (lo, 1, unless said otherwise)
    IfIndex constraint;  // the route has to go by that device to be `found`; 0: any
  };
  struct RouteCase {
    packet::PacketSet where;
    bool found = false;
    std::uint8_t type = 7;  // RTN_*, of the winning route
    IfIndex oif;
  };
  // How packets that look like `image` would be routed: disjoint cases that hold every packet. IPv4:
  // an odd source (multicast, broadcast, 0/8) counts as none.
  [[nodiscard]] virtual Result<std::vector<RouteCase>> routes(const RouteQuestion& question,
                                                              const Image& image) const = 0;
  // "" when it is not known.
  [[nodiscard]] virtual std::string_view link_name(IfIndex) const { return {}; }
};

}  // namespace bulkhead::reach
