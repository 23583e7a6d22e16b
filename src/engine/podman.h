// Where Podman's Docker-compatible answers say less than its own, or something else (4.3; the same
// in 5). Internal to engine/, pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/answers.h"
#include "model/engine.h"

namespace bulkhead::engine {

// Labels by which the model knows a pod. Podman knows pods otherwise, and anybody may write labels:
// on a Podman container these two always are the engine's word.
inline constexpr const char* kPodLabel = "io.podman.pod.name";
inline constexpr const char* kPodIdLabel = "io.podman.pod.id";

inline constexpr std::string_view kPodmanDefaultNetwork = "podman";

// Networks of containers by id, modes by the network's name (Podman says "bridge" for all), and of
// ports on every address only those families that the container has an address of: netavark
// translates no other, and conmon listens on 0.0.0.0.
void resolve_podman_containers(model::Engine& engine);

// Pods of all containers. The infra container belongs to whom its pod belongs: it takes over the
// Compose project when all members that have one have the same.
void name_podman_pods(const std::map<std::string, PodmanMember>& members,
                      std::vector<model::Container>& containers);

}  // namespace bulkhead::engine
