// What every answering verb needs: a snapshot (read from this host, or from a file) and the
// configuration, with the zones that follow from both.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "collect/broker.h"
#include "model/snapshot.h"
#include "policy/config.h"
#include "policy/zones.h"

namespace bulkhead::cli {

struct SourceOptions {
  std::string snapshot_file;         // empty: this host
  std::string config_file;           // empty: ./bulkhead.yaml, /etc/bulkhead/bulkhead.yaml, or none
  std::vector<std::string> engines;  // --engine URL
  bool read_engines = true;
  bool no_config = false;  // none is looked for
};

// The privileged reader is forked first and this process gives up its rights before it decodes
// anything that came from outside.
struct Session {
  std::optional<collect::Broker> broker;  // none when the snapshot came from a file
  std::unique_ptr<model::Snapshot> snapshot;
  policy::Config config;
  std::string config_text;  // from which it was read; "" without one
  std::vector<policy::Zone> zones;
};

[[nodiscard]] Result<Session> open_session(
    const SourceOptions& options,
    collect::Broker::Rights rights = collect::Broker::Rights::kReading);

// Reads the host once more, when something has been made there since; the rest stays.
[[nodiscard]] Status read_again(Session& session, const SourceOptions& options);
// The host once more, by the same engines. The session must have a broker.
[[nodiscard]] Result<std::unique_ptr<model::Snapshot>> read_host(Session& session,
                                                                 const SourceOptions& options);

}  // namespace bulkhead::cli
