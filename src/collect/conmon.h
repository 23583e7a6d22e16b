// What the processes of Podman tell of its containers. Pure; command lines are what their processes
// want them to be, so this only ever adds containers, and the kernel says where they stand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/engine.h"
#include "model/snapshot.h"

namespace bulkhead::collect {

struct Conmon {
  std::uint32_t uid = 0;       // not 0: rootless
  model::Container container;  // id, name, state, pid and the labels of its pod
};

// Records of reader_conmon.h, by uid and name. Left out: what is no conmon of Podman (CRI-O has the
// same), what watches a `podman exec`, and containers that have no process.
[[nodiscard]] Result<std::vector<Conmon>> decode_conmons(ByteView bytes);

// Adds the containers that no engine of the snapshot has: one Engine of kind kPodman per user,
// whose gap says what is not known of them and what to do about it. That of a user is called
// "podman-uid1000".
void add_unlisted(std::vector<Conmon> conmons, model::Snapshot& snapshot);

// Whose rootless engine it is, by its usual socket; nothing for root's, and for one at another
// place.
[[nodiscard]] std::optional<std::uint32_t> user_of(const model::Engine& engine);

// How an engine is called: "podman", "podman-2" and so on.
[[nodiscard]] std::string engine_name(const model::Snapshot& snapshot, model::EngineKind kind);

}  // namespace bulkhead::collect
