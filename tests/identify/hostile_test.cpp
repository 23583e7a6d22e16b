// Servers that mean harm: whatever they do, the answer comes in time, within its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "identify/asked.h"
#include "identify/fake_server.h"
#include "identify/identify.h"

namespace bulkhead::identify {
namespace {

using services::Access;
using services::Finding;

Finding ask(const FakeServer& server, const Limits& limits = quick()) {
  const Target target{open_here, server.address(), {server.port()}};
  return identify(builtin(), {&target, 1}, limits).findings.at(0);
}

struct Hostile {
  const char* name;
  FakeServer::Serve serve;
  const char* id = "";
};

void for_ever(int fd, const FakeServer& server, std::string_view bytes, int pause_ms) {
  while (!server.stopping() && FakeServer::say(fd, bytes))
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
}

std::vector<Hostile> hostile_servers() {
  const std::string kilobyte(1024, 'A');
  return {
      {"EndlessBanner", [=](int fd, const FakeServer& s) { for_ever(fd, s, kilobyte, 0); }},
      {"SlowDrip", [](int fd, const FakeServer& s) { for_ever(fd, s, "x", 20); }},
      {"ClosesAtOnce", [](int, const FakeServer&) {}},
      {"NeverAnswers",
       [](int fd, const FakeServer& s) {
         while (!s.stopping() && !FakeServer::hear(fd, 100).empty()) {
         }
       }},
      {"Binary",
       [](int fd, const FakeServer&) { FakeServer::say(fd, std::string("\0\1\2\x80\x9b\0", 6)); }},
      {"EscapeSequences",
       [](int fd, const FakeServer&) { FakeServer::say(fd, "\x1b]0;owned\x07\x1b[2J"); }},
      {"HeaderBomb",
       [=](int fd, const FakeServer& s) {
         FakeServer::hear(fd);
         FakeServer::say(fd, "HTTP/1.1 200 OK\r\n");
         for_ever(fd, s, "X: " + kilobyte + "\r\n", 0);
       },
       "http"},
      {"OneEndlessHeader",
       [=](int fd, const FakeServer& s) {
         FakeServer::hear(fd);
         FakeServer::say(fd, "HTTP/1.1 200 OK\r\nX: ");
         for_ever(fd, s, kilobyte, 0);
       },
       "http"},
      {"EndlessBody",
       [=](int fd, const FakeServer& s) {
         FakeServer::hear(fd);
         FakeServer::say(fd, "HTTP/1.1 200 OK\r\n\r\n");
         for_ever(fd, s, kilobyte, 0);
       },
       "http"},
      {"EndlessChunks",
       [](int fd, const FakeServer& s) {
         FakeServer::hear(fd);
         FakeServer::say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
         for_ever(fd, s, "1\r\nx\r\n", 0);
       },
       "http"},
      {"LyingLength",
       [](int fd, const FakeServer&) {
         FakeServer::hear(fd);
         FakeServer::say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nshort");
       },
       "http"},
      {"TlsGarbage",
       [=](int fd, const FakeServer& s) {
         if (FakeServer::hear(fd).starts_with('\x16'))
           for_ever(fd, s, std::string("\x16\x03\x03\x40\x00", 5) + kilobyte, 0);
       }},
      {"TlsAlerts",
       [](int fd, const FakeServer& s) {
         if (FakeServer::hear(fd).starts_with('\x16'))
           for_ever(fd, s, std::string("\x15\x03\x03\x00\x02\x01\x5a", 7), 1);
       }},
  };
}

TEST(Hostile, ServersAreBoundedInTimeAndBytes) {
  for (const Hostile& hostile : hostile_servers()) {
    SCOPED_TRACE(hostile.name);
    const FakeServer server(hostile.serve);
    const auto begin = std::chrono::steady_clock::now();
    const Finding finding = ask(server);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(9));
    EXPECT_EQ(id_of(finding), hostile.id);
    EXPECT_LE(finding.evidence.size(), services::kMostEvidence);
    EXPECT_GE(finding.asked, 1U);
  }
}

TEST(Hostile, TimeThatIsOverIsSaid) {
  const FakeServer server([](int fd, const FakeServer& s) { for_ever(fd, s, "", 50); });
  Limits limits = quick();
  limits.all_ms = 250;
  limits.banner_ms = limits.exchange_ms = 200;
  const auto begin = std::chrono::steady_clock::now();
  const Finding finding = ask(server, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  EXPECT_EQ(id_of(finding), "");
  EXPECT_EQ(finding.access.access, Access::kUnknown);
  EXPECT_EQ(finding.withheld, "the time was over before all was asked");
}

TEST(Hostile, APortThatDoesNotConnectIsGivenUp) {
  Port closed;
  {
    const FakeServer server([](int, const FakeServer&) {});
    closed = server.port();
  }
  const Target target{open_here, IpAddress::v4(127, 0, 0, 1), {closed}};
  const Finding finding = identify(builtin(), {&target, 1}, quick()).findings.at(0);
  EXPECT_EQ(id_of(finding), "");
  EXPECT_LE(finding.asked, 6U);
  EXPECT_EQ(finding.answered, 0U);
}

TEST(Identify, ManyTargetsOfBothFamiliesKeepTheirOrder) {
  const auto redis = [](int fd, const FakeServer&) {
    if (FakeServer::hear(fd) == "PING\r\n") FakeServer::say(fd, "+PONG\r\n");
  };
  const auto ssh = [](int fd, const FakeServer&) { FakeServer::say(fd, "SSH-2.0-x\r\n"); };
  const FakeServer a(redis), b(ssh, IpFamily::kV6), c(redis, IpFamily::kV6), d(ssh);
  std::vector<Target> targets;
  for (int i = 0; i < 10; ++i) {
    for (const FakeServer* server : {&a, &b, &c, &d})
      targets.push_back({open_here, server->address(), {server->port()}});
  }
  Limits limits = quick();
  limits.in_flight = 8;
  limits.answer_ms = 2'000, limits.exchange_ms = 4'000, limits.all_ms = 60'000;  // all answer
  const auto found = identify(builtin(), targets, limits).findings;
  ASSERT_EQ(found.size(), targets.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    EXPECT_EQ(id_of(found[i]), i % 2 == 0 ? "redis" : "ssh");
}

TEST(Identify, AsksNothingNewWhileTheMachineIsBusyAndDoesNotCountThat) {
  std::atomic<int> heard = 0;
  const FakeServer server([&](int fd, const FakeServer&) {
    ++heard;
    if (FakeServer::hear(fd) == "PING\r\n") FakeServer::say(fd, "+PONG\r\n");
  });
  Limits limits = quick();
  limits.all_ms = 600;
  constexpr int kBusy = 5;
  int looks = 0;
  limits.hold = [&] {
    EXPECT_TRUE(looks >= kBusy || heard == 0);
    return ++looks <= kBusy;
  };
  const Target target{open_here, server.address(), {server.port()}};
  const Identified told = identify(builtin(), {&target, 1}, limits);
  EXPECT_EQ(id_of(told.findings.at(0)), "redis");
  EXPECT_GT(told.paused_ms, limits.all_ms);
}

TEST(Identify, SendsOnlyWhatIsAllowed) {
  std::mutex lock;
  std::vector<std::string> heard;
  {
    const FakeServer server([&](int fd, const FakeServer&) {
      const std::string request = FakeServer::hear(fd);
      const std::lock_guard guard(lock);
      if (!request.empty()) heard.push_back(request);
      FakeServer::say(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
    ask(server);
  }
  EXPECT_GT(heard.size(), 50U);
  for (const std::string& request : heard) {
    if (request.find(" HTTP/1.") == std::string::npos) continue;
    EXPECT_TRUE(request.starts_with("GET ") || request.starts_with("HEAD ")) << request;
    EXPECT_EQ(request.find("Authorization"), std::string::npos);
    EXPECT_TRUE(request.ends_with("\r\n\r\n"));
  }
}

}  // namespace
}  // namespace bulkhead::identify
