#include "packet/packet_set.h"

#include <cassert>
#include <utility>

#include "packet/operations.h"
#include "packet/read.h"
#include "packet/store.h"
#include "packet/verdict_map.h"

namespace bulkhead::packet {
namespace {

std::vector<bool> levels_of(const Store& store, std::span<const FieldId> fields) {
  std::vector<bool> levels(store.levels(), false);
  for (const FieldId field : fields) levels[store.layout().level(field)] = true;
  return levels;
}

}  // namespace

bool PacketSet::empty() const {
  return root() == kOut;
}
bool PacketSet::full() const {
  return root() == kIn;
}
bool PacketSet::contains(const Packet& packet) const {
  return store().evaluate(root(), packet) == kIn;
}

Result<bool> PacketSet::subset_of(const PacketSet& other) const {
  const Id b = root_of(other);
  const auto answer = store().run([&] { return is_subset(store(), root(), b); });
  if (!answer) return std::unexpected(answer.error());
  return *answer == kIn;
}

Result<bool> PacketSet::intersects(const PacketSet& other) const {
  const Id b = root_of(other);
  const auto answer = store().run([&] { return are_disjoint(store(), root(), b); });
  if (!answer) return std::unexpected(answer.error());
  return *answer == kOut;
}

Result<PacketSet> PacketSet::unite(const PacketSet& other) const {
  const Id b = root_of(other);
  return make<PacketSet>(store(), [&] { return over(store(), root(), b); });
}

Result<PacketSet> PacketSet::intersect(const PacketSet& other) const {
  const Id b = root_of(other);
  return make<PacketSet>(store(), [&] { return mask(store(), root(), b); });
}

Result<PacketSet> PacketSet::subtract(const PacketSet& other) const {
  const Id b = root_of(other);
  return make<PacketSet>(store(), [&] { return packet::subtract(store(), root(), b); });
}

Result<PacketSet> PacketSet::complement() const {
  return make<PacketSet>(store(), [&] { return packet::complement(store(), root()); });
}

Result<PacketSet> PacketSet::cofactor(std::span<const Assign> values) const {
  return make<PacketSet>(store(), [&] {
    return packet::cofactor(store(), root(), level_values(store().layout(), values));
  });
}

Result<PacketSet> PacketSet::cofactor(FieldId field, const IntervalSet& values) const {
  return make<PacketSet>(store(), [&] {
    return packet::project(store(), root(), levels_of(store(), std::span(&field, 1)), &values);
  });
}

Result<PacketSet> PacketSet::project(std::span<const FieldId> fields) const {
  return make<PacketSet>(store(), [&] {
    return packet::project(store(), root(), levels_of(store(), fields), nullptr);
  });
}

Result<PacketSet> PacketSet::image(const Rewrite& rewrite) const {
  if (auto good = check_image(store().layout(), rewrite); !good) {
    return std::unexpected(std::move(good.error()));
  }
  return make<PacketSet>(store(), [&] { return packet::image(store(), root(), rewrite); });
}

Result<PacketSet> PacketSet::preimage(const Rewrite& rewrite) const {
  if (auto good = check(store().layout(), rewrite, true); !good) {
    return std::unexpected(std::move(good.error()));
  }
  return make<PacketSet>(store(), [&] { return packet::preimage(store(), root(), rewrite); });
}

IntervalSet PacketSet::values(FieldId field) const {
  return field_values(store(), root(), store().layout().level(field));
}
std::vector<FieldId> PacketSet::support() const {
  return packet::support(store(), root());
}
long double PacketSet::count() const {
  return count_packets(store(), root());
}
std::optional<Packet> PacketSet::witness() const {
  return witness([](FieldId, const IntervalSet& possible, const Packet&) {
    return possible.intervals()[0].first;
  });
}
std::optional<Packet> PacketSet::witness(const Chooser& choose) const {
  return pick(store(), root(), choose);
}
Products PacketSet::products(std::size_t limit) const {
  return disjoint_products(store(), root(), limit);
}

Result<VerdictMap> PacketSet::to_map(Leaf inside) const {
  assert(inside != kNone && inside <= kMaxLeaf);
  const LeafTable table{{leaf_of(kIn), inside}};
  return make<VerdictMap>(store(), [&] { return packet::remap(store(), root(), table); });
}

// ------------------------------------------------------------------------------------- preferences

Preferences& Preferences::prefer(FieldId field, IntervalSet values) {
  wanted_.push_back({field, std::move(values)});
  return *this;
}

std::uint64_t Preferences::operator()(FieldId field, const IntervalSet& possible,
                                      const Packet&) const {
  for (const Product::Part& wanted : wanted_) {
    if (wanted.field != field) continue;
    const IntervalSet both = wanted.values.intersect(possible);
    if (!both.empty()) return both.intervals()[0].first;
  }
  return possible.intervals()[0].first;
}

}  // namespace bulkhead::packet
