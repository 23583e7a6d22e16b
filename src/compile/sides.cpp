#include "compile/sides.h"

#include "policy/meaning.h"

namespace bulkhead::compile {

using policy::PartyKind;

std::vector<Range> senders(const policy::Config& config, const policy::Zone& zone,
                           const policy::Party& party, IpFamily family) {
  const auto whole = [&] { return ranges_of(zone.prefixes, zone.excluded, family); };
  if (party.kind == PartyKind::kTrust) {
    const policy::TrustGroup* trusted = config.group(party.name);
    if (trusted == nullptr) return {};
    return common(whole(), ranges_of(trusted->prefixes, {}, family));
  }
  if (party.kind != PartyKind::kZone) return {};
  if (policy::is_everybody(party)) {
    const std::vector<Prefix> all{Prefix::all(family)};
    return zone.role == policy::ZoneRole::kInternet ? ranges_of(all, {}, family) : whole();
  }
  return policy::names_zone(party, zone) ? whole() : std::vector<Range>{};
}

std::vector<Range> destinations(const policy::Config& config, std::span<const policy::Zone> zones,
                                const policy::Party& party, IpFamily family) {
  switch (party.kind) {
    case PartyKind::kPrefix: return ranges_of({&party.prefix, 1}, {}, family);
    case PartyKind::kTrust: {
      const policy::TrustGroup* trusted = config.group(party.name);
      return trusted == nullptr ? std::vector<Range>{} : ranges_of(trusted->prefixes, {}, family);
    }
    case PartyKind::kZone: {
      std::vector<Range> out;
      for (const policy::Zone& zone : zones) {
        if (!policy::names_zone(party, zone)) continue;
        const auto part = ranges_of(zone.prefixes, zone.excluded, family);
        out.insert(out.end(), part.begin(), part.end());
      }
      return merged(std::move(out));
    }
    case PartyKind::kDomain:
    case PartyKind::kService:
    case PartyKind::kHost:
    case PartyKind::kHostService: return {};
  }
  return {};
}

}  // namespace bulkhead::compile
