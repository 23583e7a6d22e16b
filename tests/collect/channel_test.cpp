// A reader that lies: every answer is bounded, and after the first lie the channel is closed.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "collect/access.h"
#include "collect/assemble.h"
#include "model/gaps.h"

namespace bulkhead::collect {
namespace {

class Channel : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_), 0);
    broker_.emplace(BrokerAccess::adopt(ends_[0], 0));
  }
  void TearDown() override { hang_up(); }
  void hang_up() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }
  void say(const void* bytes, std::size_t count) {
    ASSERT_EQ(send(ends_[1], bytes, count, MSG_NOSIGNAL), static_cast<ssize_t>(count));
  }
  void frame(std::uint16_t section, std::uint16_t flags, std::int32_t error,
             std::string_view body) {
    const FrameHeader header{section, flags, error, static_cast<std::uint32_t>(body.size())};
    say(&header, sizeof header);
    if (!body.empty()) say(body.data(), body.size());
  }
  void frame(Section section, std::uint16_t flags, std::int32_t error, std::string_view body) {
    frame(static_cast<std::uint16_t>(section), flags, error, body);
  }
  Result<Answer> receive() { return BrokerAccess::channel(*broker_).receive(); }

  int ends_[2] = {-1, -1};
  std::optional<Broker> broker_;
};

TEST_F(Channel, SectionsInPartsAreJoinedAndRestartsTakeBack) {
  frame(Section::kLinks, 0, 0, "old");
  frame(Section::kLinks, kRestart, 0, "");
  frame(Section::kLinks, 0, 0, "ab");
  frame(Section::kLinks, kLast, 0, "cd");
  frame(Section::kRoutes4, kLast, EINTR, "half");
  frame(Section::kEnd, kLast, 0, "");
  const auto answer = receive();
  ASSERT_TRUE(answer) << answer.error().message;
  const ByteView links = answer->bytes(Section::kLinks);
  EXPECT_EQ(std::string(links.begin(), links.end()), "abcd");
  EXPECT_TRUE(answer->bytes(Section::kRoutes4).empty())
      << "what is not whole is not taken for whole";
  EXPECT_EQ(answer->find(Section::kRoutes4)->error, EINTR);
}

TEST_F(Channel, AnUnknownSectionClosesIt) {
  frame(999, kLast, 0, "");
  EXPECT_EQ(receive().error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(receive());
}

TEST_F(Channel, AFrameThatClaimsTooMuchTakesNoMemory) {
  const FrameHeader header{static_cast<std::uint16_t>(Section::kLinks), 0, 0, 0xffffffff};
  say(&header, sizeof header);
  EXPECT_EQ(receive().error().code, ErrorCode::kUnavailable);
}

TEST_F(Channel, ASectionInsideAnotherClosesIt) {
  frame(Section::kLinks, 0, 0, "a");
  frame(Section::kRoutes4, kLast, 0, "b");
  EXPECT_FALSE(receive());
}

TEST_F(Channel, AnAnswerCutShortIsAnError) {
  frame(Section::kLinks, 0, 0, "a");
  hang_up();
  EXPECT_EQ(receive().error().code, ErrorCode::kUnavailable);
}

TEST_F(Channel, AnEndlessSectionIsStopped) {
  std::thread liar([end = ends_[1]] {
    const std::string body(kMostFrame, 'x');
    const FrameHeader header{static_cast<std::uint16_t>(Section::kLinks), 0, 0, kMostFrame};
    // Far more than may be sent; ends when the other side has had enough.
    for (int i = 0; i < 2000; ++i) {
      if (send(end, &header, sizeof header, MSG_NOSIGNAL) < 0) return;
      for (std::size_t sent = 0; sent < body.size();) {
        const ssize_t count = send(end, body.data() + sent, body.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) return;
        sent += static_cast<std::size_t>(count);
      }
    }
  });
  const auto answer = receive();
  liar.join();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST_F(Channel, ADescriptorThatWasPromisedButNotSentIsAnError) {
  frame(Section::kDescriptor, kLast, 0, "");
  frame(Section::kEnd, kLast, 0, "");
  EXPECT_FALSE(broker_->connect_unix("/run/x"));
}

TEST_F(Channel, NonsenseInEverySectionBecomesGapsNotRules) {
  const std::string nonsense(64, '\xff');
  frame(Section::kOpened, kLast, 0, "");
  for (auto section = static_cast<std::uint16_t>(Section::kLinks);
       section < static_cast<std::uint16_t>(Section::kLastSection); ++section) {
    frame(section, kLast, 0, nonsense);
  }
  frame(Section::kEnd, kLast, 0, "");
  auto answer = receive();
  ASSERT_TRUE(answer);
  model::NetNs ns;
  Pending pending;
  EXPECT_TRUE(fill_namespace(*std::move(answer), ns, pending));
  EXPECT_GE(ns.gaps.size(), 10U);
  EXPECT_TRUE(ns.links.empty() && ns.routes.empty() && ns.sockets.empty());
  const model::Concerns everything = model::concerns({.what = "a nameless part", .reason = ""});
  for (const model::Gap& gap : ns.gaps) EXPECT_NE(model::concerns(gap), everything) << gap.what;
}

}  // namespace
}  // namespace bulkhead::collect
