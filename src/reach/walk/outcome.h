// What becomes of packets, and who asks.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/verdict.h"
#include "model/snapshot.h"
#include "packet/packet_space.h"
#include "topology/outsider.h"

namespace bulkhead::reach {

using bulkhead::How;
using bulkhead::to_string;
using bulkhead::Verdict;

// Outcomes of one question hold every packet at least once. Packets in several go one of several
// ways, it is not known which: they are open or closed only when all agree.
struct Outcome {
  packet::PacketSet set;
  Verdict verdict = Verdict::kUnknown;
  How how = How::kUnknown;
  std::string reason;                     // one line, escaped; always there for closed and unknown
  const model::Socket* socket = nullptr;  // that accepted; points into the snapshot
  model::NsId socket_ns;
  struct Exit {
    model::NsId ns;
    IfIndex link;
  };
  std::optional<Exit> exit;  // kUnknown: the packets left what the snapshot knows
  // Only if a neighbour that does not answer had made itself known before: counts for the verdict,
  // not for `how`.
  bool if_it_asked = false;
  bool one_by_one = false;  // each packet was walked by itself (LocalRequest::one_by_one)
};

// What one packet comes to, walked by other means than sets.
struct Walked {
  Verdict verdict = Verdict::kUnknown;
  How how = How::kUnknown;
  std::string reason;
  const model::Socket* socket = nullptr;
  model::NsId socket_ns;
  friend bool operator==(const Walked&, const Walked&) = default;
};
// Of a request: the packet's destination and destination port count, whatever else it holds.
using OneByOne = std::function<Walked(const packet::Packet& packet)>;

// The reason of what a walk was not allowed to follow to its end (ForgedRequest::most_work).
inline constexpr std::string_view kTooMuchWork =
    "not asked to the end: it would take more work than is allowed";

// What is asked about; nothing: everything.
struct Asked {
  std::optional<IpAddress> to;
  std::optional<Port> port;
  std::optional<packet::PacketSet> within = {};  // of the space of the answers
};

// A process in a namespace of the model.
struct LocalRequest {
  model::NsId ns;
  IpProtocol protocol = IpProtocol::kTcp;  // or kUdp
  std::optional<IpAddress> source;         // else by route lookup
  std::optional<Port> source_port;         // else one from the middle of the ephemeral range
  bool any_source_port = false;            // every one, as kSourcePort varies
  std::uint32_t uid = 0, gid = 0;
  Asked asked = {};
  // Who gets in is all that is asked. Of what is closed it is told neither how nor why, so that
  // what rules drop whichever way it goes need not be followed (reach/walk/lookahead.h).
  bool verdicts_alone = false;
  // With verdicts_alone: where few packets are left of what may get further, each is walked by
  // this, and its word is taken but for kUnknown. It must outlive the call; null: all are followed
  // as sets.
  const OneByOne* one_by_one = nullptr;
  // With verdicts_alone: what goes elsewhere, and would be forwarded out of the model, is an
  // Outcome with `exit` whether rules on the way let it or not. It must outlive the call; null:
  // these decide for all packets.
  const packet::PacketSet* named = nullptr;
};

// A machine that is not in the model, on the wire of `link`. It sends frames to that link's own MAC
// address whatever the destination is, and answers ARP and ND for `source` and for the gateway
// through which `source` is reached.
struct OutsideRequest {
  model::NsId ns;
  IfIndex link;
  IpAddress source;
  IpProtocol protocol = IpProtocol::kTcp;
  Port source_port{49152};
  MacAddress mac = topology::kOutsiderMac;
  bool any_source_port = false;  // every one: source_port does not count
  Asked asked = {};
  bool verdicts_alone = false;           // as LocalRequest's
  const OneByOne* one_by_one = nullptr;  // the same
  const packet::PacketSet* named = nullptr;
};

// Root with raw sockets, who puts frames of TCP or UDP packets on a wire and hears all that comes
// out of it (trace::ForgedOrigin says what that means). Source and source port vary, and the
// frame's source MAC (kSourceMac). Packets whose source is their destination are not asked about:
// the answer would go to its sender.
struct ForgedRequest {
  model::NsId ns;
  IfIndex link;  // of the attacker's own namespace, or when `outside` the one that hears it
  bool outside = false;
  IpProtocol protocol = IpProtocol::kTcp;
  MacAddress to;                    // the frame's destination
  bool tagged = false;              // with a VLAN tag of number 0, which receivers ignore
  std::optional<IpAddress> source;  // else any
  std::optional<Port> source_port;  // else any
  Asked asked = {};
  // In operations on sets. What would take more is unknown, for kTooMuchWork.
  std::uint64_t most_work = UINT64_MAX;
};

}  // namespace bulkhead::reach
