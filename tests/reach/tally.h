// What comparisons of reach with trace on random networks come to. REACH_SEEDS and REACH_FIRST
// choose other networks.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "base/verdict.h"

namespace bulkhead::reach::testing {

struct Tally {
  std::size_t asked = 0, open = 0, closed = 0, unknown = 0, unlike = 0, unlike_how = 0,
              less_precise = 0, shown = 0, one_by_one = 0,
              left_out = 0;  // answers that do not say what rules drop of what goes elsewhere
  std::map<std::string, std::size_t> reasons;  // of what reach knows less

  void count(Verdict traced) {
    ++asked;
    (traced == Verdict::kOpen ? open : traced == Verdict::kClosed ? closed : unknown)++;
  }
  void less(const std::string& why) {
    ++less_precise;
    ++reasons[why.substr(0, 140)];
  }
};

// run(seed, tally) for each.
template <class Run>
Tally over_seeds(std::uint32_t first, std::uint32_t count, Run run) {
  Tally tally;
  if (const char* n = std::getenv("REACH_SEEDS")) count = static_cast<std::uint32_t>(std::atoi(n));
  if (const char* n = std::getenv("REACH_FIRST")) first = static_cast<std::uint32_t>(std::atoi(n));
  for (std::uint32_t seed = first; seed < first + count; ++seed) run(seed, tally);
  return tally;
}

// No difference; at most one in fifty less precise; more than one in `open_of` open.
inline void expect_alike(const Tally& tally, std::size_t open_of) {
  std::printf(
      "asked %zu: open %zu closed %zu unknown %zu; unlike %zu, how unlike %zu, less precise %zu, "
      "left out %zu\n",
      tally.asked, tally.open, tally.closed, tally.unknown, tally.unlike, tally.unlike_how,
      tally.less_precise, tally.left_out);
  std::size_t lines = 0;
  for (const auto& [why, n] : tally.reasons) {
    if (++lines <= 12) std::printf("  less precise %zu: %s\n", n, why.c_str());
  }
  EXPECT_EQ(tally.unlike, 0U);
  EXPECT_EQ(tally.unlike_how, 0U);
  EXPECT_LE(tally.less_precise * 50, tally.asked);
  EXPECT_GT(tally.open * open_of, tally.asked);
}

}  // namespace bulkhead::reach::testing
