// A Docker (or Docker-compatible) engine over its HTTP API, read only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "model/engine.h"

namespace bulkhead::engine {

// Where an engine is. `url`: unix:///path, tcp://host:port, http://…, https://… (TLS material from
// `tls_directory`: ca.pem, cert.pem, key.pem, as DOCKER_CERT_PATH).
struct Endpoint {
  std::string url;
  std::string tls_directory;
  bool tls_verify = true;
};

// Connects to a unix socket path and returns the descriptor; the broker does it with its rights.
// Null: connect with our own.
using UnixConnector = std::function<Result<int>(const std::string& path)>;

struct Limits {
  std::uint64_t response_bytes = 64U << 20;  // of one answer
  std::uint32_t containers = 20'000;
  std::uint32_t timeout_ms = 5'000;          // of one request
};

// GET only: /version, /info, /networks, /containers/json?all=1, /containers/{id}/json. Containers that vanish
// while they are read are left out and named in Engine::gaps. netns of containers is left empty.
[[nodiscard]] Result<model::Engine> read_engine(const Endpoint& endpoint, const UnixConnector& connect,
                                                const Limits& limits);

// Pure part: answers as they came.
[[nodiscard]] Result<model::Container> parse_container(std::string_view inspect_json);
[[nodiscard]] Result<model::EngineNetwork> parse_network(std::string_view json);

}  // namespace bulkhead::engine
