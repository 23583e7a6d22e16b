// A scan from inside as the record that a scan from outside makes. Pure.
#pragma once

#include "model/snapshot.h"
#include "scan/result.h"
#include "seen/record.h"

namespace bulkhead::scan {

// What was seen, without what is computed: seats by their vantage, addresses by who has them. The
// instant is that of the snapshot; `tool` is the caller's.
[[nodiscard]] seen::Record record_of(const model::Snapshot& snapshot, const Result& result);

}  // namespace bulkhead::scan
