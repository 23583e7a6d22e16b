// Destinations in groups, held against what the ranges themselves say of each address.
#include "compile/destinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace bulkhead::compile {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

IpAddress at(std::string_view text) {
  return *IpAddress::parse(text);
}
Right right(int sender, std::uint16_t port) {
  return {IpAddress::v4(10, 0, 0, static_cast<std::uint8_t>(sender)), IpProtocol::kTcp, Port{port}};
}
std::vector<Group> good(const Rights& rights) {
  auto found = groups(rights, 1000);
  EXPECT_TRUE(found) << found.error().message;
  return found.value_or(std::vector<Group>{});
}

TEST(Destinations, EqualRightsAreOneGroup) {
  const Rights rights{{{at("192.0.2.0"), at("192.0.2.255")}, {right(1, 80), right(2, 80)}},
                      {{at("198.51.100.7"), at("198.51.100.7")}, {right(1, 80), right(2, 80)}},
                      {{at("203.0.113.0"), at("203.0.113.255")}, {right(1, 80)}}};
  const auto found = good(rights);
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_THAT(found[0].ranges, ElementsAre(Range{at("192.0.2.0"), at("192.0.2.255")},
                                           Range{at("198.51.100.7"), at("198.51.100.7")}));
  EXPECT_THAT(found[0].rights, ElementsAre(right(1, 80), right(2, 80)));
  EXPECT_THAT(found[1].rights, ElementsAre(right(1, 80)));
}

TEST(Destinations, WithinARangeBothCount) {
  for (const auto& [first, inner, last] :
       {std::tuple{"0.0.0.0", "192.0.2.1", "255.255.255.255"},
        std::tuple{"::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}) {
    const Rights rights{{{at(first), at(last)}, {right(1, 443)}},
                        {{at(inner), at(inner)}, {right(2, 22)}}};
    const auto found = good(rights);
    ASSERT_THAT(found, SizeIs(2)) << first;
    EXPECT_THAT(found[0].ranges, ElementsAre(Range{at(first), at(inner).previous()},
                                             Range{at(inner).next(), at(last)}));
    EXPECT_THAT(found[0].rights, ElementsAre(right(1, 443)));
    EXPECT_THAT(found[1].rights, ElementsAre(right(1, 443), right(2, 22)));
  }
}

TEST(Destinations, SayHowManyAreTooMany) {
  Rights rights;
  for (int i = 0; i < 20; ++i) {
    rights[{IpAddress::v4(192, 0, 2, 0), IpAddress::v4(192, 0, 2, static_cast<std::uint8_t>(i))}] =
        {right(i, 80)};
  }
  EXPECT_TRUE(groups(rights, 1000));
  const auto refused = groups(rights, 100);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBudget);
}

// Random ranges over 32 addresses: each address lies in the one group that has its rights, or in
// none.
TEST(Destinations, HoldForEachAddressWhatItsRangesGive) {
  std::mt19937 random(20261129);
  const auto pick = [&random](int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random);
  };
  const auto address = [](int n) {
    return IpAddress::v4(255, 255, 255, static_cast<std::uint8_t>(224 + n));  // up to the last one
  };
  for (int round = 0; round < 500; ++round) {
    Rights rights;
    for (int i = pick(8); i > 0; --i) {
      const int first = pick(32), length = pick(32 - first);
      rights[{address(first), address(first + length)}].insert(
          right(pick(3), static_cast<std::uint16_t>(80 + pick(2))));
    }
    const auto found = good(rights);
    for (int n = 0; n < 32; ++n) {
      std::set<Right> wanted;
      for (const auto& [range, mine] : rights) {
        if (range.first <= address(n) && address(n) <= range.last)
          wanted.insert(mine.begin(), mine.end());
      }
      std::set<Right> got;
      int in = 0;
      for (const Group& group : found) {
        for (const Range& range : group.ranges) {
          if (address(n) < range.first || range.last < address(n)) continue;
          ++in;
          got = group.rights;
        }
      }
      ASSERT_EQ(got, wanted) << "round " << round << ", address " << n;
      ASSERT_EQ(in, wanted.empty() ? 0 : 1) << "round " << round << ", address " << n;
    }
  }
}

}  // namespace
}  // namespace bulkhead::compile
