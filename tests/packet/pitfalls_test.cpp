// What went wrong, or slow, when this was first tried: each once more, as a test.
#include <gtest/gtest.h>

#include <cmath>

#include "packet/bit_groups.h"
#include "packet/packet_space.h"
#include "packet/rulesets.h"

namespace bulkhead::packet {
namespace {

TEST(Pitfalls, ReversedRangesNeverMatch) {
  EXPECT_TRUE(IntervalSet::range(60000, 29).empty());
  EXPECT_EQ(IntervalSet::of({{60000, 29}, {7, 8}}), IntervalSet::range(7, 8));
  const PacketSpace space(*Layout::make({{"dport", 16}}));
  EXPECT_TRUE(space.set(Product().where({0}, IntervalSet::range(60000, 29)))->empty());
  // `! --dport 60000:29` matches always.
  const IntervalSet negated = IntervalSet::range(60000, 29).complement(16);
  EXPECT_TRUE(space.set(Product().where({0}, negated))->full());
}

TEST(Pitfalls, IntervalsPastTheEndOfAFieldAreCut) {
  const PacketSpace space(*Layout::make({{"a", 4}, {"b", 64}}));
  EXPECT_TRUE(space.set(Product().where({0}, IntervalSet::range(0, 99)))->full());
  EXPECT_TRUE(space.set(Product().where({0}, IntervalSet::range(16, 99)))->empty());
  EXPECT_EQ(space.set(Product().where({0}, IntervalSet::range(14, 99)))->values({0}),
            IntervalSet::range(14, 15));
  // The greatest number of all: behind it there is no next one.
  const std::uint64_t top = max_value(64);
  const PacketSet last = *space.set(Product().where({1}, IntervalSet::single(top)));
  EXPECT_EQ(last.values({1}), IntervalSet::single(top));
  EXPECT_EQ(last.complement()->values({1}), IntervalSet::range(0, top - 1));
}

class Ipv6 : public ::testing::Test {
 protected:
  static constexpr WideField kAddress{{0}, {1}};
  bool contains(const PacketSet& set, Wide address) const {
    Packet packet = space.layout().packet();
    packet[kAddress.high] = address.high;
    packet[kAddress.low] = address.low;
    return set.contains(packet);
  }
  PacketSpace space{*Layout::make({{"high", 64}, {"low", 64}})};
};

TEST_F(Ipv6, PrefixesOnBothSidesOf64Bits) {
  constexpr Wide kHost{0x20010db800010002, 0x0003000400050006};
  for (const unsigned length : {0U, 1U, 32U, 63U, 64U, 65U, 96U, 127U, 128U}) {
    const WideInterval prefix = wide_prefix(kHost, length);
    EXPECT_LE(wide_products(kAddress, prefix).size(), 1U) << length;
    const PacketSet set = *space.set(kAddress, std::span(&prefix, 1));
    EXPECT_TRUE(contains(set, kHost)) << length;
    EXPECT_EQ(set.count(), std::ldexp(1.0L, static_cast<int>(128 - length))) << length;
    if (length == 0) continue;
    Wide other = kHost;  // differs in the last bit of the prefix
    (length > 64 ? other.low : other.high) ^= std::uint64_t{1}
                                              << (length > 64 ? 128 - length : 64 - length);
    EXPECT_FALSE(contains(set, other)) << length;
  }
}

TEST_F(Ipv6, NegatedPrefixLongerThan64IsTwoProducts) {
  constexpr Wide kHost{0x20010db800000000, 1};
  const WideInterval prefix = wide_prefix(kHost, 96);
  const PacketSet outside = *space.set(kAddress, std::span(&prefix, 1))->complement();
  EXPECT_FALSE(contains(outside, kHost));
  EXPECT_TRUE(contains(outside, {kHost.high, std::uint64_t{1} << 32}));  // the same first half
  EXPECT_TRUE(contains(outside, {kHost.high + 1, 1}));                   // the same second half
  EXPECT_EQ(outside.products(10).products.size(), 2U);
}

TEST_F(Ipv6, RangesAcrossHalves) {
  const std::uint64_t top = max_value(64);
  struct Row {
    WideInterval range;
    std::size_t products;
  };
  const Row rows[] = {{{{1, 5}, {1, 9}}, 1},   {{{1, 5}, {2, 9}}, 2},
                      {{{1, 5}, {3, 9}}, 3},   {{{1, 0}, {3, 9}}, 2},
                      {{{1, 5}, {3, top}}, 2}, {{{1, 0}, {3, top}}, 1},
                      {{{0, 0}, {0, 0}}, 1},   {{{0, 0}, {top, top}}, 1},
                      {{{3, 9}, {1, 5}}, 0},   {{{top, 1}, {top, top}}, 1}};
  for (const Row& row : rows) {
    const auto products = wide_products(kAddress, row.range);
    EXPECT_EQ(products.size(), row.products);
    const PacketSet set = *space.set(kAddress, std::span(&row.range, 1));
    for (const Wide probe : {Wide{0, 0},
                             {1, 0},
                             {1, 4},
                             {1, 5},
                             {1, 9},
                             {1, 10},
                             {2, 0},
                             {2, top},
                             {3, 0},
                             {3, 9},
                             {3, 10},
                             {4, 0},
                             {top, 0},
                             {top, 1},
                             {top, top}}) {
      EXPECT_EQ(contains(set, probe), row.range.first <= probe && probe <= row.range.last)
          << probe.high << ':' << probe.low;
    }
  }
}

TEST(Pitfalls, MasksOfAMarkAreOneIntervalPerGroup) {
  const std::uint64_t masks[] = {0x4000, 0xff, 0x40, 0xf0000000};
  const BitGroups groups = BitGroups::of(32, masks);
  std::vector<Field> fields;
  std::vector<FieldId> ids;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    fields.push_back({"mark" + std::to_string(i), groups.bits(i)});
    ids.push_back({static_cast<std::uint8_t>(i)});
  }
  const PacketSpace space(*Layout::make(fields));
  const auto packet = [&](std::uint64_t mark) {
    Packet result = space.layout().packet();
    for (std::size_t i = 0; i < groups.size(); ++i) result[ids[i]] = groups.extract(i, mark);
    return result;
  };
  const std::uint64_t marks[] = {0,    0x40,       0x4000,     0x4040,    0xff,
                                 0x80, 0xdeadbeef, 0xffffffff, 0xa0000000};
  for (const std::uint64_t mask : masks) {
    const PacketSet set = *space.set(*groups.match(ids, 0x40 & mask, mask));
    EXPECT_LE(set.size().edges, 6U);  // where one field of 32 bits has 131,072 for 0x4000
    for (const std::uint64_t mark : marks) {
      EXPECT_EQ(set.contains(packet(mark)), (mark & mask) == (0x40 & mask)) << mark << ' ' << mask;
    }
  }
  EXPECT_FALSE(groups.match(ids, 0x100, 0xff)) << "a bit outside the mask never matches";
  EXPECT_TRUE(groups.match(ids, 0, 0)->parts().empty());
  for (const std::uint64_t mark : marks) {
    std::uint64_t again = 0;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      again |= groups.deposit(i, groups.extract(i, mark));
    }
    EXPECT_EQ(again, mark);
  }
}

TEST(Pitfalls, MaskedChangesOfAMark) {
  struct Row {
    std::uint64_t value, mask;
  };
  // --set-mark, --set-xmark with bits that flip, --or-mark, --and-mark.
  const Row rows[] = {{0x10, 0xffffffff}, {0x1, 0xff}, {0x101, 0x1}, {0x4000, 0x4000}, {0, 0xff00}};
  std::vector<std::uint64_t> masks;
  for (const Row& row : rows) masks.insert(masks.end(), {row.value, row.mask});
  const BitGroups groups = BitGroups::of(32, masks);
  std::vector<Field> fields;
  std::vector<FieldId> ids;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    fields.push_back({"mark" + std::to_string(i), groups.bits(i)});
    ids.push_back({static_cast<std::uint8_t>(i)});
  }
  const PacketSpace space(*Layout::make(fields));
  const auto single = [&](std::uint64_t mark) {
    Product product;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      product.where(ids[i], IntervalSet::single(groups.extract(i, mark)));
    }
    return *space.set(product);
  };
  for (const Row& row : rows) {
    for (const std::uint64_t mark : {0x0ULL, 0x1ULL, 0x100ULL, 0x4321ULL, 0xffffffffULL}) {
      const Rewrite rewrite = groups.set(ids, row.value, row.mask);
      EXPECT_EQ(*single(mark).image(rewrite), single((mark & ~row.mask) ^ row.value))
          << std::hex << mark << ' ' << row.value << '/' << row.mask;
    }
  }
}

TEST(Pitfalls, MaskThatSplitsAWholeFieldIsRefusedNotExpanded) {
  const auto split = IntervalSet::masked(0x40, 0x40, 32);
  ASSERT_FALSE(split);
  EXPECT_EQ(split.error().code, ErrorCode::kBudget);
  // TCP flags are narrow enough: syn of syn,rst,ack,fin.
  const auto flags = IntervalSet::masked(0x02, 0x17, 8);
  ASSERT_TRUE(flags);
  EXPECT_LE(flags->intervals().size(), 128U);
  for (std::uint64_t v = 0; v < 256; ++v) EXPECT_EQ(flags->contains(v), (v & 0x17) == 0x02);
}

TEST(Pitfalls, MacBesideTheSourceKeepsMacRulesSmall) {
  // A rule per host, by address and MAC: with the MAC next to the source a host is a node; below
  // all else each host would take a copy of the rest.
  const testing::Ruleset rules = testing::campus(600);
  const std::vector<FieldId> beside = {};
  const std::vector<FieldId> below = {testing::kIif,   testing::kSrc,   testing::kOif,
                                      testing::kDst,   testing::kState, testing::kProto,
                                      testing::kFlags, testing::kDport, testing::kSport,
                                      testing::kMay,   testing::kMac};
  const PacketSpace good(*Layout::make(testing::v4_fields(), beside));
  const PacketSpace bad(*Layout::make(testing::v4_fields(), below));
  const auto good_size = testing::compile(good, rules)->size();
  const auto bad_size = testing::compile(bad, rules)->size();
  EXPECT_LT(good_size.nodes * 4, bad_size.nodes);
}

TEST(Pitfalls, CacheIsSmallAtFirstAndGrowsWithTheNodes) {
  const PacketSpace space = testing::v4_space();
  const PacketSet one = *space.set(Product().where(testing::kDport, IntervalSet::single(22)));
  EXPECT_FALSE(one.empty());
  const std::size_t edges_reserved = (std::size_t{1} << 18) * 12;
  EXPECT_LT(space.usage().bytes, edges_reserved + (std::size_t{1} << 18));
  const std::size_t before = space.usage().bytes;
  const VerdictMap map = *testing::compile(space, testing::campus(600));
  EXPECT_GT(map.size().nodes, 1000U);
  EXPECT_GT(space.usage().bytes, before);
}

}  // namespace
}  // namespace bulkhead::packet
