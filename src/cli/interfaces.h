// Interfaces of the host that rules name, as they were when these were loaded and as they are now.
#pragma once

#include <vector>

#include "compile/compile.h"
#include "enforce/state.h"
#include "model/snapshot.h"
#include "report/status_text.h"

namespace bulkhead::cli {

// Those that the rules name, and others that were up and of which they know nothing.
[[nodiscard]] std::vector<enforce::Interface> interfaces_of(const compile::Compiled& compiled,
                                                            const model::NetNs& host);

// What is otherwise now, those that were there in the order of `then`, new ones behind.
[[nodiscard]] std::vector<report::Shifted> shifted(const std::vector<enforce::Interface>& then,
                                                   const model::NetNs& host);

}  // namespace bulkhead::cli
