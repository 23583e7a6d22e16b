// The bookkeeping of a scan against simulated targets: each answers with some chance.
#include "probe/rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace bulkhead::probe {
namespace {

using seen::PortRange;
using seen::PortRun;
using seen::Proof;
using seen::State;
using testing::ElementsAre;

constexpr Reply kSilence{State::kFiltered, Proof::kSilence, 0};

std::vector<std::uint16_t> asked(Rounds& rounds) {
  std::vector<std::uint16_t> out;
  while (const auto port = rounds.next(1)) out.push_back(port->number);
  return out;
}

TEST(Rounds, AskEachPortOnceInEachRoundAndNotWhatHasAnswered) {
  Rounds rounds(std::vector<PortRange>{{5, 6}, {65535, 65535}}, {});
  EXPECT_THAT(asked(rounds), ElementsAre(5, 6, 65535));
  EXPECT_EQ(rounds.next(1), std::nullopt);
  rounds.take(Port{6}, Reply::reset(), 2);
  ASSERT_TRUE(rounds.start_next(0));
  EXPECT_THAT(asked(rounds), ElementsAre(5, 65535));
}

TEST(Rounds, WhatCouldNotBeSentComesFirstAgain) {
  Rounds rounds(std::vector<PortRange>{{1, 3}}, {});
  const Port one = *rounds.next(1), two = *rounds.next(1);
  rounds.put_back(two);
  rounds.put_back(one);
  EXPECT_EQ(rounds.sent(), 0U);
  EXPECT_THAT(asked(rounds), ElementsAre(1, 2, 3));
}

TEST(Rounds, AnAnswerToNoQuestionIsIgnored) {
  Rounds rounds(std::vector<PortRange>{{10, 20}}, {});
  EXPECT_EQ(rounds.take(Port{15}, Reply::open(), 2), 0U);  // not asked yet
  EXPECT_EQ(rounds.take(Port{9}, Reply::open(), 2), 0U);
  EXPECT_EQ(rounds.take(Port{21}, Reply::open(), 2), 0U);
  EXPECT_EQ(rounds.settled(), 0U);
}

TEST(Rounds, MeasureOnlyTheAnswerToAFirstQuestion) {
  Rounds rounds(std::vector<PortRange>{{1, 2}}, {});
  static_cast<void>(rounds.next(100));
  EXPECT_EQ(rounds.take(Port{1}, Reply::open(), 130), 30U);
  static_cast<void>(rounds.next(200));
  ASSERT_TRUE(rounds.start_next(0));
  static_cast<void>(rounds.next(300));
  EXPECT_EQ(rounds.take(Port{2}, Reply::open(), 310), 0U);
}

TEST(Rounds, ACompleteSilenceIsFiltered) {
  Rounds rounds(std::vector<PortRange>{{1, 100}}, {});
  std::uint32_t count = 0;
  do {
    static_cast<void>(asked(rounds));
    ++count;
  } while (rounds.start_next(0));
  EXPECT_EQ(count, 3U);
  EXPECT_THAT(rounds.finish(kSilence),
              ElementsAre(PortRun{{1, 100}, State::kFiltered, Proof::kSilence, 0}));
}

TEST(Rounds, WhatWasNotFinishedIsUnknownAndNotFiltered) {
  Rounds rounds(std::vector<PortRange>{{1, 4}}, {});
  static_cast<void>(rounds.next(1));
  static_cast<void>(rounds.next(1));
  rounds.take(Port{2}, Reply::open(), 2);
  EXPECT_THAT(rounds.finish(kSilence),
              ElementsAre(PortRun{{1, 1}, State::kUnknown, Proof::kNotFinished, 0},
                          PortRun{{2, 2}, State::kOpen, Proof::kAccepted, 0},
                          PortRun{{3, 4}, State::kUnknown, Proof::kNotFinished, 0}));
}

TEST(Rounds, WhatOurOwnQueueLostIsAskedAgainAndNeverFiltered) {
  Rounds rounds(std::vector<PortRange>{{1, 4}}, {.least = 3, .most = 8});
  std::uint32_t count = 0;
  do {
    static_cast<void>(asked(rounds));
    ++count;
  } while (rounds.start_next(1));
  EXPECT_EQ(count, 8U);
  EXPECT_THAT(rounds.finish(kSilence),
              ElementsAre(PortRun{{1, 4}, State::kUnknown, Proof::kLost, 0}));
}

TEST(Rounds, AnIcmpErrorMayBeFollowedByAnAnswer) {
  Rounds rounds(std::vector<PortRange>{{1, 2}}, {});
  const Reply prohibited{State::kFiltered, Proof::kIcmp, 13};
  static_cast<void>(asked(rounds));
  rounds.take(Port{1}, prohibited, 2);
  rounds.take(Port{2}, prohibited, 2);
  ASSERT_TRUE(rounds.start_next(0));
  static_cast<void>(asked(rounds));
  rounds.take(Port{2}, Reply::open(), 3);
  while (rounds.start_next(0)) static_cast<void>(asked(rounds));
  EXPECT_THAT(rounds.finish(kSilence),
              ElementsAre(PortRun{{1, 1}, State::kFiltered, Proof::kIcmp, 13},
                          PortRun{{2, 2}, State::kOpen, Proof::kAccepted, 0}));
}

TEST(Rounds, ALaterErrorDoesNotUndoAnAnswer) {
  Rounds rounds(std::vector<PortRange>{{1, 1}}, {});
  static_cast<void>(asked(rounds));
  rounds.take(Port{1}, Reply::open(), 2);
  rounds.take(Port{1}, {State::kFiltered, Proof::kIcmp, 13}, 3);
  rounds.take(Port{1}, Reply::reset(), 3);
  EXPECT_THAT(rounds.finish(kSilence),
              ElementsAre(PortRun{{1, 1}, State::kOpen, Proof::kAccepted, 0}));
}

TEST(Rounds, NothingToAskIsSettledAtOnce) {
  const Rounds rounds({}, {});
  EXPECT_TRUE(rounds.all_settled());
  EXPECT_TRUE(rounds.finish(kSilence).empty());
}

// One port in `one_in` is open; the rest is silent, or closed. What is answered gets lost with the
// chance `loss`. True: each open one was found, and no port was called what it is not.
struct Simulated {
  double loss = 0;
  unsigned one_in = 1000;
  bool closed_answer = true;
};
bool found_all(const Simulated& target, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::bernoulli_distribution lost(target.loss);
  Rounds rounds(std::vector<PortRange>{{1, 65535}}, {});
  const auto is_open = [&](std::uint32_t port) { return port % target.one_in == 7; };
  do {
    while (const auto port = rounds.next(1)) {
      if ((!is_open(port->number) && !target.closed_answer) || lost(random)) continue;
      rounds.take(*port, is_open(port->number) ? Reply::open() : Reply::reset(), 2);
    }
  } while (rounds.start_next(0));
  const State rest = target.closed_answer ? State::kClosed : State::kFiltered;
  for (const PortRun& run : rounds.finish(kSilence)) {
    for (std::uint32_t port = run.ports.first; port <= run.ports.last; ++port) {
      if (run.state != (is_open(port) ? State::kOpen : rest)) return false;
    }
  }
  return true;
}

// The chance to miss one is 1 in 1000 by design: of 100 runs, three are far outside.
TEST(Rounds, FindEveryOpenPortThroughLoss) {
  for (const Simulated& target :
       {Simulated{0, 2000, true}, Simulated{0.05, 2000, true}, Simulated{0.10, 2000, true},
        Simulated{0.30, 2000, true}, Simulated{0, 2000, false}, Simulated{0.05, 2000, false},
        Simulated{0.10, 2000, false}, Simulated{0.30, 500, false}}) {
    int missed = 0;
    for (std::uint32_t seed = 0; seed < 20; ++seed) missed += found_all(target, seed) ? 0 : 1;
    EXPECT_LE(missed, 2) << "loss " << target.loss << ", closed answer " << target.closed_answer;
  }
}

}  // namespace
}  // namespace bulkhead::probe
