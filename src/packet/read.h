// Reading a function without making nodes. Private to packet/. Linear in the diagram unless it says
// otherwise.
#pragma once

#include <optional>
#include <vector>

#include "packet/packet_set.h"
#include "packet/store.h"

namespace bulkhead::packet {

[[nodiscard]] IntervalSet field_values(const Store& store, Id set, unsigned level);
[[nodiscard]] std::vector<FieldId> support(const Store& store, Id id);
[[nodiscard]] std::vector<Leaf> leaves(const Store& store, Id id);
[[nodiscard]] long double count_packets(const Store& store, Id set);
[[nodiscard]] std::optional<Packet> pick(const Store& store, Id set, const Chooser& choose);
[[nodiscard]] Products disjoint_products(const Store& store, Id set, std::size_t limit);

}  // namespace bulkhead::packet
