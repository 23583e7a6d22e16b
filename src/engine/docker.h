// A Docker engine, or Podman through its Docker-compatible API, over HTTP, read only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/engine.h"

namespace bulkhead::engine {

// Where an engine is. `url`: unix:///path, tcp://host:port, http://…, https://…
//
// TLS as the docker command has it: https://, or tcp:// with a `tls_directory` (DOCKER_CERT_PATH
// with ca.pem, and cert.pem with key.pem when the engine asks for a client). `tls_verify` false is
// DOCKER_TLS_VERIFY unset: encrypted, but whoever answers is believed.
struct Endpoint {
  std::string url;
  std::string tls_directory;
  bool tls_verify = true;
};

// Connects to a unix socket path and returns the descriptor, which the reader then owns; the broker
// does it with its rights. Null: connect with our own.
using UnixConnector = std::function<Result<int>(const std::string& path)>;

struct Limits {
  std::uint64_t response_bytes = 64U << 20;  // of one answer
  std::uint32_t containers = 20'000;
  // Of one request. Podman's /version and /info ask dpkg or rpm for its tools' packages: seconds.
  std::uint32_t timeout_ms = 15'000;
  std::uint64_t total_bytes = 512U << 20;  // of all answers of one engine
  std::uint32_t total_ms = 60'000;         // of one engine; what is left then is a Gap
};

// GET only: /version, then below /v1.NN (the engine's version, at most 1.50) /info, /networks,
// /containers/json?all=1 and /containers/ID/json. Podman is told by its /version, and is asked for
// /libpod/networks/json in place of /networks and for /libpod/containers/json, which alone tells
// its pods. No redirect is followed, no proxy used.
//
// Fails when /version or the list of containers cannot be had (kUnavailable, kDenied,
// kInvalidInput, kUnsupported, kBudget). Whatever else is missing is a Gap. Containers that vanish
// while they are read are left out and named in Engine::gaps; the list is read again at the end,
// and containers that started meanwhile are read too. `container:NAME` modes become `container:ID`.
// Members of a Podman pod carry the labels of podman.h. Left at their defaults: Engine::name,
// userland_proxy (the API does not tell), local, Container::netns.
[[nodiscard]] Result<model::Engine> read_engine(const Endpoint& endpoint,
                                                const UnixConnector& connect, const Limits& limits);

// Pure part: answers as they came. kInvalidInput with the JSON path, kBudget for lists beyond what
// an engine can mean. Text may hold any bytes; labels, options and names of variables beyond 4096
// bytes are cut.
//
// Published ports: of a running container NetworkSettings.Ports, what the engine really opened,
// even when that is nothing (host mode and internal networks ignore what was asked). Of one that
// does not run, or when the engine leaves Ports out, HostConfig.PortBindings, what it would open;
// ports that the engine would choose then are left out. No host address means both 0.0.0.0 and
// [::].
[[nodiscard]] Result<model::Container> parse_container(std::string_view inspect_json);
// The bridge's name: com.docker.network.bridge.name, else docker0 for the default network, else
// "br-" with the first 12 digits of the id (libnetwork, drivers/bridge).
[[nodiscard]] Result<model::EngineNetwork> parse_network(std::string_view json);

}  // namespace bulkhead::engine
