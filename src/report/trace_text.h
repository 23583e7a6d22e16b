// One packet's way as a person reads it: the verdict first, then each step with its rules.
#pragma once

#include <string>

#include "model/snapshot.h"
#include "query/query.h"
#include "report/style.h"

namespace bulkhead::report {

[[nodiscard]] std::string trace_text(const model::Snapshot& snapshot, const query::Vantage& from,
                                     const query::Target& target, const query::Reply& reply,
                                     const Style& style);

}  // namespace bulkhead::report
