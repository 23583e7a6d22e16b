#include "probe/timing.h"

#include <gtest/gtest.h>

namespace bulkhead::probe {
namespace {

TEST(RoundTrip, WaitsLongBeforeAnythingIsKnownAndWithinItsBoundsAfterwards) {
  RoundTrip trip({.first_us = 250'000, .least_us = 80'000, .most_us = 1'500'000});
  EXPECT_FALSE(trip.known());
  EXPECT_EQ(trip.timeout_us(), 250'000U);
  trip.measured(50);
  EXPECT_TRUE(trip.known());
  EXPECT_EQ(trip.timeout_us(), 80'000U);
  for (int i = 0; i < 100; ++i) trip.measured(9'000'000);
  EXPECT_EQ(trip.timeout_us(), 1'500'000U);
}

// RFC 6298 2.2 and 2.3: 100 ms, then 200 ms.
TEST(RoundTrip, CountsTheVariation) {
  RoundTrip trip({});
  trip.measured(100'000);
  EXPECT_EQ(trip.timeout_us(), 100'000U + 4 * 50'000U);
  trip.measured(200'000);
  EXPECT_EQ(trip.smoothed_us(), 112'500U);
  EXPECT_EQ(trip.timeout_us(), 112'500U + 4 * 62'500U);
}

// What is sent by a caller who comes every millisecond, in the second that begins at `from_us`.
std::uint64_t sent_in_a_second(Pace& pace, std::uint64_t from_us) {
  std::uint64_t sum = 0;
  for (std::uint64_t at = from_us; at < from_us + 1'000'000; at += 1000) {
    const std::uint64_t now = pace.allowed(at);
    pace.spent(now);
    sum += now;
  }
  return sum;
}

TEST(Pace, KeepsItsRate) {
  Pace pace(10'000, 64);
  static_cast<void>(sent_in_a_second(pace, 1'000'000));  // it begins slowly
  EXPECT_NEAR(static_cast<double>(sent_in_a_second(pace, 2'000'000)), 10'000, 100);
}

TEST(Pace, BeginsSlowly) {
  Pace pace(160'000, 1);
  EXPECT_NEAR(pace.rate(), 10'000, 1);
}

TEST(Pace, GivesWayWhenAnswersAreLostAndDoesNotComeBackByItself) {
  Pace pace(10'000, 64);
  static_cast<void>(sent_in_a_second(pace, 1'000'000));
  pace.answers_lost();
  EXPECT_NEAR(static_cast<double>(sent_in_a_second(pace, 2'000'000)), 5'000, 100);
  EXPECT_NEAR(static_cast<double>(sent_in_a_second(pace, 3'000'000)), 5'000, 100);
}

TEST(Pace, NeverStops) {
  Pace pace(10'000, 1);
  for (int i = 0; i < 100; ++i) pace.answers_lost();
  EXPECT_GE(pace.rate(), 50);
}

TEST(Pace, SaysWhenTheNextOneMayBe) {
  Pace pace(100, 1);
  pace.at_most(100);
  static_cast<void>(pace.allowed(5'000'000));
  pace.spent(1);
  const std::uint64_t next = pace.next_us(5'000'000);
  EXPECT_EQ(pace.allowed(next - 1000), 0U);
  EXPECT_EQ(pace.allowed(next), 1U);
}

}  // namespace
}  // namespace bulkhead::probe
