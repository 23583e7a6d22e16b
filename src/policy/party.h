// Who may be at an end of a rule of the whitelist: zones, trust groups, services of tenants, the
// host and its services, prefixes and domain names.
#pragma once

#include <cstdint>
#include <string>

#include "base/address.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

enum class PartyKind : std::uint8_t {
  kZone,         // internet, lan, lan:eth1, dmz, management, or a name in `zones`
  kTrust,        // a name in `trust`
  kService,      // shop/api, tenant.shop/api, shop/*, */db, */*; in its own tenant: api, *
  kHost,         // host: processes of the host itself; as what is reached: all its services
  kHostService,  // host.ssh
  kPrefix,       // 203.0.113.0/24
  kDomain,       // fqdn: [api.example.org, "*.example.org"]
};

struct Party {
  PartyKind kind = PartyKind::kZone;
  std::string name;    // zone, trust group, service, host service, domain; "*": every service
  std::string tenant;  // kService: "*": of every tenant
  bool own = false;    // kService: written without its tenant
  Prefix prefix;       // kPrefix
  std::string text;    // as written
  yaml::Place place;
};

// Whether the service is one of those that the party names.
[[nodiscard]] inline bool names_service(const Party& party, std::string_view tenant,
                                        std::string_view service) {
  return party.kind == PartyKind::kService && (party.tenant == "*" || party.tenant == tenant) &&
         (party.name == "*" || party.name == service);
}

}  // namespace bulkhead::policy
