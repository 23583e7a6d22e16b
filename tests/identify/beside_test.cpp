// Services asked while a sweep goes on: what was silent then, and what is known already.
#include "identify/beside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "identify/asked.h"
#include "identify/fake_server.h"

namespace bulkhead::identify {
namespace {

using std::chrono::steady_clock;

// Answers PING as Redis does, and nothing else.
bool is_ping(int fd) {
  return FakeServer::hear(fd, 200).starts_with("PING");
}

class Beside : public testing::Test {
 protected:
  static Target at(const FakeServer& server) {
    return {open_here, server.address(), {server.port()}};
  }
  // Turns for so long as a sweep might.
  static void turn_for(BesideSweep& beside, std::chrono::milliseconds time) {
    const auto end = steady_clock::now() + time;
    while (steady_clock::now() < end) {
      beside.turn();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
};

TEST_F(Beside, WhatIsKnownWhenTheSweepEndsIsNotAskedAgain) {
  std::atomic<int> connections = 0;
  const FakeServer server([&](int fd, const FakeServer&) {
    ++connections;
    if (is_ping(fd)) FakeServer::say(fd, "+PONG\r\n");
  });
  BesideSweep beside(builtin(), quick(), [&](std::size_t, Port) { return at(server); });
  beside.found(3, server.port());
  beside.found(3, server.port());  // a second answer of the same port
  turn_for(beside, std::chrono::seconds(3));
  const int before = connections;
  EXPECT_GT(before, 0);
  const std::size_t number = beside.want(3, server.port(), [&] { return at(server); });
  const Identified out = beside.finish();
  EXPECT_EQ(id_of(out.findings.at(number)), "redis");
  EXPECT_EQ(out.findings.size(), 1U);
  EXPECT_EQ(connections, before);
}

TEST_F(Beside, WhoWasSilentUnderTheFloodIsAskedAgain) {
  std::atomic<bool> flood = true;
  const FakeServer server([&](int fd, const FakeServer& s) {
    if (!flood) {
      if (is_ping(fd)) FakeServer::say(fd, "+PONG\r\n");
      return;
    }
    while (flood && !s.stopping()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  BesideSweep beside(builtin(), quick(), [&](std::size_t, Port) { return at(server); });
  beside.found(0, server.port());
  turn_for(beside, std::chrono::milliseconds(600));
  flood = false;
  const std::size_t number = beside.want(0, server.port(), [&] { return at(server); });
  EXPECT_EQ(id_of(beside.finish().findings.at(number)), "redis");
}

// A question was lost that was on its way when the sweep ended.
TEST_F(Beside, WhatWasAskedUnderTheFloodIsAskedAgainWhenItStaysSilent) {
  std::atomic<bool> flood = true;
  const FakeServer server([&](int fd, const FakeServer& s) {
    const bool lost = flood;
    while (flood && !s.stopping()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    if (lost) return std::this_thread::sleep_for(std::chrono::milliseconds(400));
    if (FakeServer::hear(fd, 200).starts_with("GET"))
      FakeServer::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  BesideSweep beside(builtin(), quick(), [&](std::size_t, Port) { return at(server); });
  beside.found(0, server.port());
  turn_for(beside, std::chrono::milliseconds(150));  // nobody greets, and GET / is on its way
  flood = false;
  const std::size_t number = beside.want(0, server.port(), [&] { return at(server); });
  EXPECT_TRUE(beside.finish().findings.at(number).speaks_http);
}

TEST_F(Beside, WhatIsNotWantedInTheEndKeepsNobodyWaiting) {
  const FakeServer silent([&](int, const FakeServer& s) {
    while (!s.stopping()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  BesideSweep beside(builtin(), quick(), [&](std::size_t, Port) { return at(silent); });
  beside.found(0, silent.port());
  turn_for(beside, std::chrono::milliseconds(50));
  const auto begin = steady_clock::now();
  EXPECT_EQ(beside.finish().findings.size(), 1U);
  EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(100));
}

TEST_F(Beside, ASweepThatIsCutShortGivesWhatIsKnown) {
  const FakeServer server([&](int fd, const FakeServer&) {
    if (is_ping(fd)) FakeServer::say(fd, "+PONG\r\n");
  });
  const FakeServer silent([&](int, const FakeServer& s) {
    while (!s.stopping()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  BesideSweep beside(builtin(), quick(),
                     [&](std::size_t aim, Port) { return at(aim == 0 ? server : silent); });
  beside.found(0, server.port());
  turn_for(beside, std::chrono::seconds(3));
  beside.found(1, silent.port());
  turn_for(beside, std::chrono::milliseconds(20));
  EXPECT_EQ(beside.known(2, server.port()), std::nullopt);
  const auto number = beside.known(0, server.port());
  ASSERT_TRUE(number);
  const auto begin = steady_clock::now();
  EXPECT_EQ(id_of(beside.give_up().findings.at(*number)), "redis");
  EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(100));
}

// Each question that stays silent costs the time of an answer; eight are asked at once.
TEST(Identify, OnceAServiceIsKnownTheRestIsNotWaitedFor) {
  const FakeServer server([&](int fd, const FakeServer& s) {
    const std::string heard = FakeServer::hear(fd, 200);
    if (heard.starts_with("PING")) return static_cast<void>(FakeServer::say(fd, "+PONG\r\n"));
    if (heard.starts_with("SENTINEL")) return static_cast<void>(FakeServer::say(fd, "-ERR\r\n"));
    while (!s.stopping()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });
  Limits limits = quick();
  limits.answer_ms = 1000, limits.exchange_ms = 1000, limits.per_target = 128;
  const auto begin = steady_clock::now();
  const Target target = {open_here, server.address(), {server.port()}};
  const Identified out = identify(builtin(), {&target, 1}, limits);
  EXPECT_EQ(id_of(out.findings.at(0)), "redis");
  // Listening, HTTP and TLS one after the other, and then PING among many others.
  EXPECT_LT(steady_clock::now() - begin, std::chrono::milliseconds(2900));
}

}  // namespace
}  // namespace bulkhead::identify
