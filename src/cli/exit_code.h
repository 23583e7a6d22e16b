// The exit codes of console/, by the names that the verbs use.
#pragma once

#include "console/exit_code.h"

namespace bulkhead::cli {

using console::complain;
using console::Exit;
using console::exit_for;

}  // namespace bulkhead::cli
