// Reads the host into a model::Snapshot. Reading changes nothing: no module is loaded, no rule,
// link or generation moves (tests/collect proves it).
//
// Privilege: a forked reader holds the capabilities and dumps bytes; this process decodes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "collect/broker.h"
#include "engine/docker.h"
#include "model/snapshot.h"

namespace bulkhead::collect {

struct Options {
  std::vector<engine::Endpoint>
      engines;  // empty: DOCKER_HOST/CONTAINER_HOST were unset: the usual sockets
  bool read_engines = true;
  std::vector<std::string> extra_netns;  // paths that a question names
  std::uint32_t most_namespaces = 20'000;
};

// Never fails for what could not be read: that is a Gap and complete == false. Fails only when not
// even the own namespace could be read.
[[nodiscard]] Result<model::Snapshot> take_snapshot(Broker& broker, const Options& options);

// The rules of one namespace, by its inode, as they are now. kUnavailable when they could not be
// read as a whole.
[[nodiscard]] Result<model::Ruleset> read_rules(Broker& broker, std::uint64_t ns_inode);

}  // namespace bulkhead::collect
