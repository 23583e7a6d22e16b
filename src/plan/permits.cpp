#include "plan/permits.h"

#include <algorithm>

#include "policy/meaning.h"

namespace bulkhead::plan {
namespace {

using policy::Line;
using policy::LineKind;
using policy::Party;
using policy::PartyKind;
using policy::PortSpec;

bool has(std::span<const PortSpec> ports, PortSpec port) {
  return std::ranges::find(ports, port) != ports.end();
}

bool publishes(const Line& line, const audit::Service& service) {
  return std::ranges::any_of(service.published, [&](const model::PublishedPort* p) {
    return has(line.ports, {p->host_port, p->protocol});
  });
}

// Of a zone it is enough that some there may.
bool names_part(const policy::Config& config, const Party& party, const policy::Zone& zone) {
  if (party.kind == PartyKind::kZone)
    return party.name == "internet" || policy::names_zone(party, zone);
  const policy::TrustGroup* group =
      party.kind == PartyKind::kTrust ? config.group(party.name) : nullptr;
  return group != nullptr && std::ranges::any_of(group->prefixes, [&](const Prefix& p) {
           const auto overlaps = [&](const Prefix& z) { return z.overlaps(p); };
           const auto excluded = [&](const Prefix& e) { return e.contains(p); };
           return std::ranges::any_of(zone.prefixes, overlaps) &&
                  std::ranges::none_of(zone.excluded, excluded);
         });
}

}  // namespace

Permits::Permits(const compile::Input& input, const compile::Compiled& compiled)
    : input_(input), host_held_(compiled.host_held) {
  for (const std::size_t i : compiled.held) {
    const auto& ns = input.bound.members[i].container->netns;
    if (ns) held_.insert(ns->value);
  }
  for (const Line& line : policy::permitted(input.config, input.now_ms)) {
    const std::size_t at = lines_.size();
    lines_.push_back({line, namespaces_of(line.from)});
    if (line.kind == LineKind::kHost) to_host_.push_back(at);
    if (line.kind != LineKind::kAllow && line.kind != LineKind::kIngress) continue;
    for (const std::uint32_t ns : namespaces_of(line.to)) to_[ns].push_back(at);
  }
}

const Permits::Namespaces& Permits::namespaces_of(const Party& party) {
  const auto [at, fresh] = of_party_.try_emplace({party.tenant, party.name});
  if (!fresh) return at->second;
  for (const std::size_t i : input_.bound.members_of(input_.config, party)) {
    const auto& ns = input_.bound.members[i].container->netns;
    if (ns) at->second.insert(ns->value);
  }
  return at->second;
}

Permits::Namespaces Permits::namespaces_of(std::span<const Party> parties) {
  Namespaces out;
  for (const Party& party : parties) {
    if (party.kind != PartyKind::kService) continue;
    const Namespaces& those = namespaces_of(party);
    out.insert(those.begin(), those.end());
  }
  return out;
}

bool Permits::governs(const audit::SeatEntry& seat, const audit::Service& service) const {
  if (seat.ns == service.ns) return false;
  // The host at its own loopback is answered by the engine's proxy, whomever that then reaches.
  const bool host = !seat.is_zone() && seat.container == nullptr;
  if (host && !service.fronts.empty()) return false;
  if (seat.ns && is_held(*seat.ns)) return true;
  if (service.of_host() || service.subject.on_host) return host_held_ && seat.is_zone();
  return is_held(service.ns);
}

bool Permits::permits(const audit::SeatEntry& seat, const audit::Service& service) const {
  const auto any = [&](const std::vector<std::size_t>& lines) {
    return std::ranges::any_of(lines,
                               [&](std::size_t at) { return permits(lines_[at], seat, service); });
  };
  if (service.of_host() || service.subject.on_host) return any(to_host_);
  const auto to = to_.find(service.ns.value);
  return to != to_.end() && any(to->second);
}

bool Permits::names(const Named& named, const audit::SeatEntry& seat) const {
  if (seat.is_zone()) {
    return std::ranges::any_of(
        named.line.from, [&](const Party& p) { return names_part(input_.config, p, *seat.zone); });
  }
  if (seat.container == nullptr) return policy::names_host(named.line.from);
  return seat.ns && named.from.contains(seat.ns->value);
}

// Of a line that leads to the service's container or to the host.
bool Permits::permits(const Named& named, const audit::SeatEntry& seat,
                      const audit::Service& service) const {
  const Line& line = named.line;
  switch (line.kind) {
    case LineKind::kHost: return line.host->port == service.port() && names(named, seat);
    case LineKind::kAllow: return has(line.ports, service.port()) && names(named, seat);
    case LineKind::kIngress: {
      if (!publishes(line, service)) return false;
      const bool host =
          !seat.is_zone() && seat.container == nullptr;  // the engine's proxy sits there
      return host || names(named, seat);
    }
    case LineKind::kEgress: return false;
  }
  return false;
}

}  // namespace bulkhead::plan
