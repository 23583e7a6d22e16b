#include "probe/second_hand.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace bulkhead::probe {
namespace {

TEST(SecondHand, DoesEachThingOnceHoweverMuchThereIs) {
  SecondHand hands;
  for (std::size_t count = 0; count < 300; ++count) {
    std::vector<int> done(count);  // each element is one thread's alone
    hands.share(count, [&](std::size_t index, SecondHand::Hand) { ++done.at(index); });
    for (const int times : done) ASSERT_EQ(times, 1) << "of " << count;
  }
}

TEST(SecondHand, BothWorkWhereThereAreTwoProcessors) {
  SecondHand hands;
  if (!hands.is_there()) return;  // one processor: the test above is all there is to say
  std::atomic<int> own = 0, second = 0;
  hands.share(200, [&](std::size_t, SecondHand::Hand hand) {
    ++(hand == SecondHand::Hand::kOwn ? own : second);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  EXPECT_EQ(own + second, 200);
  EXPECT_GT(own, 0);
  EXPECT_GT(second, 0);
}

}  // namespace
}  // namespace bulkhead::probe
