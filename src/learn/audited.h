// What mode audit has counted, as flows: a reason for lines when nobody listened while it happened.
//
// The kernel counted addresses as they were after translation, packets, and when the last came.
// Whose the addresses are is asked of the host as it is; whether somebody answers, which no count
// says, of the model as things are: open is answered, closed is not, and unknown is "lost".
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>

#include "base/result.h"
#include "compile/audit.h"
#include "flows/book.h"
#include "model/snapshot.h"
#include "policy/zone.h"

namespace bulkhead::learn {

struct AuditedInput {  // what it refers to must outlive the call
  const model::Snapshot& snapshot;
  std::span<const policy::Zone> zones;
  // Addresses whose holder today is not who was counted: nobody's.
  const std::set<IpAddress>& moved;
  // Since when (Unix ms) others have theirs: who came after a packet did not send it.
  const std::map<IpAddress, std::uint64_t>& since;
};

// Adds them to the book, each as one try with its packets (Counts::audited). From outside to a
// container: by each of its published ports that leads to the port that was counted, as which one
// was dialled is not told. What the kernel had no room for counts as dropped. Cost: a world, and a
// walk for each way.
[[nodiscard]] Status add_audited(const compile::Tally& tally, const AuditedInput& input,
                                 flows::Book& book);

}  // namespace bulkhead::learn
