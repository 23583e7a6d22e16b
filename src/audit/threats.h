// T1..T5: who reaches which service, and whether they should.
#pragma once

#include <optional>
#include <vector>

#include "audit/evidence.h"

namespace bulkhead::audit {

// Which threat it is that `from` gets at the service by this way; nothing for what is declared in
// the policy, meant to be talked to from there, or of one's own tenant.
[[nodiscard]] std::optional<Kind> threat_of(const policy::Config& config, const Service& service,
                                            const SeatEntry& from, const Dial& dial);

// Some dial may be one: false before any is looked at.
[[nodiscard]] bool may_threaten(const Service& service, const SeatEntry& from);

// One finding for each threat and service. What only attackers get stands beside what everybody
// gets; where that is nothing it is a finding of its own, one severity lower.
[[nodiscard]] std::vector<Draft> find_service_threats(const Scene& scene);

// Severity steps down by one, never below low.
[[nodiscard]] Severity lower(Severity severity);
// "catches" the references of a kind.
[[nodiscard]] std::vector<Reference> references_of(Kind kind);
// The sentence on what a service's control is worth.
[[nodiscard]] Phrase impact_phrase(services::Impact impact);

}  // namespace bulkhead::audit
