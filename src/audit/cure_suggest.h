// Which cures come into question for a finding. What they would do is not looked at here
// (cure_effect.h).
#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "audit/cure_change.h"
#include "audit/evidence.h"
#include "audit/finding.h"
#include "model/snapshot.h"
#include "trace/edits.h"

namespace bulkhead::audit {

// What the cure would do to the host: to rules and sockets, or anything else to a copy of the
// model. Empty: cannot be computed.
using MakeEdits = std::function<trace::Edits()>;
using ChangeCopy = std::function<void(model::Snapshot&)>;
using Change = std::variant<std::monostate, MakeEdits, ChangeCopy>;

struct Candidate {
  Cure cure;  // its effect is not filled in
  Change change;
};

// The best first. What is returned refers to `scene` and `draft`, which must outlive it.
[[nodiscard]] std::vector<Candidate> suggest_cures(const Scene& scene,
                                                   const ContainerBridges& bridges,
                                                   const Draft& draft);

}  // namespace bulkhead::audit
