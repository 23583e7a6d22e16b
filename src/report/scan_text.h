// What a scan saw and how that agrees with the model, for people and for programs
// (schemas/scan.schema.json). Names in JSON are as they came from outside.
#pragma once

#include <string>

#include "model/snapshot.h"
#include "report/style.h"
#include "scan/result.h"

namespace bulkhead::report {

// Disagreements first, then seats that could not be used, then what is open from each seat, and the
// counts last. With details also what is filtered or unknown, and why. Ends with a newline.
[[nodiscard]] std::string scan_text(const model::Snapshot& snapshot, const scan::Result& result,
                                    const Style& style);
[[nodiscard]] std::string scan_json(const model::Snapshot& snapshot, const scan::Result& result);

}  // namespace bulkhead::report
