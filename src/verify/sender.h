// The ways in which packets leave a seat: what reach/ is asked for each, and the question to trace/
// of one packet of the answer. Inside verify.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "packet/packet_set.h"
#include "query/query.h"
#include "reach/reach.h"
#include "topology/topology.h"

namespace bulkhead::verify {

// Frames of one's own making on the wire of `link`, to one machine there.
struct Forging {
  model::NsId ns;
  IfIndex link;
  bool outside = false;
  MacAddress own, to;
  model::NsId station;                    // whose `to` is
  bool tagged = false;                    // with a VLAN tag of number 0
  std::optional<IpAddress> address = {};  // when `outside`: one that somebody there has
};

struct Sender {
  std::variant<trace::LocalOrigin, trace::OutsideOrigin, Forging> from;
  std::optional<IpAddress> bound;  // LocalOrigin: to this address of its own
  bool any_source_port = false;
  // Not empty: the frames come out of a tunnel, and this is why it is not known what they get
  // (injecting_senders).
  std::string through = {};

  // Of what it sends; nullopt: both.
  [[nodiscard]] std::optional<IpFamily> family() const;
  [[nodiscard]] bool forges() const { return std::holds_alternative<Forging>(from); }
};

// What connect() by an unprivileged process does: one for each of the seat's origins.
[[nodiscard]] std::vector<Sender> ordinary_senders(const query::Seat& seat);
// All that root there can do beside. O(machines on the seat's wires).
[[nodiscard]] std::vector<Sender> attacking_senders(const query::Seat& seat,
                                                    const topology::Topology& topology);

// Who can send UDP packets to the port of a VXLAN device's other end can let any frame come out of
// the device: no sender is looked at (vxlan_rcv). What the frames' answers come to is not followed.
[[nodiscard]] std::vector<Sender> injecting_senders(topology::Device& vxlan);

// One of its own addresses, as which it need not lie; nullopt: it has none of that family there.
[[nodiscard]] std::optional<IpAddress> own_address(const Forging& forging,
                                                   const topology::Topology& topology,
                                                   IpFamily family);

// What is asked about; nothing: everything.
struct Narrowed {
  reach::Asked asked;
  std::optional<IpAddress> source;
  std::optional<Port> source_port;
  std::uint64_t most_work = UINT64_MAX;         // of forged packets (reach::ForgedRequest)
  bool verdicts_alone = false;                  // of ordinary ones (reach::LocalRequest)
  const reach::OneByOne* one_by_one = nullptr;  // the same
  const packet::PacketSet* named = nullptr;     // the same
};
[[nodiscard]] Result<reach::Answer> ask(reach::Reach& reach, const Sender& sender,
                                        IpProtocol protocol, const Narrowed& narrowed);

// Of a packet of its answer.
[[nodiscard]] trace::Question question(const reach::Fields& fields, const Sender& sender,
                                       const packet::Packet& packet);

// What a packet of everyday life looks like: one's own source or else one that somebody has, an
// ephemeral port, one's own MAC address. The topology and the fields must outlive it.
class Everyday {
 public:
  Everyday(const topology::Topology& topology, const reach::Fields& fields);
  [[nodiscard]] packet::Preferences of(const Sender& sender) const;

 private:
  [[nodiscard]] std::vector<packet::IntervalSet> sources(
      const std::vector<IpAddress>& addresses) const;

  const topology::Topology& topology_;
  const reach::Fields& fields_;
  std::vector<packet::IntervalSet> anybody_;  // by part of the source
};

}  // namespace bulkhead::verify
