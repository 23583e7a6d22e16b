// The other answers of an engine. Internal to engine/, pure.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/engine.h"
#include "model/json_cursor.h"

namespace bulkhead::engine {

inline constexpr std::size_t kMostNetworks = 20'000;

// GET /version: kind, version, api_version.
struct Version {
  model::EngineKind kind = model::EngineKind::kDocker;
  std::string version;
  std::string api, oldest_api;  // "1.41"
};
[[nodiscard]] Result<Version> parse_version(std::string_view json);

// "/v1.41": the newest of 1.24 to 1.50 that the engine speaks. kUnsupported when there is none.
[[nodiscard]] Result<std::string> choose_prefix(const Version& version);

// GET /info into `engine`.
[[nodiscard]] Status parse_info(std::string_view json, model::Engine& engine);

// GET /containers/json.
struct ListedContainer {
  std::string id;    // 64 hexadecimal digits
  std::string name;  // the first, without its slash
};
[[nodiscard]] Result<std::vector<ListedContainer>> parse_container_list(std::string_view json,
                                                                        std::size_t most);

// GET /networks.
[[nodiscard]] bool read_network(model::JsonCursor& in, model::EngineNetwork& out);
[[nodiscard]] Result<std::vector<model::EngineNetwork>> parse_networks(std::string_view json);

// GET /libpod/networks/json. Podman's Docker-compatible answer is not asked for: it does not name
// the interface, calls the default network "bridge" where containers call it "podman", and, up
// to 4.3 at least, takes the option "isolate" away from the running service while it answers.
[[nodiscard]] Result<std::vector<model::EngineNetwork>> parse_podman_networks(
    std::string_view json);

// GET /libpod/containers/json, by container id; only containers of a pod.
struct PodmanMember {
  std::string pod_id, pod;  // the pod's name
  bool infra = false;       // holds the pod's network namespace
};
[[nodiscard]] Result<std::map<std::string, PodmanMember>> parse_podman_members(
    std::string_view json, std::size_t most);

// {"message":"…"} of an error; the text itself when it is not that. Escaped.
[[nodiscard]] std::string parse_error_message(std::string_view body);

}  // namespace bulkhead::engine
