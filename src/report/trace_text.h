// One packet's way as a person reads it: each step with its rules, the verdict, and of a closed one
// what would open it.
#pragma once

#include <optional>
#include <string>

#include "model/snapshot.h"
#include "query/opening.h"
#include "query/query.h"
#include "report/style.h"

namespace bulkhead::report {

[[nodiscard]] std::string trace_text(const model::Snapshot& snapshot, const query::Vantage& from,
                                     const query::Target& target, const query::Reply& reply,
                                     const std::optional<query::Opening>& opening,
                                     const Style& style);

}  // namespace bulkhead::report
