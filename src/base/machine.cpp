#include "base/machine.h"

namespace bulkhead {

std::string_view not_a_machine(const IpAddress& address) {
  if (address.is_unspecified()) return "stands for no machine";
  if (address.is_multicast()) return "is a multicast group";
  if (address == IpAddress::v4(255, 255, 255, 255)) return "is the broadcast address";
  if (address.is_v6() && address.is_link_local())
    return "is link-local, which needs an interface beside it; give another address of that "
           "machine";
  return {};
}

bool is_near(const IpAddress& address) {
  return address.is_loopback() || address.is_private() || address.is_link_local();
}

}  // namespace bulkhead
