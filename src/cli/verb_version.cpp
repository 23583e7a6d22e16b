#include "cli/files.h"
#include "cli/verbs.h"
#include "cli/version.h"
#include "model/snapshot.h"

namespace bulkhead::cli {

Exit run_version(bool json) {
  const std::string version(kVersion);
  const std::string form = std::to_string(model::kSnapshotVersion);
  const std::string text =
      json ? "{\"version\":\"" + version + "\",\"snapshot_version\":" + form + "}\n"
           : "bulkhead " + version + " (snapshot form " + form + ")\n";
  if (auto printed = print(text); !printed) return complain(printed.error());
  return Exit::kDone;
}

}  // namespace bulkhead::cli
