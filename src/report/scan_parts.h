// Pieces of text that the reports of a scan share. Escaped.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "model/snapshot.h"
#include "report/messages.h"
#include "report/style.h"
#include "scan/result.h"

namespace bulkhead::report {

[[nodiscard]] Label state_label(scan::State state);
[[nodiscard]] Label agreement_label(scan::Agreement agreement);
// "ICMP error (No route to host)"
[[nodiscard]] std::string proof_text(const scan::PortRun& run, const Style& style);
[[nodiscard]] std::string range_text(const scan::PortRange& range);  // "22", "8000-8100"
// "[2001:db8::1]:8000-8100/tcp"
[[nodiscard]] std::string aimed_text(const scan::Aim& aim, const scan::PortRange& ports);
// Who has the address: "host, container docker/web"; "" when nobody is known.
[[nodiscard]] std::string whose_text(const model::Snapshot& snapshot, const scan::Aim& aim);
[[nodiscard]] std::string names_text(const scan::Seat& seat);
[[nodiscard]] std::string counts_text(const std::array<std::uint64_t, scan::kStates>& counts,
                                      const Style& style);
// How much of what was seen agrees with what was computed.
[[nodiscard]] std::string agreement_text(const scan::Judged& judged, const Style& style);

// Both sides of a disagreement, with what each rests on.
struct DisagreementText {
  std::string head, observed, computed;
};
[[nodiscard]] DisagreementText disagreement_text(const model::Snapshot& snapshot,
                                                 const scan::Result& result,
                                                 const scan::Disagreement& disagreement,
                                                 const Style& style);
// "Redis (open)" as it said itself, else as the model knows the listener.
[[nodiscard]] std::string open_service_text(const scan::Aim& aim, const scan::OpenPort& port,
                                            const Style& style);

// What answers beyond the host, to whom, and who of them may; the second is "" when nobody may.
struct BeyondText {
  std::string head, permitted, suppressed;
};
[[nodiscard]] BeyondText beyond_text(const scan::Result& result, const scan::BeyondFinding& finding,
                                     const Style& style);

}  // namespace bulkhead::report
