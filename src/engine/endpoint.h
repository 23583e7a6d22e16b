// An engine's URL taken apart. Internal to engine/, pure.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/docker.h"

namespace bulkhead::engine {

struct Target {
  std::string unix_path;  // not empty: a unix socket
  std::string base;       // "http://127.0.0.1", "https://host:2376": what paths are put behind
  bool tls = false;
};

// kInvalidInput for what is no endpoint: another scheme, a user, a path behind a host.
[[nodiscard]] Result<Target> parse_endpoint(const Endpoint& endpoint);

}  // namespace bulkhead::engine
