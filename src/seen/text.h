// A record and a comparison for a person. Pure; whatever came from outside is escaped.
#pragma once

#include <string>

#include "seen/diff.h"
#include "seen/record.h"
#include "seen/words.h"

namespace bulkhead::seen {

// What is open first; targets at which nothing is are counted together.
[[nodiscard]] std::string record_text(const Record& record, Language language);

// One line for each change, what answers now first; changes that are no answer (kState) are left
// out beyond the first few.
[[nodiscard]] std::string difference_text(const Difference& difference, Language language);

// "Redis (no login)"
[[nodiscard]] std::string service_text(const Service& service, Language language);

// "2026-11-28 21:40 UTC"
[[nodiscard]] std::string instant_text(std::uint64_t unix_ms);

}  // namespace bulkhead::seen
