// Changes of a model: what a cure would do to this host.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/evidence.h"
#include "model/snapshot.h"
#include "trace/edits.h"

namespace bulkhead::audit {

// The engine no longer publishes the service's ports: its proxies and the rules that name these
// ports are gone. `keep_accept`: as with a port bound to 127.0.0.1, where engines before Docker 28
// still let packets to the container's own address through. O(rules of the host).
[[nodiscard]] trace::Edits unpublished(const model::Snapshot& snapshot, const Service& service,
                                       bool keep_accept);

// The service's own sockets are closed, but for those that hear the machine itself alone.
[[nodiscard]] trace::Edits silenced(const Service& service);

// Neither granted by default nor added: as `cap_drop` does.
void drop_capability(model::Container& container, std::string_view name);

// Strict reverse path filter (RFC 3704) on these interfaces of the host.
void check_reverse_path(model::Snapshot& copy, const std::vector<std::string>& interfaces);

// The same container in a copy; null when it is not there.
[[nodiscard]] model::Container* same_container(model::Snapshot& copy, const model::Engine& engine,
                                               const model::Container& container);

// Each tenant but the largest moves from a bridge to one of its own.
struct Move {
  std::string tenant;
  std::vector<const model::Container*> containers;
};
[[nodiscard]] std::vector<Move> moves_of(const Scene& scene, const std::string& network,
                                         const std::string& engine);
void split(model::Snapshot& copy, const Scene& scene, const std::string& network,
           const std::string& engine);

// Host interfaces through which a container's packets come.
using ContainerBridges = std::unordered_map<const model::Container*, std::vector<std::string>>;
[[nodiscard]] ContainerBridges bridges_by_container(const Scene& scene);

}  // namespace bulkhead::audit
