// Rows that several threads compute are those that one computes, in the order asked for.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "audit/random_host.h"
#include "threads/processors.h"
#include "views/asked.h"

namespace bulkhead::views {
namespace {

using testing::Asked;

std::string text(const Cell& cell) {
  std::string out = std::string(to_string(cell.verdict)) + (cell.some ? " some" : "") +
                    (cell.forged ? " forged" : "") + (cell.contradicted ? " contradicted " : " ") +
                    cell.reason.get();
  for (const verify::Reached& way : cell.ways)
    out += "; " + way.witness.to.to_string() + " " + std::to_string(way.witness.port.number);
  for (const audit::RuleQuote& rule : cell.rules) out += "; " + rule.place;
  return out;
}

void compare(const model::Snapshot& snapshot, const verify::Limits& limits,
             const std::string& what) {
  const threads::Processors workers(3, 3);
  Asked asked(snapshot, limits, workers), alone(snapshot, limits);
  std::vector<std::size_t> seats;
  for (std::size_t i = 0; i < asked.survey.inventory().seats.size(); ++i) seats.push_back(i);
  std::ranges::reverse(seats);
  std::size_t next = 0;
  const Status done = asked.survey.rows(seats, [&](std::size_t seat, const Row& row) -> Status {
    EXPECT_EQ(seat, seats.at(next++));
    const Row same = alone.survey.row(alone.survey.inventory().seats[seat].seat).value();
    EXPECT_EQ(row.size(), same.size());
    for (std::size_t i = 0; i < row.size(); ++i)
      EXPECT_EQ(text(row[i]), text(same[i])) << what << " seat " << seat << " service " << i;
    return {};
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(next, seats.size());
}

TEST(Rows, AreThoseThatOneThreadComputes) {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    std::mt19937 random(seed);
    compare(testing_hosts::random_host(random, 4, 12).snapshot, {}, "seed " + std::to_string(seed));
  }
}

TEST(Rows, OfAttackersAreThoseThatOneThreadComputes) {
  std::mt19937 random(1);
  verify::Limits limits;
  limits.as_attacker = true;
  compare(testing_hosts::random_host(random).snapshot, limits, "as attacker");
}

TEST(Rows, EndWithTheErrorOfWhoTakesThem) {
  std::mt19937 random(1);
  const threads::Processors workers(3, 3);
  Asked asked(testing_hosts::random_host(random, 4, 12).snapshot, {}, workers);
  std::vector<std::size_t> seats(asked.survey.inventory().seats.size());
  for (std::size_t i = 0; i < seats.size(); ++i) seats[i] = i;
  std::size_t taken = 0;
  const Status done = asked.survey.rows(seats, [&](std::size_t, const Row&) -> Status {
    return ++taken == 5 ? fail(ErrorCode::kInvalidInput, "enough") : Status{};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "enough");
}

}  // namespace
}  // namespace bulkhead::views
