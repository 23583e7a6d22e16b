// Is what a policy demands true of a host? Its `never` rules and its `tests`, held against what is
// computed of a snapshot: of the host as it is, or with a plan's rules in it.
//
// A never holds when no sender gets to any service that it names, on any port and by any address;
// it is broken by one packet, which is shown. A test asks about one port: `allow` wants that every
// sender gets in, `deny` that none does. Services are what listens or is published when the
// snapshot was taken.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "audit/finding.h"
#include "base/result.h"
#include "plan/ledger.h"
#include "plan/senders.h"
#include "verify/reachable.h"
#include "views/survey.h"

namespace bulkhead::plan {

enum class Outcome : std::uint8_t {
  kHolds,
  kBroken,
  kUnknown,  // of some packet it is not known whether it gets in
  kVoid,     // it names nothing that is there: nothing was asked
};
[[nodiscard]] std::string_view to_string(Outcome outcome);  // "holds"

// A packet that gets in, or out by a link.
struct Witness {
  std::string from;                       // Sender::text
  std::optional<audit::Subject> service;  // that it reaches; none: it leaves the host
  IpProtocol protocol = IpProtocol::kTcp;
  verify::Witness packet;
  bool forged = false;  // no ordinary connection gets there
};

struct Trial {
  const policy::Clause* clause = nullptr;
  std::string text;  // "internet -> */db": as written, escaped
  bool expects_open = false;
  Outcome outcome = Outcome::kHolds;
  std::vector<Witness> witnesses;  // broken nevers and denies, at most kMostWitnesses
  std::size_t breaches = 0;        // pairs of sender and service, all of them
  std::size_t asked = 0;           // pairs
  std::string reason;              // why it is closed, unknown or void; escaped, one line
};
inline constexpr std::size_t kMostWitnesses = 5;

struct Trials {
  std::vector<Trial> never, tests;  // in the order of the file
  [[nodiscard]] std::size_t count(Outcome outcome) const;
};

// What was computed already of the same world and zones, for ordinary connections.
struct Computed {
  views::Survey* survey = nullptr;  // null: none; must outlive the call
  Ledger ledger;  // what seats get: by Sender::text, whole zones by SeatEntry::text
};

// `world` must outlive the call. As attacker forged packets count too, in nevers and denies, and
// what was computed for ordinary connections is not used. Cost: views::Survey::row() for each
// sender, each container once, but for those whose rows are there. Expired rules are left out.
[[nodiscard]] Result<Trials> try_policy(const Scene& scene, const trace::World& world,
                                        std::uint64_t now_ms, bool as_attacker,
                                        Computed computed = {});

// A zone is outside, even where the snapshot happens to hold the machine at the other end of its
// wire: questions about zones end there. Cuts these wires; true when there was one.
bool cut_at_zones(model::Snapshot& snapshot, std::span<const policy::Zone> zones);

}  // namespace bulkhead::plan
