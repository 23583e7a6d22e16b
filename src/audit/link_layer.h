// What passes between two members of one link-layer segment below IP: by the settings of the switch
// between them, and by whether rules look at frames there at all.
#pragma once

#include <string>

#include "audit/segments.h"
#include "base/verdict.h"
#include "model/snapshot.h"

namespace bulkhead::audit {

enum class FrameKind : std::uint8_t { kArp, kOther };  // kOther: neither ARP nor IP

enum class FrameStop : std::uint8_t {
  kNothing,
  kNoRight,    // the sender may not forge: neither NET_RAW nor NET_ADMIN; `name` is its container
  kPortState,  // a port is down or does not forward; `name` is the port
  kIsolated,   // port isolation (bridge link set ... isolated on)
  kRules,      // a chain that drops every frame; `name` is the chain
  // Not computed, so unknown:
  kMayRules,    // a chain that looks at frames; `name` is the chain
  kMayOptions,  // VLAN filtering, a locked port, ARP suppression; `name` is the port or the bridge
  kMayParent,   // a macvlan parent in a mode in which the next switch decides; `name` is the parent
  kNoPort,      // the port is not known; `name` is the container
};

struct FrameAnswer {
  Verdict verdict = Verdict::kUnknown;  // open: what one sends, the other hears
  FrameStop stop = FrameStop::kNoPort;
  std::string name;  // as it came from outside
};

// A unicast frame of the sender's making. Rules of the two members themselves are not looked at:
// the sender's do not see it, the receiver's are its own affair. O(links + rules of the namespace).
[[nodiscard]] FrameAnswer frame_between(const model::Snapshot& snapshot, const Segment& segment,
                                        const Member& from, const Member& to, FrameKind kind);

}  // namespace bulkhead::audit
