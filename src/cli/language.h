// How text is shown: language, colours, width; from flags, the environment and the terminal.
#pragma once

#include "cli/verbs.h"
#include "report/style.h"

namespace bulkhead::cli {

// Language: --lang, else LC_ALL, LC_MESSAGES, LANG; Japanese when it begins with "ja", else
// English. Colours: only on a terminal, not with NO_COLOR or --no-color. 80 columns.
[[nodiscard]] report::Style text_style(const OutputOptions& options);

}  // namespace bulkhead::cli
