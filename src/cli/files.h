// The files and streams of console/, by the names that the verbs use.
#pragma once

#include "console/files.h"

namespace bulkhead::cli {

using console::check_trusted;
using console::print;
using console::read_file;
using console::stdout_is_terminal;
using console::write_file;

}  // namespace bulkhead::cli
