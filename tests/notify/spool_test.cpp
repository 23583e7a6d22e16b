#include "notify/spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>

namespace bulkhead::notify {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Spools : public testing::Test {
 protected:
  Spools()
      : folder_(testing::TempDir() + "bulkhead-spool-" + std::to_string(getpid())),
        a_(*parse_receiver("exec:/a")),
        b_(*parse_receiver("exec:/b")) {}
  ~Spools() override { std::filesystem::remove_all(folder_); }

  Spool open() { return Spool::open(folder_).value(); }
  static Message message(const std::string& subject) {
    return {subject, "text\n3\n", "{\"a\": 1}\n"};
  }

  // What was told by a send(), as "a:subject"; those in `away` refuse.
  std::vector<std::string> send(Spool& spool, std::uint64_t now_ms,
                                std::vector<std::string> away = {}) {
    std::vector<std::string> told;
    spool.send(
        {a_, b_}, now_ms,
        [&](const Receiver& receiver, const Message& m) -> Status {
          if (std::ranges::find(away, receiver.url) != away.end()) {
            ++refused_;
            return fail(ErrorCode::kUnavailable, "away");
          }
          EXPECT_EQ(m.text, "text\n3\n");
          EXPECT_EQ(m.json, "{\"a\": 1}\n");
          told.push_back(receiver.url.substr(6) + ":" + m.subject);
          return {};
        },
        [](const Error&) {});
    return told;
  }

  std::string folder_;
  Receiver a_, b_;
  std::size_t refused_ = 0;
};

TEST_F(Spools, TellEachReceiverOnceAndInOrder) {
  Spool spool = open();
  ASSERT_TRUE(spool.add(message("1"), {a_, b_}));
  ASSERT_TRUE(spool.add(message("2"), {a_, b_}));
  EXPECT_THAT(send(spool, 0), ElementsAre("a:1", "a:2", "b:1", "b:2"));
  EXPECT_THAT(send(spool, 0), IsEmpty());
  EXPECT_EQ(spool.waiting(), 0U);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(Spools, KeepWhatIsNotDeliveredUntilItIs) {
  {
    Spool spool = open();
    ASSERT_TRUE(spool.add(message("1"), {a_, b_}));
    ASSERT_TRUE(spool.add(message("2"), {a_, b_}));
    EXPECT_THAT(send(spool, 1000, {"exec:/b"}), ElementsAre("a:1", "a:2"));
    EXPECT_EQ(refused_, 1U);  // who refuses one is not asked about the next
    EXPECT_EQ(spool.waiting(), 2U);
  }
  Spool again = open();  // as after a restart
  ASSERT_TRUE(again.add(message("3"), {a_, b_}));
  EXPECT_THAT(send(again, 0), ElementsAre("a:3", "b:1", "b:2", "b:3"));
}

TEST_F(Spools, AskLessAndLessOftenWhoRefuses) {
  Spool spool = open();
  ASSERT_TRUE(spool.add(message("1"), {a_}));
  EXPECT_EQ(spool.next_ms(), std::numeric_limits<std::uint64_t>::max());
  std::uint64_t now = 1, last_wait = 0;
  for (int i = 0; i < 15; ++i) {
    EXPECT_THAT(send(spool, now, {"exec:/a"}), IsEmpty());
    EXPECT_EQ(refused_, static_cast<std::size_t>(i + 1));
    EXPECT_THAT(send(spool, spool.next_ms() - 1), IsEmpty());  // not due, though it is back
    const std::uint64_t wait = spool.next_ms() - now;
    EXPECT_GE(wait, last_wait);
    EXPECT_LE(wait, 3'600'000U);
    last_wait = wait;
    now = spool.next_ms();
  }
  EXPECT_EQ(last_wait, 3'600'000U);
  EXPECT_THAT(send(spool, now), ElementsAre("a:1"));
}

TEST_F(Spools, AreBoundedAndSayWhatWasDropped) {
  Spool spool = open();
  for (std::size_t i = 0; i < kMostWaiting + 3; ++i)
    ASSERT_TRUE(spool.add(message(std::to_string(i)), {a_}));
  EXPECT_EQ(spool.waiting(), kMostWaiting);
  EXPECT_EQ(spool.dropped(), 3U);
  EXPECT_EQ(send(spool, 0).front(), "a:3");
}

TEST_F(Spools, PassOverWhatIsNotTheirs) {
  std::filesystem::create_directories(folder_);
  for (const auto& [name, text] : {std::pair{"1.message", "5\nabc"},
                                   {"x.message", ""},
                                   {"2.message", "99999999999999999999\n"},
                                   {"3.txt", ""}})
    std::ofstream(folder_ + "/" + name) << text;
  Spool spool = open();
  EXPECT_EQ(spool.waiting(), 0U);
  ASSERT_TRUE(spool.add(message("1"), {a_}));
  EXPECT_THAT(send(spool, 0), ElementsAre("a:1"));
}

TEST_F(Spools, SayWhenTheyCannotBeKept) {
  EXPECT_FALSE(Spool::open("/proc/nowhere/spool"));
}

}  // namespace
}  // namespace bulkhead::notify
