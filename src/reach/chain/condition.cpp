#include "reach/chain/condition.h"

#include <algorithm>
#include <utility>

namespace bulkhead::reach {

using packet::IntervalSet;
using packet::PacketSet;
using packet::PacketSpace;
using packet::Product;
using packet::VerdictMap;

Cube Cube::none() {
  Cube out;
  out.never_ = true;
  return out;
}

Cube Cube::of(Product product) {
  Cube out;
  out.product_ = std::move(product);
  out.never_ = std::any_of(out.product_.parts().begin(), out.product_.parts().end(),
                           [](const Product::Part& part) { return part.values.empty(); });
  return out;
}

Cube Cube::of(PacketSet set) {
  if (set.empty()) return none();
  Cube out;
  if (!set.full()) out.sets_.push_back(std::move(set));
  return out;
}

Cube Cube::where(packet::FieldId field, IntervalSet values) {
  Cube out;
  out.and_where(field, std::move(values));
  return out;
}

void Cube::and_where(packet::FieldId field, IntervalSet values) {
  if (never_) return;
  product_.where(field, std::move(values));
  if (product_.find(field)->empty()) *this = none();
}

void Cube::and_also(const Product& product) {
  for (const Product::Part& part : product.parts()) and_where(part.field, part.values);
}

void Cube::and_also(const Cube& other) {
  if (never_) return;
  if (other.never_) {
    *this = none();
    return;
  }
  and_also(other.product_);
  if (!never_) sets_.insert(sets_.end(), other.sets_.begin(), other.sets_.end());
}

Result<PacketSet> Cube::set(const PacketSpace& space) const {
  if (never_) return space.none();
  auto out = space.set(product_);
  for (const PacketSet& more : sets_) {
    if (!out) return out;
    out = out->intersect(more);
  }
  return out;
}

Result<Cube> Cube::complement(const PacketSpace& space) const {
  if (never_) return Cube();
  if (always()) return none();
  const auto parts = product_.parts();
  if (sets_.empty() && parts.size() == 1) {
    return where(parts[0].field, parts[0].values.complement(space.layout().bits(parts[0].field)));
  }
  const auto inside = set(space);
  if (!inside) return std::unexpected(inside.error());
  auto outside = inside->complement();
  if (!outside) return std::unexpected(outside.error());
  return of(*std::move(outside));
}

Result<VerdictMap> Cube::rule(const PacketSpace& space, packet::Leaf leaf) const {
  if (never_ || leaf == packet::kNone) return space.constant(packet::kNone);
  if (sets_.empty()) return space.rule(product_, leaf);
  const auto inside = set(space);
  if (!inside) return std::unexpected(inside.error());
  return inside->to_map(leaf);
}

Result<VerdictMap> Cube::mask(const PacketSpace& space, const VerdictMap& map) const {
  if (never_) return space.constant(packet::kNone);
  if (always()) return map;
  const auto inside = set(space);
  if (!inside) return std::unexpected(inside.error());
  return map.mask(*inside);
}

namespace {

// The one field on which all products depend, when it is one.
const Product::Part* only_part(const Product& product) {
  return product.parts().size() == 1 ? product.parts().data() : nullptr;
}

}  // namespace

Result<Cube> any_of(const PacketSpace& space, const std::vector<Product>& products) {
  if (products.empty()) return Cube::none();
  if (products.size() == 1) return Cube::of(products.front());
  const Product::Part* first = only_part(products.front());
  const bool one_field =
      first != nullptr && std::all_of(products.begin(), products.end(), [&](const Product& p) {
        return only_part(p) != nullptr && only_part(p)->field == first->field;
      });
  if (one_field) {
    std::vector<packet::Interval> all;
    for (const Product& p : products) {
      const auto list = p.parts()[0].values.intervals();
      all.insert(all.end(), list.begin(), list.end());
    }
    return Cube::where(first->field, IntervalSet::of(std::move(all)));
  }
  std::vector<PacketSet> sets;
  sets.reserve(products.size());
  for (const Product& p : products) {
    auto set = space.set(p);
    if (!set) return std::unexpected(set.error());
    sets.push_back(*std::move(set));
  }
  auto out = space.any_of(sets);
  if (!out) return std::unexpected(out.error());
  return Cube::of(*std::move(out));
}

Result<Cube> any_of(const PacketSpace& space, const std::vector<Cube>& cubes) {
  std::vector<Product> products;
  for (const Cube& cube : cubes) {
    if (cube.always()) return Cube();
    if (cube.is_product()) products.push_back(cube.product());
  }
  auto out = any_of(space, products);
  if (!out) return out;
  std::vector<PacketSet> sets;
  for (const Cube& cube : cubes) {
    if (cube.is_product() || cube.never()) continue;
    auto set = cube.set(space);
    if (!set) return std::unexpected(set.error());
    sets.push_back(*std::move(set));
  }
  if (sets.empty()) return out;
  auto first = out->set(space);
  if (!first) return std::unexpected(first.error());
  sets.push_back(*std::move(first));
  auto all = space.any_of(sets);
  if (!all) return std::unexpected(all.error());
  return Cube::of(*std::move(all));
}

void Condition::and_also(const Condition& other) {
  if (doubt || other.doubt) {
    Cube both = at_most();
    both.and_also(other.at_most());
    possible = std::move(both);
    if (why == ReasonId{}) why = other.why;
  }
  doubt = doubt || other.doubt;
  yes.and_also(other.yes);
}

void Condition::and_also(const Cube& cube) {
  yes.and_also(cube);
  if (doubt) possible.and_also(cube);
}

Result<Condition> complement(const PacketSpace& space, const Condition& c) {
  auto no = c.at_most().complement(space);
  if (!no) return std::unexpected(no.error());
  if (!c.doubt) return Condition::certain(*std::move(no));
  auto possible = c.yes.complement(space);
  if (!possible) return std::unexpected(possible.error());
  return Condition{*std::move(no), true, *std::move(possible), c.why};
}

Result<Condition> any_of(const PacketSpace& space, const std::vector<Condition>& conditions) {
  std::vector<Cube> yes, possible;
  Condition out;
  for (const Condition& c : conditions) {
    yes.push_back(c.yes);
    possible.push_back(c.at_most());
    out.doubt = out.doubt || c.doubt;
    if (out.why == ReasonId{}) out.why = c.why;
  }
  auto surely = any_of(space, yes);
  if (!surely) return std::unexpected(surely.error());
  out.yes = *std::move(surely);
  if (!out.doubt) return out;
  auto maybe = any_of(space, possible);
  if (!maybe) return std::unexpected(maybe.error());
  out.possible = *std::move(maybe);
  return out;
}

}  // namespace bulkhead::reach
