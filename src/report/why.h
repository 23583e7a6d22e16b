// Why a seat reaches something or does not, for people and for programs
// (schemas/reach-why.schema.json).
#pragma once

#include <string>

#include "model/snapshot.h"
#include "query/vantage.h"
#include "report/style.h"
#include "verify/why.h"

namespace bulkhead::report {

// What holds for all packets, then one of them as trace shows it. Ends with a newline.
[[nodiscard]] std::string why_text(const model::Snapshot& snapshot, const query::Vantage& from,
                                   const verify::Why& why, const Style& style);
[[nodiscard]] std::string why_json(const model::Snapshot& snapshot, const query::Vantage& from,
                                   const verify::Why& why);

}  // namespace bulkhead::report
