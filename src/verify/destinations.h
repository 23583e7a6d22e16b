// The destinations of packet sets: as ranges of addresses and ports, and as sets of these two
// alone.
#pragma once

#include <optional>
#include <vector>

#include "packet/packet_set.h"
#include "reach/reach.h"
#include "verify/reachable.h"

namespace bulkhead::verify {

// Linear in the product's intervals (IPv6: in their pairs).
[[nodiscard]] std::vector<AddressRange> ranges(const reach::Fields& fields,
                                               const packet::Product& product);
[[nodiscard]] packet::IntervalSet ports_of(const reach::Fields& fields,
                                           const packet::Product& product);

// To which destinations some packet of the set goes: a set that depends on the destination's
// address and port alone. kBudget as PacketSet::project().
[[nodiscard]] Result<packet::PacketSet> destinations_of(const reach::Fields& fields,
                                                        const packet::PacketSet& set);
[[nodiscard]] Result<packet::PacketSet> to_destination(const reach::Reach& reach,
                                                       const AddressRange& range,
                                                       const packet::IntervalSet& ports);

// What of the range lies in the prefix (none: all of it); nullopt when nothing does.
[[nodiscard]] std::optional<AddressRange> clip(const AddressRange& range,
                                               const std::optional<Prefix>& to);

// Of a packet, which is otherwise left as it is.
void set_destination(const reach::Fields& fields, packet::Packet& packet, const Point& point);

// The destinations to which some packet of the set goes.
class Destinations {
 public:
  // kBudget as PacketSet::project(). Must not outlive the set's space.
  [[nodiscard]] static Result<Destinations> of(const reach::Fields& fields,
                                               const packet::PacketSet& set);
  // Those of this one to which no packet of the others goes. kBudget as PacketSet::subtract().
  [[nodiscard]] Result<Destinations> but(const Destinations& one, const Destinations& other) const;
  // Those of the set, one of destinations, that are not among these. kBudget as the same.
  [[nodiscard]] Result<packet::PacketSet> left_of(const packet::PacketSet& set) const {
    return set.subtract(set_);
  }
  // A packet whose destination's address and port are set.
  [[nodiscard]] bool contains(const packet::Packet& packet) const { return set_.contains(packet); }

 private:
  explicit Destinations(packet::PacketSet set) : set_(std::move(set)) {}
  packet::PacketSet set_;  // depends on the destination's address and port alone
};

}  // namespace bulkhead::verify
