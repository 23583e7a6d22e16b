// T6: link-layer segments, who is on them, and which tenants share one.
#pragma once

#include <string>
#include <vector>

#include "audit/evidence.h"

namespace bulkhead::audit {

struct Member {
  const model::Engine* engine = nullptr;
  const model::Container* container = nullptr;
  policy::TenantName tenant;
  IfIndex port;             // on the bridge; 0 when only the engine says that it is attached
  bool isolated = false;    // bridge port isolation
};

struct Segment {
  model::NsId ns;           // of the bridge or the parent interface
  IfIndex link;
  std::string interface, network, engine;
  bool is_bridge = true;
  std::vector<Member> members;
  [[nodiscard]] std::size_t tenants() const;
};

// By links (bridge ports and their peers, macvlan parents); by attachments for containers whose
// namespace could not be read.
[[nodiscard]] std::vector<Segment> find_segments(const model::Snapshot& snapshot, const policy::Config& config);

[[nodiscard]] std::vector<Draft> find_shared_segments(const Scene& scene);

}  // namespace bulkhead::audit
