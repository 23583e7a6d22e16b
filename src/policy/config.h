// bulkhead.yaml: what people declare about their network (DESIGN §3), and the whitelist of what may
// reach what (docs/policy.md).
//
// Everything that the file says is either understood here or refused with its line: a key that were
// skipped in silence would be a rule that its author believes in and that does not exist. All names
// are resolved when the file is read; what they mean on a host is said by bind.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "policy/party.h"
#include "policy/port_spec.h"
#include "policy/scan_targets.h"
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
  yaml::Place place = {};
};

// What is done with a tenant's traffic: nothing, only said, or held.
enum class Mode : std::uint8_t { kOff, kAudit, kEnforce };
[[nodiscard]] std::string_view to_string(Mode mode);  // "audit"

// What each line of the whitelist has.
struct Clause {
  yaml::Place place;
  std::string why;
  std::string expires;           // as written; "": never
  std::uint64_t expires_ms = 0;  // Unix time of the first instant at which it no longer holds
  [[nodiscard]] bool expired(std::uint64_t now_ms) const {
    return expires_ms != 0 && now_ms >= expires_ms;
  }
};

struct HostRule {  // host: {NAME: {port: 22/tcp, from: admins, why: …, expires: …}}
  std::string name;
  PortSpec port;
  std::vector<Party> from;
  Clause clause;
};

// How a tenant's service is recognised among the containers of the tenant: all that is given holds.
struct ServiceSelector {
  std::string name;
  std::string project, service;  // Compose; project "" with a service: any of the tenant's own
  std::map<std::string, std::string> labels;
  std::string container;  // its name
  std::string image;      // as the engine names it, or that without tag and digest
  std::string pod;        // of Podman or Kubernetes
  std::string kube_namespace, kube_container;  // kubernetes: NAMESPACE/CONTAINER
  std::vector<PortSpec> expect;                // on which it should listen
  yaml::Place place = {};
};

struct IngressRule {  // {to: SERVICE, publish: [80/tcp], from: ZONE or trust group}
  std::vector<Party> to, from;
  std::vector<PortSpec> publish;
  Clause clause;
};

struct EgressRule {  // {from: SERVICE, to: ZONE, trust group, prefix or {fqdn: […]}, port: 443/tcp}
  std::vector<Party> from, to;
  std::vector<PortSpec> ports;
  Clause clause;
};

struct AllowRule {  // {from: SERVICE or TENANT/SERVICE or host, to: SERVICE, port: 5432/tcp}
  std::vector<Party> from, to;
  std::vector<PortSpec> ports;
  Clause clause;
};

struct SharedNetwork {  // networks: {NAME: {shared: true, reason: …}}
  std::string network, reason;
};

struct Tenant {
  std::string name;
  std::optional<Mode> mode;             // absent: the file's
  std::vector<std::string> projects;    // Compose projects, Podman pods, Swarm stacks, Kubernetes
                                        // namespaces; absent in the file: the tenant's own name
  std::vector<std::string> containers;  // by name
  std::string like;                     // its rules are those of this tenant
  std::vector<ServiceSelector> services;
  std::vector<SharedNetwork> networks;
  std::vector<IngressRule> ingress;
  std::vector<EgressRule> egress;
  std::vector<AllowRule> allow;
  yaml::Place place = {};
};

struct NeverRule {  // {from: …, to: …, except: …, port: …, both: true}
  std::vector<Party> from, to, except;
  std::vector<PortSpec> ports;  // none: all
  bool both = false;            // neither the other way
  Clause clause;
};

struct TestRule {  // {from: …, to: TENANT/SERVICE:8080, expect: allow}
  Party from, to;
  PortSpec port;
  bool allow = false;
  Clause clause;
};

struct Suppression {  // {id: T5-…, reason: …, expires: 2026-12-31}
  std::string id, reason;
  std::uint64_t expires_ms = 0;  // Unix time of the first instant after the last valid day (UTC)
  std::string expires;           // as written
  yaml::Place place;
};

struct Config {
  std::string file;
  Mode mode = Mode::kAudit;
  std::vector<ZoneRule> zones;
  std::vector<TrustGroup> trust;
  std::vector<HostRule> host;
  std::vector<Tenant> tenants;
  std::vector<NeverRule> never;
  std::vector<TestRule> tests;
  std::vector<Suppression> suppress;
  ScanRules scan;
  [[nodiscard]] Mode mode_of(const Tenant& tenant) const { return tenant.mode.value_or(mode); }
  // null when there is none. O(tenants).
  [[nodiscard]] const Tenant* tenant(std::string_view name) const;
  // The same of a trust group.
  [[nodiscard]] const TrustGroup* group(std::string_view name) const;
};

// kInvalidInput with all mistakes found, one a line, each "FILE:LINE:COLUMN: what; what to write".
// At most kMostRules rules, copies by `like` counted.
inline constexpr std::size_t kMostRules = 100'000;
[[nodiscard]] Result<Config> parse_config(std::string_view text, std::string_view file);

// Unix time in ms of the midnight (UTC) that begins a day; "2026-12-31" only.
inline constexpr std::uint64_t kDayMs = 24ULL * 3600 * 1000;
[[nodiscard]] Result<std::uint64_t> parse_day(std::string_view text);

}  // namespace bulkhead::policy
