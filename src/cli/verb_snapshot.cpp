#include "cli/files.h"
#include "cli/verbs.h"
#include "model/json.h"

namespace bulkhead::cli {

Exit run_snapshot(const SnapshotOptions& options) {
  auto session = open_session(options.source);
  if (!session) return complain(session.error());
  model::Snapshot& snapshot = *session->snapshot;
  const bool complete = snapshot.complete;
  if (options.redact) snapshot = model::redact(std::move(snapshot));
  if (auto written = write_file(options.output, model::write_snapshot(snapshot)); !written) {
    return complain(written.error());
  }
  return complete ? Exit::kDone : Exit::kIncomplete;
}

}  // namespace bulkhead::cli
