// What connection tracking does not see on a host: said, so that nobody takes silence for absence.
#pragma once

#include <string>
#include <vector>

#include "model/snapshot.h"

namespace bulkhead::learn {

// Each escaped, one line, for people; in a fixed order.
[[nodiscard]] std::vector<std::string> gaps_of(const model::Snapshot& snapshot);

// What could not be read of engines: whose containers these are is then not known. The same form.
[[nodiscard]] std::vector<std::string> unread_of(const model::Snapshot& snapshot);

}  // namespace bulkhead::learn
