#include "policy/meaning.h"

#include <algorithm>

namespace bulkhead::policy {
namespace {

void add_host(const Config& config, std::vector<Line>& out) {
  for (const HostRule& rule : config.host) {
    out.push_back({LineKind::kHost, nullptr, &rule, rule.from, {}, {&rule.port, 1}, &rule.clause});
  }
}

void add_tenant(const Tenant& tenant, std::vector<Line>& out) {
  for (const IngressRule& rule : tenant.ingress) {
    out.push_back(
        {LineKind::kIngress, &tenant, nullptr, rule.from, rule.to, rule.publish, &rule.clause});
  }
  for (const EgressRule& rule : tenant.egress) {
    out.push_back(
        {LineKind::kEgress, &tenant, nullptr, rule.from, rule.to, rule.ports, &rule.clause});
  }
  for (const AllowRule& rule : tenant.allow) {
    out.push_back(
        {LineKind::kAllow, &tenant, nullptr, rule.from, rule.to, rule.ports, &rule.clause});
  }
}

// All prefixes of a party, where these are known without a host.
std::span<const Prefix> prefixes_of(const Config& config, const Party& party) {
  if (party.kind == PartyKind::kPrefix) return {&party.prefix, 1};
  const TrustGroup* group = party.kind == PartyKind::kTrust ? config.group(party.name) : nullptr;
  return group == nullptr ? std::span<const Prefix>() : group->prefixes;
}

bool covers_prefixes(std::span<const Prefix> outer, std::span<const Prefix> inner) {
  return !inner.empty() && std::ranges::all_of(inner, [&](const Prefix& i) {
    return std::ranges::any_of(outer, [&](const Prefix& o) { return o.contains(i); });
  });
}

// "*.example.org" covers "api.example.org", not "example.org".
bool covers_name(std::string_view outer, std::string_view inner) {
  if (outer == inner) return true;
  return outer.starts_with("*.") && inner.size() > outer.size() - 1 &&
         inner.ends_with(outer.substr(1));
}

}  // namespace

std::string_view to_string(LineKind kind) {
  switch (kind) {
    case LineKind::kIngress: return "ingress";
    case LineKind::kEgress: return "egress";
    case LineKind::kAllow: return "allow";
    case LineKind::kHost: return "host";
  }
  return "";
}

std::vector<Line> all_lines(const Config& config) {
  std::vector<Line> out;
  add_host(config, out);
  for (const Tenant& tenant : config.tenants) add_tenant(tenant, out);
  return out;
}

std::vector<Line> permitted(const Config& config, std::uint64_t now_ms) {
  std::vector<Line> out = all_lines(config);
  std::erase_if(out, [&](const Line& line) { return line.clause->expired(now_ms); });
  return out;
}

Config in_force(Config config, std::uint64_t now_ms) {
  const auto drop = [&](auto& lines) {
    std::erase_if(lines, [&](const auto& line) { return line.clause.expired(now_ms); });
  };
  drop(config.host);
  drop(config.never);
  drop(config.tests);
  for (Tenant& tenant : config.tenants) {
    drop(tenant.ingress);
    drop(tenant.egress);
    drop(tenant.allow);
  }
  return config;
}

std::string to_string(const Party& party) {
  switch (party.kind) {
    case PartyKind::kService: return party.tenant + "/" + party.name;
    case PartyKind::kHost: return "host";
    case PartyKind::kHostService: return "host." + party.name;
    case PartyKind::kPrefix: return party.prefix.to_string();
    case PartyKind::kZone:
    case PartyKind::kTrust:
    case PartyKind::kDomain: return party.name;
  }
  return party.text;
}

bool names_zone(const Party& party, const Zone& zone) {
  return party.kind == PartyKind::kZone &&
         (party.name == zone.name || party.name == to_string(zone.role));
}

bool is_everybody(const Party& party) {
  return party.kind == PartyKind::kZone && party.name == to_string(ZoneRole::kInternet);
}

bool names_host(std::span<const Party> parties) {
  return std::ranges::any_of(parties, [](const Party& p) { return p.kind == PartyKind::kHost; });
}

bool covers(const Config& config, const Party& outer, const Party& inner) {
  const bool everywhere = is_everybody(outer);
  switch (inner.kind) {
    case PartyKind::kService: return names_service(outer, inner.tenant, inner.name);
    case PartyKind::kHost: return outer.kind == PartyKind::kHost;
    case PartyKind::kHostService:
      return outer.kind == PartyKind::kHost ||
             (outer.kind == PartyKind::kHostService && outer.name == inner.name);
    case PartyKind::kZone:
      return everywhere || (outer.kind == PartyKind::kZone && outer.name == inner.name);
    case PartyKind::kTrust:
    case PartyKind::kPrefix:
      return everywhere ||
             (outer.kind == inner.kind && outer.name == inner.name &&
              inner.kind == PartyKind::kTrust) ||
             covers_prefixes(prefixes_of(config, outer), prefixes_of(config, inner));
    case PartyKind::kDomain:
      return everywhere ||
             (outer.kind == PartyKind::kDomain && covers_name(outer.name, inner.name));
  }
  return false;
}

}  // namespace bulkhead::policy
