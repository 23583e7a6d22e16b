// Stable names of findings: the same problem has the same id after every restart, on every run.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "audit/finding.h"

namespace bulkhead::audit {

// FIPS 180-4. Whoever may name containers must not be able to forge the id of a suppressed finding,
// so the hash is a cryptographic one.
[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view text);

// "T5-9f86d081884c7d65": threat, and 64 bits of the hash of threat, engine, project, service
// (container name without Compose), process (host services), network, port and where it lives.
// Never of a container id, an address, a handle or a time. What only attackers get has an id of its
// own: who suppresses it has not seen an ordinary way in.
enum class As : std::uint8_t { kOrdinary, kAttacker };
[[nodiscard]] std::string finding_id(Kind kind, const Subject& subject, As as = As::kOrdinary);

}  // namespace bulkhead::audit
