// T1..T5: who reaches which service, and whether they should.
#pragma once

#include <vector>

#include "audit/evidence.h"

namespace bulkhead::audit {

[[nodiscard]] std::vector<Draft> find_service_threats(const Scene& scene);

// Severity steps down by one, never below low.
[[nodiscard]] Severity lower(Severity severity);
// "catches" the references of a kind.
[[nodiscard]] std::vector<Reference> references_of(Kind kind);
// The sentence on what a service's control is worth.
[[nodiscard]] Phrase impact_phrase(services::Impact impact);

}  // namespace bulkhead::audit
