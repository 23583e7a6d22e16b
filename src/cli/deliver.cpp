#include "cli/deliver.h"

#include "cli/files.h"

namespace bulkhead::cli {

Exit deliver(const std::string& text, const std::string& file) {
  Exit kept = Exit::kDone;
  if (file != "-") {
    const Status written = write_file(file, text);
    if (written) return Exit::kDone;
    kept = complain(written.error());
  }
  if (const Status printed = print(text); !printed) return complain(printed.error());
  return kept;
}

}  // namespace bulkhead::cli
