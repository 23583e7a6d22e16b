#include "packet/packet_space.h"

#include <cassert>
#include <utility>

#include "packet/operations.h"
#include "packet/store.h"

namespace bulkhead::packet {

// The space itself is one of the references that keep the store alive.
PacketSpace::PacketSpace(Layout layout, Limits limits)
    : store_(new Store(std::move(layout), limits)) {
  store_->retain(kNoneId);
}

PacketSpace::~PacketSpace() {
  if (store_ != nullptr) store_->release(kNoneId);
}

PacketSpace::PacketSpace(PacketSpace&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)) {}

PacketSpace& PacketSpace::operator=(PacketSpace&& other) noexcept {
  std::swap(store_, other.store_);
  return *this;
}

const Layout& PacketSpace::layout() const {
  return store_->layout();
}

PacketSet PacketSpace::none() const {
  return {*store_, kOut};
}
PacketSet PacketSpace::all() const {
  return {*store_, kIn};
}

Result<PacketSet> PacketSpace::set(const Product& product) const {
  return make<PacketSet>(*store_, [&] { return store_->product(product, kIn); });
}

Result<PacketSet> PacketSpace::set(WideField field, std::span<const WideInterval> intervals) const {
  const auto build = [&] {
    std::vector<Id> parts;
    for (const WideInterval& interval : intervals) {
      for (const Product& product : wide_products(field, interval)) {
        parts.push_back(store_->product(product, kIn));
        if (parts.back() == kFailed) return kFailed;
      }
    }
    return packet::first_match(*store_, parts);
  };
  return make<PacketSet>(*store_, build);
}

Result<PacketSet> PacketSpace::any_of(std::span<const PacketSet> sets) const {
  std::vector<Id> ids;
  const PacketSet here = none();
  for (const PacketSet& set : sets) ids.push_back(here.root_of(set));
  return make<PacketSet>(*store_, [&] { return packet::first_match(*store_, ids); });
}

VerdictMap PacketSpace::constant(Leaf leaf) const {
  assert(leaf <= kMaxLeaf);
  return {*store_, leaf_id(leaf)};
}

Result<VerdictMap> PacketSpace::rule(const Product& match, Leaf leaf) const {
  assert(leaf <= kMaxLeaf);
  return make<VerdictMap>(*store_, [&] { return store_->product(match, leaf_id(leaf)); });
}

Result<VerdictMap> PacketSpace::first_match(std::span<const VerdictMap> maps) const {
  std::vector<Id> ids;
  const VerdictMap here = constant(kNone);
  for (const VerdictMap& map : maps) ids.push_back(here.root_of(map));
  return make<VerdictMap>(*store_, [&] { return packet::first_match(*store_, ids); });
}

LeafOperation PacketSpace::operation(std::function<Leaf(Leaf, Leaf)> function) const {
  return {store_, store_->lasting_tag(), std::move(function)};
}

void PacketSpace::collect() {
  store_->collect();
}
Usage PacketSpace::usage() const {
  return store_->usage();
}
void PacketSpace::set_limits(const Limits& limits) {
  store_->set_limits(limits);
}

}  // namespace bulkhead::packet
