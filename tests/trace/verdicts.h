// Verdicts by short names, for tables of tests.
#pragma once

#include "trace/trace.h"

namespace bulkhead::trace {

inline constexpr auto kOpen = Verdict::kOpen, kClosed = Verdict::kClosed,
                      kUnknown = Verdict::kUnknown;

}  // namespace bulkhead::trace
