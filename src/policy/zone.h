// Zones: where traffic from outside comes from. Given in bulkhead.yaml or guessed from routes, and
// then marked as guesses (DESIGN: the interface of the default route is the uplink; what is on-link
// there is the LAN; what is routed beyond is the Internet; each other interface that no engine made
// is a LAN of its own).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"

namespace bulkhead::policy {

enum class ZoneRole : std::uint8_t { kInternet, kLan, kDmz, kManagement };
[[nodiscard]] std::string_view to_string(ZoneRole role);  // "internet"

// A zone as seen from the host: senders with an address in `prefixes` (and in no `excluded`) whose
// packets arrive on `link` of namespace Snapshot::host.
struct Zone {
  std::string name;  // "internet", "lan", "lan:eth1", or the name in bulkhead.yaml
  ZoneRole role = ZoneRole::kLan;
  std::string interface;         // "" when it could not be found
  IfIndex link;                  // 0 when it could not be found
  bool beyond_gateway = false;   // its senders are behind a router on that link, not on the link
  std::vector<Prefix> prefixes;  // both families; the Internet is 0.0.0.0/0 and ::/0
  std::vector<Prefix> excluded;  // on-link and private prefixes, for a guessed Internet
  bool guessed = false;
  std::string remark;  // "private uplink address: behind NAT", ... for reports
};

}  // namespace bulkhead::policy
