// Work done ahead on several threads comes in its order, whatever each piece takes.
#include "base/in_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "threads/processors.h"

namespace bulkhead {
namespace {

using namespace std::chrono_literals;

class InOrderTest : public testing::TestWithParam<std::size_t> {
 protected:
  threads::Processors workers_{GetParam(), GetParam()};
  std::vector<std::size_t> taken_;
  Status take(std::size_t i, std::size_t square) {
    EXPECT_EQ(square, i * i);
    taken_.push_back(i);
    return {};
  }
};

TEST_P(InOrderTest, TakesEachOnceAndInOrder) {
  std::atomic<std::size_t> made{0};
  const Status done = InOrder<std::size_t>(500, workers_, 4)
                          .run(
                              [&](std::size_t worker, std::size_t i) -> Result<std::size_t> {
                                EXPECT_LT(worker, GetParam());
                                if (i % 7 == 0) std::this_thread::sleep_for(1ms);
                                ++made;
                                return i * i;
                              },
                              [&](std::size_t i, std::size_t n) { return take(i, n); });
  EXPECT_TRUE(done);
  EXPECT_EQ(made, 500U);
  ASSERT_EQ(taken_.size(), 500U);
  for (std::size_t i = 0; i < taken_.size(); ++i) EXPECT_EQ(taken_[i], i);
}

TEST_P(InOrderTest, EndsWithTheFirstErrorInTheirOrder) {
  const Status done = InOrder<std::size_t>(500, workers_, 4)
                          .run(
                              [](std::size_t, std::size_t i) -> Result<std::size_t> {
                                if (i == 20) std::this_thread::sleep_for(5ms);
                                if (i == 20 || i == 21)
                                  return fail(ErrorCode::kBudget, "number " + std::to_string(i));
                                return i * i;
                              },
                              [&](std::size_t i, std::size_t n) { return take(i, n); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "number 20");
  EXPECT_EQ(taken_.size(), 20U);
}

TEST_P(InOrderTest, EndsWithTheErrorOfWhoTakes) {
  const Status done = InOrder<std::size_t>(500, workers_, 4)
                          .run([](std::size_t, std::size_t i) -> Result<std::size_t> { return i; },
                               [&](std::size_t i, std::size_t) -> Status {
                                 taken_.push_back(i);
                                 if (i == 3) return fail(ErrorCode::kInvalidInput, "enough");
                                 return {};
                               });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "enough");
  EXPECT_EQ(taken_.size(), 4U);
}

TEST_P(InOrderTest, ThrowsWhatWorkThrows) {
  const auto run = [&] {
    return InOrder<std::size_t>(500, workers_, 4)
        .run(
            [](std::size_t, std::size_t i) -> Result<std::size_t> {
              if (i == 5) throw std::runtime_error("number 5");
              return i * i;
            },
            [&](std::size_t i, std::size_t n) { return take(i, n); });
  };
  EXPECT_THROW(static_cast<void>(run()), std::runtime_error);
  EXPECT_EQ(taken_.size(), 5U);
}

// Results do not pile up while the first is waited for.
TEST_P(InOrderTest, WorksAheadNoFurtherThanItMay) {
  std::atomic<std::size_t> last{0}, most{0};
  std::size_t next = 0;
  const Status done =
      InOrder<std::size_t>(500, workers_, 4)
          .run(
              [&](std::size_t, std::size_t i) -> Result<std::size_t> {
                if (i == 0) std::this_thread::sleep_for(20ms);
                for (std::size_t seen = most; i > seen && !most.compare_exchange_weak(seen, i);) {
                }
                return i * i;
              },
              [&](std::size_t i, std::size_t) -> Status {
                if (i == 0) last = most.load();
                next = i + 1;
                return {};
              });
  EXPECT_TRUE(done);
  EXPECT_EQ(next, 500U);
  EXPECT_LE(last, InOrder<std::size_t>::kAhead * GetParam());
}

TEST_P(InOrderTest, OfNothingThereIsNothingToTake) {
  const Status done = InOrder<std::size_t>(0, workers_, 4)
                          .run([](std::size_t, std::size_t i) -> Result<std::size_t> { return i; },
                               [&](std::size_t i, std::size_t n) { return take(i, n); });
  EXPECT_TRUE(done);
  EXPECT_TRUE(taken_.empty());
}

INSTANTIATE_TEST_SUITE_P(OfThreads, InOrderTest, testing::Values(1, 2, 4));

}  // namespace
}  // namespace bulkhead
