// Every set of a tiny universe, every pair of them, every operation: against truth tables.
#include <gtest/gtest.h>

#include <bit>

#include "packet/truth_table.h"

namespace bulkhead::packet {
namespace {

using testing::Tiny;

std::vector<PacketSet> all_sets(const Tiny& tiny) {
  std::vector<PacketSet> sets;
  for (std::uint64_t t = 0; t < tiny.tables(); ++t) sets.push_back(tiny.set(t));
  return sets;
}

TEST(TinyUniverse, EverySetOfTwoFieldsOfTwoBitsHoldsItsPacketsAndHasItsOwnReference) {
  for (bool b_first : {false, true}) {
    const Tiny tiny(2, 2, b_first);
    const std::vector<PacketSet> sets = all_sets(tiny);
    for (std::uint64_t t = 0; t < tiny.tables(); ++t) {
      ASSERT_EQ(tiny.table(sets[t]), t);
      ASSERT_EQ(sets[t].count(), std::popcount(t));
      ASSERT_EQ(sets[t].empty(), t == 0);
      ASSERT_EQ(sets[t].full(), t == tiny.tables() - 1);
      ASSERT_EQ(*sets[t].complement(), sets[~t & (tiny.tables() - 1)]);
    }
    // Equal content in another way gives the equal reference: the complement of the complement's
    // products, and so on; here the union in falling order.
    for (std::uint64_t t = 0; t < tiny.tables(); t += 7) {
      std::vector<PacketSet> parts;
      for (unsigned i = tiny.packets(); i-- > 0;) {
        if ((t >> i & 1) != 0) parts.push_back(sets[std::uint64_t{1} << i]);
      }
      ASSERT_EQ(*tiny.space.any_of(parts), sets[t]);
    }
  }
}

TEST(TinyUniverse, EveryPairOfSetsOfThreeBits) {
  for (bool b_first : {false, true}) {
    const Tiny tiny(2, 1, b_first);
    const std::vector<PacketSet> sets = all_sets(tiny);
    const std::uint64_t n = tiny.tables();
    for (std::uint64_t x = 0; x < n; ++x) {
      for (std::uint64_t y = 0; y < n; ++y) {
        ASSERT_EQ(*sets[x].unite(sets[y]), sets[x | y]) << x << ' ' << y;
        ASSERT_EQ(*sets[x].intersect(sets[y]), sets[x & y]) << x << ' ' << y;
        ASSERT_EQ(*sets[x].subtract(sets[y]), sets[x & ~y]) << x << ' ' << y;
        ASSERT_EQ(*sets[x].subset_of(sets[y]), (x & ~y) == 0) << x << ' ' << y;
        ASSERT_EQ(*sets[x].intersects(sets[y]), (x & y) != 0) << x << ' ' << y;
        ASSERT_EQ(sets[x] == sets[y], x == y);
      }
    }
  }
}

}  // namespace
}  // namespace bulkhead::packet
