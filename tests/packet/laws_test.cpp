// Laws on sets too large to try all: three fields of 8, 16 and 64 bits, against a list of boxes.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "packet/packet_space.h"
#include "packet/reference.h"

namespace bulkhead::packet {
namespace {

using testing::Box;
using testing::Boxes;
using testing::Range;

constexpr unsigned kBits[] = {8, 16, 64};
constexpr FieldId kFields[] = {{0}, {1}, {2}};

PacketSpace space() {
  static constexpr FieldId kOrders[][3] = {{{0}, {1}, {2}}, {{2}, {0}, {1}}};
  const auto& order = kOrders[*rc::gen::inRange(0, 2)];
  return PacketSpace(*Layout::make({{"a", kBits[0]}, {"b", kBits[1]}, {"c", kBits[2]}},
                                   {order[0], order[1], order[2]}));
}

Box everything() {
  return {{0, max_value(8)}, {0, max_value(16)}, {0, max_value(64)}};
}

// Values near each other, so that intervals meet, and near the ends.
std::uint64_t value(unsigned bits) {
  const std::uint64_t middle =
      *rc::gen::element<std::uint64_t>(0, 7, std::uint64_t{1} << (bits / 2), max_value(bits));
  return (middle + *rc::gen::inRange<std::uint64_t>(0, 8)) & max_value(bits);
}

Range range(unsigned bits) {
  const std::uint64_t x = value(bits), y = value(bits);
  return {std::min(x, y), std::max(x, y)};
}

// Counts past 2^64 are rounded where they are summed, and the order of sums differs.
bool close(long double a, long double b) {
  return std::abs(a - b) <= 16 * std::numeric_limits<long double>::epsilon() * std::abs(b);
}

struct Both {  // the same set twice
  PacketSet set;
  Boxes boxes;
};

Both some_set(const PacketSpace& space) {
  Both both{space.none(), Boxes(everything())};
  for (int i = *rc::gen::inRange(0, 6); i > 0; --i) {
    Box box = everything();
    Product product;
    for (std::size_t f = 0; f < 3; ++f) {
      if (*rc::gen::inRange(0, 3) == 0) continue;
      box[f] = range(kBits[f]);
      product.where(kFields[f], IntervalSet::range(box[f].first, box[f].last));
    }
    both.boxes.add(box);
    both.set = *both.set.unite(*space.set(product));
  }
  return both;
}

// The boxes as a set, built in another way than the set was.
PacketSet rebuilt(const PacketSpace& space, const Boxes& boxes) {
  std::vector<PacketSet> parts;
  for (const Box& box : boxes.list()) {
    Product product;
    for (std::size_t f = 0; f < 3; ++f) {
      product.where(kFields[f], IntervalSet::range(box[f].first, box[f].last));
    }
    parts.push_back(*space.set(product));
  }
  return *space.any_of(parts);
}

RC_GTEST_PROP(Laws, SetsAreTheBoxesTheyWereMadeOf, ()) {
  const PacketSpace here = space();
  const Both x = some_set(here), y = some_set(here);
  RC_ASSERT(x.set == rebuilt(here, x.boxes));
  RC_ASSERT(*x.set.unite(y.set) == rebuilt(here, x.boxes.unite(y.boxes)));
  RC_ASSERT(*x.set.intersect(y.set) == rebuilt(here, x.boxes.intersect(y.boxes)));
  RC_ASSERT(*x.set.subtract(y.set) == rebuilt(here, x.boxes.subtract(y.boxes)));
  RC_ASSERT(*x.set.complement() == rebuilt(here, x.boxes.complement()));
  RC_ASSERT(*x.set.subset_of(y.set) == x.boxes.subtract(y.boxes).empty());
  RC_ASSERT(*x.set.intersects(y.set) == !x.boxes.intersect(y.boxes).empty());
  RC_ASSERT((x.set == y.set) == x.boxes.same(y.boxes));
}

RC_GTEST_PROP(Laws, ChangesOfAFieldAreThoseOfTheBoxes, ()) {
  const PacketSpace here = space();
  const Both x = some_set(here);
  const std::size_t f = *rc::gen::inRange<std::size_t>(0, 3);
  const Assign assign{kFields[f], value(kBits[f])};
  RC_ASSERT(*x.set.image({assign}) == rebuilt(here, x.boxes.assign(f, assign.value)));
  RC_ASSERT(*x.set.preimage({assign}) == rebuilt(here, x.boxes.cofactor(f, assign.value)));
  RC_ASSERT(*x.set.project(std::span(&kFields[f], 1)) == rebuilt(here, x.boxes.project(f)));
  const Range chosen = range(kBits[f]);
  RC_ASSERT(*x.set.cofactor(kFields[f], IntervalSet::range(chosen.first, chosen.last)) ==
            rebuilt(here, x.boxes.cut_to(f, chosen).project(f)));
  const IntervalSet values = x.set.values(kFields[f]);
  const std::uint64_t v = value(kBits[f]);
  RC_ASSERT(values.contains(v) == !x.boxes.cut_to(f, {v, v}).empty());
}

RC_GTEST_PROP(Laws, OffsetAndInvertGoThereAndBack, ()) {
  const PacketSpace here = space();
  const Both x = some_set(here);
  const std::size_t f = *rc::gen::inRange<std::size_t>(0, 3);
  const Offset there{kFields[f], value(kBits[f])};
  const PacketSet moved = *x.set.image({there});
  RC_ASSERT(close(moved.count(), x.set.count()));
  RC_ASSERT(*moved.preimage({there}) == x.set);
  RC_ASSERT(*moved.image({Offset{kFields[f], ~there.delta + 1}}) == x.set);
  RC_ASSERT(*x.set.image({Invert{kFields[f]}, Invert{kFields[f]}}) == x.set);
  if (const auto witness = x.set.witness()) {
    Packet packet = *witness;
    packet[kFields[f]] = (packet[kFields[f]] + there.delta) & max_value(kBits[f]);
    RC_ASSERT(moved.contains(packet));
  }
}

RC_GTEST_PROP(Laws, CountAndProductsAgree, ()) {
  const PacketSpace here = space();
  const Both x = some_set(here);
  const long double count = x.boxes.count();
  RC_ASSERT(close(x.set.count(), count));
  const Products products = x.set.products(100000);
  RC_ASSERT(products.complete);
  PacketSet together = here.none();
  for (const Product& product : products.products) {
    const PacketSet part = *here.set(product);
    RC_ASSERT(!*part.intersects(together));
    together = *together.unite(part);
  }
  RC_ASSERT(together == x.set);
  if (!products.products.empty()) {
    RC_ASSERT(!x.set.products(products.products.size() - 1).complete);
  }
}

RC_GTEST_PROP(Laws, AlgebraOfThreeSets, ()) {
  const PacketSpace here = space();
  const PacketSet x = some_set(here).set, y = some_set(here).set, z = some_set(here).set;
  RC_ASSERT(*x.subtract(y)->unite(*x.intersect(y)) == x);
  RC_ASSERT(*x.unite(*y.intersect(z)) == *x.unite(y)->intersect(*x.unite(z)));
  RC_ASSERT(*x.unite(y)->complement() == *x.complement()->intersect(*y.complement()));
  // Image and preimage are adjoint: r(x) within y exactly when x within the preimage of y.
  const Rewrite rewrite{Assign{kFields[0], value(8)}, Offset{kFields[1], value(16)},
                        Assign{kFields[2], value(64)}};
  RC_ASSERT(*x.image(rewrite)->subset_of(y) == *x.subset_of(*y.preimage(rewrite)));
}

RC_GTEST_PROP(Laws, FirstMatchIsThatOfTheList, ()) {
  const PacketSpace here = space();
  std::vector<testing::ReferenceRule> rules;
  std::vector<VerdictMap> maps;
  for (int i = *rc::gen::inRange(0, 7); i > 0; --i) {
    const Both match = some_set(here);
    const auto leaf = static_cast<Leaf>(*rc::gen::inRange(1, 4));
    rules.push_back({match.boxes, leaf});
    maps.push_back(*match.set.to_map(leaf));
  }
  const VerdictMap whole = *here.first_match(maps);
  VerdictMap from_left = here.constant(kNone);
  for (const VerdictMap& map : maps) from_left = *from_left.over(map);
  RC_ASSERT(whole == from_left);
  for (int i = 0; i < 50; ++i) {
    Packet packet = here.layout().packet();
    testing::Values values;
    for (std::size_t f = 0; f < 3; ++f) {
      values.push_back(value(kBits[f]));
      packet[kFields[f]] = values.back();
    }
    RC_ASSERT(whole.at(packet) == testing::first_match(rules, values));
  }
  PacketSet all = here.none();
  for (const Leaf leaf : whole.leaves()) {
    const PacketSet part = *whole.where(leaf);
    RC_ASSERT(!part.empty() && !*part.intersects(all));
    all = *all.unite(part);
  }
  RC_ASSERT(all.full());
}

RC_GTEST_PROP(Laws, IntervalSetsAreSetsOfNumbers, ()) {
  std::vector<Interval> x_parts, y_parts;
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) x_parts.push_back({value(8), value(8)});
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) y_parts.push_back({value(8), value(8)});
  const IntervalSet x = IntervalSet::of(x_parts), y = IntervalSet::of(y_parts);
  const auto in = [](const std::vector<Interval>& parts, std::uint64_t v) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](const Interval& i) { return i.first <= v && v <= i.last; });
  };
  int members = 0;
  for (std::uint64_t v = 0; v < 256; ++v) {
    const bool in_x = in(x_parts, v), in_y = in(y_parts, v);
    members += in_x;
    RC_ASSERT(x.contains(v) == in_x);
    RC_ASSERT(x.unite(y).contains(v) == (in_x || in_y));
    RC_ASSERT(x.intersect(y).contains(v) == (in_x && in_y));
    RC_ASSERT(x.complement(8).contains(v) == !in_x);
  }
  RC_ASSERT(x.count() == members);
  RC_ASSERT(x.complement(8).complement(8) == x);
  const std::uint64_t mask = value(8), wanted = value(8);
  const auto masked = IntervalSet::masked(wanted, mask, 8);
  RC_ASSERT(masked.has_value());
  for (std::uint64_t v = 0; v < 256; ++v) RC_ASSERT(masked->contains(v) == ((v & mask) == wanted));
}

}  // namespace
}  // namespace bulkhead::packet
