// bulkhead.yaml: what people declare about their network (DESIGN §3).
//
// Everything that the file says is either understood here or refused with its line: a key that were
// skipped in silence would be a rule that its author believes in and that does not exist.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "policy/zone.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

struct ZoneRule {  // zones: {NAME: {role: …, interface: …, prefixes: […]}}
  std::string name;
  ZoneRole role = ZoneRole::kLan;
  std::string interface;
  std::vector<Prefix> prefixes;
  yaml::Place place;
};

struct TrustGroup {  // trust: {NAME: [prefixes]}
  std::string name;
  std::vector<Prefix> prefixes;
};

struct PortSpec {  // 22/tcp
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

struct HostRule {  // host: {NAME: {port: 22/tcp, from: admins, why: …}}
  std::string name;
  PortSpec port;
  std::vector<std::string> from;
  std::string why;
};

// How a tenant's service is recognised: by Compose PROJECT/SERVICE, by labels, or by container
// name.
struct ServiceSelector {
  std::string name;
  std::string project, service;
  std::map<std::string, std::string> labels;
  std::string container;
};

struct IngressRule {  // {to: SERVICE, publish: [80/tcp], from: ZONE or trust group, why: …}
  std::string to;
  std::vector<PortSpec> publish;
  std::vector<std::string> from;
  std::string why;
};

struct SharedNetwork {  // networks: {NAME: {shared: true, reason: …}}
  std::string network, reason;
};

struct Tenant {
  std::string name;
  std::vector<std::string> projects;  // Compose projects; absent in the file: the tenant's own name
  std::vector<std::string> containers;  // by name
  std::vector<ServiceSelector> services;
  std::vector<SharedNetwork> networks;
  std::vector<IngressRule> ingress;
};

struct Suppression {  // {id: T5-…, reason: …, expires: 2026-12-31}
  std::string id, reason;
  std::uint64_t expires_ms = 0;  // Unix time of the first instant after the last valid day (UTC)
  std::string expires;           // as written
  yaml::Place place;
};

struct Config {
  std::string file;
  std::vector<ZoneRule> zones;
  std::vector<TrustGroup> trust;
  std::vector<HostRule> host;
  std::vector<Tenant> tenants;
  std::vector<Suppression> suppress;
};

// kInvalidInput with all mistakes found, one a line, each "FILE:LINE:COLUMN: what; what to write".
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file);

// Unix time in ms of the midnight (UTC) that begins a day; "2026-12-31" only.
[[nodiscard]] Result<std::uint64_t> parse_day(std::string_view text);

}  // namespace bulkhead::policy
