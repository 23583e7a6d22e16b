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
    : input_(input), compiled_(compiled), lines_(policy::permitted(input.config, input.now_ms)) {}

bool Permits::is_held(model::NsId ns) const {
  return std::ranges::any_of(compiled_.held, [&](std::size_t i) {
    return input_.bound.members[i].container->netns == ns;
  });
}

bool Permits::governs(const audit::SeatEntry& seat, const audit::Service& service) const {
  if (seat.ns == service.ns) return false;
  // The host at its own loopback is answered by the engine's proxy, whomever that then reaches.
  const bool host = !seat.is_zone() && seat.container == nullptr;
  if (host && !service.fronts.empty()) return false;
  if (seat.ns && is_held(*seat.ns)) return true;
  if (service.of_host() || service.subject.on_host) return compiled_.host_held && seat.is_zone();
  return is_held(service.ns);
}

bool Permits::permits(const audit::SeatEntry& seat, const audit::Service& service) const {
  return std::ranges::any_of(lines_,
                             [&](const Line& line) { return permits(line, seat, service); });
}

bool Permits::names(std::span<const Party> parties, model::NsId ns) const {
  return std::ranges::any_of(input_.bound.members_of(input_.config, parties), [&](std::size_t i) {
    return input_.bound.members[i].container->netns == ns;
  });
}

bool Permits::names(std::span<const Party> parties, const audit::SeatEntry& seat) const {
  if (seat.is_zone()) {
    return std::ranges::any_of(
        parties, [&](const Party& p) { return names_part(input_.config, p, *seat.zone); });
  }
  if (seat.container == nullptr) return policy::names_host(parties);
  return seat.ns && names(parties, *seat.ns);
}

bool Permits::permits(const Line& line, const audit::SeatEntry& seat,
                      const audit::Service& service) const {
  const bool on_host = service.of_host() || service.subject.on_host;
  switch (line.kind) {
    case LineKind::kHost:
      return on_host && line.host->port == service.port() && names(line.from, seat);
    case LineKind::kAllow:
      return !on_host && has(line.ports, service.port()) && names(line.to, service.ns) &&
             names(line.from, seat);
    case LineKind::kIngress: {
      if (on_host || !publishes(line, service) || !names(line.to, service.ns)) return false;
      const bool host =
          !seat.is_zone() && seat.container == nullptr;  // the engine's proxy sits there
      return host || names(line.from, seat);
    }
    case LineKind::kEgress: return false;
  }
  return false;
}

}  // namespace bulkhead::plan
