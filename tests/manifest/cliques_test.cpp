// Groups of those who may talk: nobody meets whom he may not talk to, and all who may talk do.
#include "manifest/cliques.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace bulkhead::manifest {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Cliques, EqualPartnersAreOneGroupAndAStarIsMany) {
  EXPECT_THAT(groups_of({}), IsEmpty());
  EXPECT_THAT(groups_of({{0, 1}, {0, 2}, {1, 2}}), ElementsAre(ElementsAre(0, 1, 2)));
  EXPECT_THAT(groups_of({{0, 1}, {0, 2}, {0, 3}}), SizeIs(3));
  EXPECT_THAT(groups_of({{0, 1}, {0, 2}, {1, 2}, {1, 3}, {2, 3}}),
              ElementsAre(ElementsAre(0, 1, 2), ElementsAre(1, 2, 3)));
}

TEST(Cliques, MeetExactlyThosePairs) {
  EXPECT_TRUE(rc::check("groups of random pairs", [] {
    const std::size_t nodes = *rc::gen::inRange<std::size_t>(2, 9);
    std::set<Pair> pairs, met;
    for (std::size_t a = 0; a < nodes; ++a) {
      for (std::size_t b = a + 1; b < nodes; ++b) {
        if (*rc::gen::inRange(0, 2) == 1) pairs.insert({a, b});
      }
    }
    const auto groups = groups_of(pairs);
    for (const auto& group : groups) {
      RC_ASSERT(group.size() >= 2U);
      for (std::size_t i = 0; i < group.size(); ++i) {
        for (std::size_t j = i + 1; j < group.size(); ++j) met.insert({group[i], group[j]});
      }
    }
    RC_ASSERT(met == pairs);
    RC_ASSERT(groups.size() <= pairs.size());
  }));
}

TEST(Cliques, OfHundredsWhoAllTalkThereIsOne) {
  std::set<Pair> pairs;
  for (std::size_t a = 0; a < 400; ++a) {
    for (std::size_t b = a + 1; b < 400; ++b) pairs.insert({a, b});
  }
  EXPECT_THAT(groups_of(pairs), ElementsAre(SizeIs(400)));
}

}  // namespace
}  // namespace bulkhead::manifest
