// What a seat reaches, for people and for programs (schemas/reach.schema.json).
#pragma once

#include <string>

#include "model/snapshot.h"
#include "query/vantage.h"
#include "report/style.h"
#include "verify/reachable.h"

namespace bulkhead::report {

// By where it is, then by address; the ways out, what is not known, and the counts last. Ends with
// a newline.
[[nodiscard]] std::string reach_text(const model::Snapshot& snapshot, const query::Vantage& from,
                                     const verify::Limits& limits,
                                     const verify::Reachable& reachable, const Style& style);
[[nodiscard]] std::string reach_json(const model::Snapshot& snapshot, const query::Vantage& from,
                                     const verify::Reachable& reachable);

}  // namespace bulkhead::report
