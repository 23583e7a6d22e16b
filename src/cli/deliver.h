// Where a report goes.
#pragma once

#include <string>

#include "cli/exit_code.h"

namespace bulkhead::cli {

// To standard output, or to a file (console/files.h: whole or not at all). What cannot be written
// there is printed all the same, for it may have taken long; the exit code tells. kDone: it is
// there.
[[nodiscard]] Exit deliver(const std::string& text, const std::string& file);

}  // namespace bulkhead::cli
