#include "cli/held_addresses.h"

#include <set>

namespace bulkhead::cli {

std::vector<std::string> held_addresses(const model::NetNs& place) {
  std::set<std::string> out;
  for (const model::Address& address : place.addresses) {
    if (!address.local.is_loopback() && !address.local.is_link_local())
      out.insert(address.local.to_string());
  }
  return {out.begin(), out.end()};
}

}  // namespace bulkhead::cli
