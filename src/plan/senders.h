// From where the parties of a rule send: zones narrowed to trust groups and without what is
// excepted, the host, and containers. Inside plan.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "policy/bind.h"
#include "policy/config.h"
#include "policy/zone.h"
#include "query/query.h"

namespace bulkhead::plan {

// All that a question about a policy needs; what it refers to must outlive it.
struct Scene {
  const policy::Config& config;
  const policy::Bound& bound;
  std::span<const policy::Zone> zones;
};

struct Sender {
  std::string text;  // "internet", "admins in lan", "host", "container:docker/web"
  query::Seat seat;
  const policy::Member* member = nullptr;  // of a container
};

// The zones from which they send, each with what is left of it; names are unique.
[[nodiscard]] std::vector<policy::Zone> sending_zones(const Scene& scene,
                                                      std::span<const policy::Party> from,
                                                      std::span<const policy::Party> except);

// The zones are those of sending_zones() and the asker knows them; both must outlive the result.
[[nodiscard]] std::vector<Sender> senders(const Scene& scene, const query::Asker& asker,
                                          std::span<const policy::Party> from,
                                          std::span<const policy::Party> except);

}  // namespace bulkhead::plan
