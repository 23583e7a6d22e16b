// Where the computed answers and the observed ones meet. Pure.
//
// Confirmed: both say the same. Resolved: the model did not know, the packets do. A disagreement is
// told with the evidence of both sides: the model is wrong, the snapshot is old, or something that
// the host does not see stands in between.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audit/finding.h"
#include "scan/plan.h"
#include "seen/record.h"

namespace bulkhead::scan {

struct Disagreement {
  std::size_t aim = 0;  // in Plan::aims
  PortRun observed;     // of neighbouring ports that tell the same
  trace::Verdict computed = trace::Verdict::kUnknown;
  trace::How how = trace::How::kUnknown;
  std::string reason;                   // of the computed answer
  std::vector<audit::RuleQuote> rules;  // that it rests on
};

enum class Agreement : std::uint8_t { kConfirmed, kResolved, kDisagrees };
[[nodiscard]] std::string_view to_string(Agreement agreement);  // "confirmed"

using seen::Service;

struct OpenPort {
  Port port;
  Agreement agreement = Agreement::kConfirmed;
  const model::Socket* socket = nullptr;  // that the model names; points into the snapshot
  std::optional<model::NsId> ns = {};     // of the socket
  std::optional<Service> service = {};    // nobody asked: nullopt
};

struct Judged {
  std::vector<std::vector<OpenPort>> open;  // of each aim
  std::vector<Disagreement> disagreements;  // what is open against the model first
  // Ports of all aims.
  std::uint64_t confirmed = 0, resolved = 0, disagreeing = 0;
  std::uint64_t unproven = 0;  // observed to be unknown
};

// What the model says of a port of an aim: one packet is walked.
[[nodiscard]] trace::Answer computed(const query::Asker& asker, const Plan& plan, const Aim& aim,
                                     Port port);

// `swept` is in the order of the plan's aims. One packet is walked through the model for each open
// port and for each run of ports that should have been open.
[[nodiscard]] Judged judge(const query::Asker& asker, const Plan& plan,
                           std::span<const Swept> swept);

}  // namespace bulkhead::scan
