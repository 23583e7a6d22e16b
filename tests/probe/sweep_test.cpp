// Scans against the real kernel: a scanner and a target joined by a veth pair, and targets that
// make it hard: rules that drop, refuse, limit and lose.
#include "probe/sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "collect/lab.h"
#include "probe/descriptor.h"
#include "probe/socket_address.h"
#include "seats/broker_sockets.h"

namespace bulkhead::probe {
namespace {

using collect::run;
using seen::Engine;
using seen::PortRange;
using seen::PortRun;
using seen::Proof;
using seen::State;
using testing::ElementsAre;

constexpr PortRange kAll{1, 65535};
const std::atomic<bool> kGoOn = false;

// As a rule that loses one packet in twenty, of both directions.
constexpr const char* kLoss = R"(
table inet f {
  chain i { type filter hook input priority 0; meta l4proto tcp numgen random mod 100 < 5 drop; }
  chain o { type filter hook output priority 0; meta l4proto tcp numgen random mod 100 < 5 drop; }
})";

class SweepLab : public collect::LabTest {
 protected:
  void SetUp() override {
    LabTest::SetUp();
    seat_ = add("s"), target_ = add("t");
    for (const std::string& name : {seat_, target_}) {
      static_cast<void>(in(name, "sysctl -qw net.ipv6.conf.all.accept_dad=0"));
      static_cast<void>(in(name, "sysctl -qw net.ipv6.conf.default.accept_dad=0"));
      run("ip -n " + name + " link set lo up");
    }
    run("ip -n " + seat_ + " link add eth0 type veth peer name eth0 netns " + target_);
    for (const auto& [name, last] : {std::pair{seat_, "1"}, std::pair{target_, "2"}}) {
      run("ip -n " + name + " addr add 10.78.0." + last + "/24 dev eth0");
      run("ip -n " + name + " addr add fd78::" + last + "/64 dev eth0 nodad");
      run("ip -n " + name + " link set eth0 up");
    }
    auto broker = collect::Broker::start(collect::Broker::Rights::kScanning);
    ASSERT_TRUE(broker) << broker.error().message;
    broker_.emplace(*std::move(broker));
    collect::Options options;
    options.read_engines = false;
    // The broker enters what it has listed.
    const auto snapshot = collect::take_snapshot(*broker_, options);
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    sockets_.emplace(*broker_, std::vector<std::uint64_t>{inode(seat_), inode(target_)});
    for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) wait_for_answer(family);
    run("ip -n " + seat_ + " neigh flush all");
    run("ip -n " + target_ + " neigh flush all");
  }

  // The kernel tells IPv6 that a link is up once a second (linkwatch_schedule_work in
  // net/core/link_watch.c), later when it is busy. Before that a target that is there is silent.
  void wait_for_answer(IpFamily family) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < until) {
      const auto opened = sockets_->open(0, family, SocketKind::kTcp);
      ASSERT_TRUE(opened) << opened.error().message;
      const Descriptor socket(*opened);
      const SocketAddress there = SocketAddress::of(target(family), Port{1});
      const bool begun = connect(socket.get(), there.get(), there.length) != 0;
      pollfd answer{socket.get(), POLLOUT, 0};
      if (begun && errno == EINPROGRESS && poll(&answer, 1, 50) == 1 &&
          take_error(socket.get()) == ECONNREFUSED)
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL() << "the lab's target was not there";
  }

  // nft 1.0.6 wants a line to end before each closing brace.
  static void rules_in(const std::string& name, std::string text) {
    for (std::size_t at = 0; (at = text.find("; }", at)) != std::string::npos; at += 4)
      text.replace(at, 3, ";\n}\n");
    static_cast<void>(in(name, "nft '" + text + "'"));
  }
  void rules(const std::string& text) { rules_in(target_, text); }

  // On both versions, in the namespace of `seat`.
  Port listen(std::size_t seat, Port port, int type = SOCK_STREAM) {
    auto opened = sockets_->open(seat, IpFamily::kV6,
                                 type == SOCK_STREAM ? SocketKind::kTcp : SocketKind::kUdp);
    EXPECT_TRUE(opened) << opened.error().message;
    listeners_.emplace_back(*opened);
    const SocketAddress here = SocketAddress::of(IpAddress::any(IpFamily::kV6), port);
    EXPECT_EQ(bind(*opened, here.get(), here.length), 0) << port.number;
    if (type == SOCK_STREAM) {
      EXPECT_EQ(::listen(*opened, 4096), 0);
    }
    return port;
  }
  // Thirty ports all over the range.
  std::vector<std::uint16_t> listen_on_thirty() {
    std::vector<std::uint16_t> out;
    for (std::uint16_t i = 0; i < 30; ++i)
      out.push_back(listen(1, Port{static_cast<std::uint16_t>(22 + i * 2179)}).number);
    return out;
  }

  static IpAddress target(IpFamily family) {
    return IpAddress::parse(family == IpFamily::kV4 ? "10.78.0.2" : "fd78::2").value();
  }
  Sweep scan(const Aim& aim, SweepLimits limits = {}) {
    limits.all_ms = std::min<std::uint64_t>(limits.all_ms, 100'000);
    return sweep(*sockets_, 2, std::span(&aim, 1), limits, kGoOn, {});
  }

  static std::vector<std::uint16_t> of_state(const std::vector<PortRun>& runs, State state) {
    std::vector<std::uint16_t> out;
    for (const PortRun& r : runs) {
      for (std::uint32_t port = r.ports.first; r.state == state && port <= r.ports.last; ++port)
        out.push_back(static_cast<std::uint16_t>(port));
    }
    return out;
  }

  std::string seat_, target_;
  std::optional<collect::Broker> broker_;
  std::optional<seats::BrokerSockets> sockets_;
  std::vector<Descriptor> listeners_;
};

struct Way {
  IpFamily family;
  Engine engine;
};

class EachWay : public SweepLab, public testing::WithParamInterface<Way> {
 protected:
  [[nodiscard]] static SweepLimits limits() {
    SweepLimits out;
    out.raw = GetParam().engine == Engine::kSyn;
    return out;
  }
  [[nodiscard]] static Aim at_target(std::vector<PortRange> ports) {
    return {.seat = 0, .to = target(GetParam().family), .ports = std::move(ports)};
  }
};

TEST_P(EachWay, EachAnswerIsToldApart) {
  rules(R"(
table inet f {
  chain i {
    type filter hook input priority 0
    tcp dport 7010-7019 drop
    tcp dport 7020-7029 reject with icmpx admin-prohibited
    tcp dport 7030-7039 reject with icmpx port-unreachable
    tcp dport 7040-7049 reject with tcp reset
  }
})");
  static_cast<void>(in(target_, "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0"));
  listen(1, Port{7001});
  listen(1, Port{7015});
  const Sweep seen = scan(at_target({{7000, 7059}}), limits());
  ASSERT_TRUE(seen.finished);
  EXPECT_TRUE(seen.seats[0].passed) << seen.seats[0].why;
  EXPECT_EQ(seen.aims[0].engine, GetParam().engine);
  const int prohibited = GetParam().family == IpFamily::kV4 ? EHOSTUNREACH : EACCES;
  EXPECT_THAT(seen.aims[0].runs,
              ElementsAre(PortRun{{7000, 7000}, State::kClosed, Proof::kReset, 0},
                          PortRun{{7001, 7001}, State::kOpen, Proof::kAccepted, 0},
                          PortRun{{7002, 7009}, State::kClosed, Proof::kReset, 0},
                          PortRun{{7010, 7019}, State::kFiltered, Proof::kSilence, 0},
                          PortRun{{7020, 7029}, State::kFiltered, Proof::kIcmp, prohibited},
                          PortRun{{7030, 7039}, State::kClosed, Proof::kPortUnreachable, 0},
                          PortRun{{7040, 7059}, State::kClosed, Proof::kReset, 0}));
  EXPECT_GT(seen.aims[0].rtt_us, 0U);
}

TEST_P(EachWay, ThirtyOpenPortsAreFoundAmongAllThroughLossAndNoneIsCalledWhatItIsNot) {
  const auto open = listen_on_thirty();
  rules(kLoss);
  for (int turn = 0; turn < 3; ++turn) {
    const Sweep seen = scan(at_target({kAll}), limits());
    ASSERT_TRUE(seen.finished);
    EXPECT_EQ(of_state(seen.aims[0].runs, State::kOpen), open);
    EXPECT_EQ(of_state(seen.aims[0].runs, State::kFiltered).size(), 0U);
    EXPECT_EQ(of_state(seen.aims[0].runs, State::kClosed).size(), 65535U - open.size());
  }
}

// Two of three acceptances are lost. To a SYN that it has seen, a listener answers twice a second
// at most, so that asking the same thing again would find it silent.
TEST_P(EachWay, AListenerIsFoundWhoseFirstAnswersAreLost) {
  rules(R"(table inet f { chain o { type filter hook output priority 0
    tcp flags & (syn | ack) == syn | ack numgen inc mod 3 < 2 drop; } })");
  listen(1, Port{1500});
  const Sweep seen = scan(at_target({{1, 3000}}), limits());
  ASSERT_TRUE(seen.finished);
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(1500));
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kClosed).size(), 2999U);
}

TEST_P(EachWay, ATargetThatDropsIsScannedInSeconds) {
  const auto open = listen_on_thirty();
  std::string ports;
  for (const std::uint16_t port : open) ports += (ports.empty() ? "" : ", ") + std::to_string(port);
  rules("table inet f { chain i { type filter hook input priority 0; tcp dport != { " + ports +
        " } drop; } }");
  const Sweep seen = scan(at_target({kAll}), limits());
  ASSERT_TRUE(seen.finished);
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kOpen), open);
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kFiltered).size(), 65535U - open.size());
  EXPECT_LT(seen.elapsed_ms, 60'000U);
}

// Its rule lets pass 2,000 SYNs a second: haste alone would call the rest filtered.
TEST_P(EachWay, ATargetThatLimitsTheRateIsAskedMoreSlowly) {
  rules(R"(table inet f { chain i { type filter hook input priority 0
    tcp flags syn limit rate over 2000/second burst 50 packets drop; } })");
  listen(1, Port{1500});
  const Sweep seen = scan(at_target({{1, 3000}}), limits());
  ASSERT_TRUE(seen.finished);
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(1500));
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kClosed).size(), 2999U);
}

TEST_P(EachWay, ResetsThatNeverComeAreSilence) {
  rules("table inet f { chain o { type filter hook output priority 0; tcp flags rst drop; } }");
  listen(1, Port{7001});
  const Sweep seen = scan(at_target({{7000, 7002}}), limits());
  EXPECT_THAT(seen.aims[0].runs,
              ElementsAre(PortRun{{7000, 7000}, State::kFiltered, Proof::kSilence, 0},
                          PortRun{{7001, 7001}, State::kOpen, Proof::kAccepted, 0},
                          PortRun{{7002, 7002}, State::kFiltered, Proof::kSilence, 0}));
}

// Silence may be ours where the self-check could not show that we hear answers.
TEST_P(EachWay, SilenceIsNotBelievedWhereTheSelfCheckFails) {
  run("ip -n " + seat_ + " link set lo down");
  rules("table inet f { chain i { type filter hook input priority 0; tcp dport 7002 drop; } }");
  listen(1, Port{7001});
  const Sweep seen = scan(at_target({{7001, 7003}}), limits());
  EXPECT_FALSE(seen.seats[0].passed);
  EXPECT_NE(seen.seats[0].why, "");
  EXPECT_THAT(seen.aims[0].runs,
              ElementsAre(PortRun{{7001, 7001}, State::kOpen, Proof::kAccepted, 0},
                          PortRun{{7002, 7002}, State::kUnknown, Proof::kUnchecked, 0},
                          PortRun{{7003, 7003}, State::kClosed, Proof::kReset, 0}));
}

// Where the source port may be the destination, a connection can meet itself.
TEST_P(EachWay, OnesOwnLoopbackHasNoPortsThatAreNotThere) {
  const IpAddress loopback =
      IpAddress::parse(GetParam().family == IpFamily::kV4 ? "127.0.0.1" : "::1").value();
  listen(0, Port{40000});
  const Sweep seen = scan({.seat = 0, .to = loopback, .ports = {{30000, 62000}}}, limits());
  ASSERT_TRUE(seen.finished);
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(40000));
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kClosed).size(), 32000U);
}

TEST_P(EachWay, NoRouteIsToldWithItsError) {
  const IpAddress nowhere =
      IpAddress::parse(GetParam().family == IpFamily::kV4 ? "10.99.0.1" : "fd99::1").value();
  const Sweep seen = scan({.seat = 0, .to = nowhere, .ports = {{80, 81}}}, limits());
  EXPECT_THAT(seen.aims[0].runs,
              ElementsAre(PortRun{{80, 81}, State::kFiltered, Proof::kSendRefused, ENETUNREACH}));
}

TEST_P(EachWay, TheRulesOfTheSeatItselfCountAsTheyDoForItsProcesses) {
  rules_in(seat_, R"(table inet f {
    chain o { type filter hook output priority 0; tcp dport 7002 drop; }
    chain i { type filter hook input priority 0; tcp sport 7003 drop; } })");
  for (const std::uint16_t port : {7001, 7002, 7003}) listen(1, Port{port});
  const Sweep seen = scan(at_target({{7001, 7003}}), limits());
  const auto& runs = seen.aims[0].runs;
  EXPECT_THAT(of_state(runs, State::kOpen), ElementsAre(7001));
  EXPECT_THAT(of_state(runs, State::kFiltered), ElementsAre(7002, 7003));
}

INSTANTIATE_TEST_SUITE_P(All, EachWay,
                         testing::Values(Way{IpFamily::kV4, Engine::kSyn},
                                         Way{IpFamily::kV6, Engine::kSyn},
                                         Way{IpFamily::kV4, Engine::kConnect},
                                         Way{IpFamily::kV6, Engine::kConnect}),
                         [](const auto& row) {
                           return std::string(row.param.family == IpFamily::kV4 ? "v4" : "v6") +
                                  std::string(to_string(row.param.engine));
                         });

// ------------------------------------------------------------------------ beyond the engines

// Nothing is held for a neighbour, and nothing comes back: 1.2 s of waiting for its address would
// be in vain, but for the last round, which a router behind this seat may need.
TEST_F(SweepLab, SilenceAloneIsNoNeighbourThatIsWaitedFor) {
  listen(1, Port{22});
  rules("table inet f { chain i { type filter hook input priority 0; tcp dport != 22 drop; } }");
  const Sweep seen = scan({.seat = 0, .to = target(IpFamily::kV4), .ports = {{1, 400}}});
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(22));
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kFiltered).size(), 399U);
  EXPECT_LT(seen.elapsed_ms, 1'100U);
}

// As where the kernel's table of neighbours is full for a while: what is known to answer is asked
// once more.
TEST_F(SweepLab, OfManyWhoShouldAnswerTheSilentOnesAreAskedAgain) {
  rules("table inet f { chain i { type filter hook input priority 0; tcp dport 1-300 drop; } }");
  std::vector<Aim> aims;
  for (std::uint16_t port = 1; port <= 257; ++port)
    aims.push_back(
        {.seat = 0, .to = target(IpFamily::kV4), .ports = {{port, port}}, .expected = port != 2});
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    rules("delete table inet f");
  });
  const Sweep seen = sweep(*sockets_, 2, aims, {}, kGoOn, {});
  ASSERT_TRUE(seen.finished);
  EXPECT_THAT(seen.aims[1].runs,
              ElementsAre(PortRun{{2, 2}, State::kFiltered, Proof::kSilence, 0}));
  std::size_t closed = 0;
  for (const auto& aim : seen.aims) closed += of_state(aim.runs, State::kClosed).size();
  EXPECT_EQ(closed, 256U);
}

// A router that does not know the target's address at first: all that comes meanwhile is lost, and
// nothing tells.
TEST_F(SweepLab, ATargetIsFoundWhoseRouterLooksForItsAddressFirst) {
  const std::string router = add("r"), far = add("f");
  run("ip -n " + seat_ + " link add eth1 type veth peer name eth0 netns " + router);
  run("ip -n " + router + " link add eth1 type veth peer name eth0 netns " + far);
  run("ip -n " + seat_ + " addr add 10.79.0.1/24 dev eth1");
  run("ip -n " + seat_ + " link set eth1 up");
  run("ip -n " + router + " addr add 10.79.0.2/24 dev eth0");
  run("ip -n " + router + " addr add 10.80.0.1/24 dev eth1");
  run("ip -n " + far + " addr add 10.80.0.2/24 dev eth0");
  for (const std::string& name : {router, far}) run("ip -n " + name + " link set eth0 up");
  run("ip -n " + router + " link set eth1 up");
  run("ip -n " + seat_ + " route add 10.80.0.0/24 via 10.79.0.2");
  run("ip -n " + far + " route add default via 10.80.0.1");
  static_cast<void>(in(router, "sysctl -qw net.ipv4.ip_forward=1"));
  rules_in(
      far,
      "table inet f { chain i { type filter hook input priority 0; tcp dport != 1500 drop; } }");
  static_cast<void>(
      in(far, "sysctl -qw net.ipv4.conf.all.arp_ignore=8"));  // no answer for any address
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    static_cast<void>(in(far, "sysctl -qw net.ipv4.conf.all.arp_ignore=0"));
  });
  collect::Options options;
  options.read_engines = false;
  const auto snapshot = collect::take_snapshot(*broker_, options);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  seats::BrokerSockets sockets(*broker_, {inode(seat_), inode(far)});
  auto listener = sockets.open(1, IpFamily::kV4, SocketKind::kTcp);
  ASSERT_TRUE(listener) << listener.error().message;
  const Descriptor owned(*listener);
  const SocketAddress here = SocketAddress::of(IpAddress::any(IpFamily::kV4), Port{1500});
  ASSERT_EQ(bind(*listener, here.get(), here.length), 0);
  ASSERT_EQ(::listen(*listener, 64), 0);
  const Aim aim{.seat = 0, .to = IpAddress::parse("10.80.0.2").value(), .ports = {{1, 3000}}};
  const Sweep seen = sweep(sockets, 2, std::span(&aim, 1), {}, kGoOn, {});
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(1500));
}

TEST_F(SweepLab, ItEndsInTimeAndSaysWhatItDidNotFinish) {
  rules("table inet f { chain i { type filter hook input priority 0; drop; } }");
  SweepLimits limits;
  limits.all_ms = 700;
  const Sweep seen = scan({.seat = 0, .to = target(IpFamily::kV4), .ports = {kAll}}, limits);
  EXPECT_FALSE(seen.finished);
  EXPECT_LT(seen.elapsed_ms, 5'000U);
  EXPECT_THAT(seen.aims[0].runs,
              ElementsAre(PortRun{kAll, State::kUnknown, Proof::kNotFinished, 0}));
}

TEST_F(SweepLab, AnInterruptGivesWhatIsKnown) {
  listen(1, Port{22});
  rules("table inet f { chain i { type filter hook input priority 0; tcp dport != 22 drop; } }");
  std::atomic<bool> stop = false;
  const std::vector<Aim> aims = {{.seat = 0, .to = target(IpFamily::kV4), .ports = {kAll}},
                                 {.seat = 0, .to = target(IpFamily::kV6), .ports = {kAll}}};
  SweepLimits limits;
  limits.at_once = 1;
  const Sweep seen = sweep(*sockets_, 2, aims, limits, stop, [&](const Progress& progress) {
    EXPECT_EQ(progress.ports, 2 * 65535U);
    if (progress.sent > 1000) stop = true;
  });
  EXPECT_FALSE(seen.finished);
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(22));
  EXPECT_THAT(seen.aims[1].runs,
              ElementsAre(PortRun{kAll, State::kUnknown, Proof::kNotFinished, 0}));
}

// Takes down what it is told, and when it is called.
class Witness : public Companion {
 public:
  Witness() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  void found(std::size_t aim, Port port) override { found_.emplace(aim, port.number); }
  [[nodiscard]] int descriptor() const override { return epoll_.get(); }
  void turn() override {
    const auto now = std::chrono::steady_clock::now();
    if (turns_++ > 0) longest_ = std::max(longest_, now - last_);
    last_ = now;
  }
  std::set<std::pair<std::size_t, std::uint16_t>> found_;
  std::size_t turns_ = 0;
  std::chrono::steady_clock::duration longest_{};

 private:
  Descriptor epoll_;
  std::chrono::steady_clock::time_point last_;
};

TEST_P(EachWay, ACompanionIsToldOfOpenPortsAndIsNotKeptWaiting) {
  const auto open = listen_on_thirty();
  Witness witness;
  SweepLimits with = limits();
  with.companion = &witness;
  const Aim one = at_target({kAll});
  const std::vector<Aim> aims(8, one);
  const Sweep seen = sweep(*sockets_, 2, aims, with, kGoOn, {});
  std::set<std::pair<std::size_t, std::uint16_t>> expected;
  for (std::size_t aim = 0; aim < aims.size(); ++aim) {
    for (const std::uint16_t port : open) expected.emplace(aim, port);
  }
  EXPECT_EQ(witness.found_, expected);
  EXPECT_GT(witness.turns_, 10U);
  EXPECT_LT(witness.longest_, std::chrono::milliseconds(500));
}

// Hands out only so many sockets.
class Scarce : public SocketSource {
 public:
  Scarce(SocketSource& source, std::size_t most) : source_(source), left_(most) {}
  Result<int> open(std::size_t seat, IpFamily family, SocketKind kind) override {
    if (left_ == 0) return fail(ErrorCode::kBudget, "too many open files");
    --left_;
    return source_.open(seat, family, kind);
  }

 private:
  SocketSource& source_;
  std::size_t left_;
};

TEST_F(SweepLab, FewDescriptorsMakeItSlowerAndLoseNothing) {
  listen(1, Port{500});
  rules("table inet f { chain i { type filter hook input priority 0; tcp dport 600-620 drop; } }");
  Scarce few(*sockets_, 12);  // the self-check takes some
  SweepLimits limits;
  limits.raw = false;
  const Aim aim{.seat = 0, .to = target(IpFamily::kV4), .ports = {{1, 2000}}};
  const Sweep seen = sweep(few, 1, std::span(&aim, 1), limits, kGoOn, {});
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(500));
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kFiltered).size(), 21U);
  EXPECT_EQ(of_state(seen.aims[0].runs, State::kClosed).size(), 1978U);
}

TEST_F(SweepLab, WithoutASocketEachPortIsUnknown) {
  Scarce none(*sockets_, 0);
  const Aim aim{.seat = 0, .to = target(IpFamily::kV4), .ports = {{1, 9}}};
  const Sweep seen = sweep(none, 1, std::span(&aim, 1), {}, kGoOn, {});
  EXPECT_FALSE(seen.seats[0].passed);
  EXPECT_THAT(seen.aims[0].runs,
              ElementsAre(PortRun{{1, 9}, State::kUnknown, Proof::kNoSocket, 0}));
}

TEST_F(SweepLab, ManySeatsAndAddressesShareOneLoop) {
  listen(1, Port{7001});
  listen(0, Port{7002});
  const std::vector<Aim> aims = {
      {.seat = 0, .to = target(IpFamily::kV4), .ports = {{7001, 7002}}},
      {.seat = 1, .to = IpAddress::parse("10.78.0.1").value(), .ports = {{7001, 7002}}},
      {.seat = 0, .to = target(IpFamily::kV6), .ports = {{7001, 7002}}},
      {.seat = 1, .to = IpAddress::parse("127.0.0.1").value(), .ports = {{7001, 7002}}}};
  const Sweep seen = sweep(*sockets_, 2, aims, {}, kGoOn, {});
  EXPECT_THAT(of_state(seen.aims[0].runs, State::kOpen), ElementsAre(7001));
  EXPECT_THAT(of_state(seen.aims[1].runs, State::kOpen), ElementsAre(7002));
  EXPECT_THAT(of_state(seen.aims[2].runs, State::kOpen), ElementsAre(7001));
  EXPECT_THAT(of_state(seen.aims[3].runs, State::kOpen), ElementsAre(7001));
}

class Udp : public SweepLab, public testing::WithParamInterface<IpFamily> {};

// The first answers at once, the second is bound and silent, and machines tell of a closed one only
// six times in a hurry.
TEST_F(SweepLab, ACrowdedTableOfNeighboursIsWaitedForButNotForever) {
  listen(1, Port{80});
  std::vector<Aim> aims;
  for (const std::size_t seat : {0U, 1U, 0U, 1U})
    aims.push_back({.seat = seat, .to = target(IpFamily::kV4), .ports = {{80, 80}}});
  SweepLimits limits;
  limits.crowded_ms = 100;
  int looks = 0;
  for (const int crowded_for : {20, 1'000'000}) {
    looks = 0;
    limits.crowded = [&] { return ++looks <= crowded_for; };
    const Sweep seen = sweep(*sockets_, 2, aims, limits, kGoOn, {});
    EXPECT_TRUE(seen.finished);
    EXPECT_GT(looks, 4) << "it did not wait";
    for (const seen::Swept& one : seen.aims)
      EXPECT_THAT(of_state(one.runs, State::kOpen), ElementsAre(80));
  }
}

TEST_P(Udp, AnswersRefusalsAndSilenceAreThreeThings) {
  const Port answering = listen(1, Port{5001}, SOCK_DGRAM);
  listen(1, Port{5002}, SOCK_DGRAM);
  std::jthread echo([fd = listeners_.front().get()](const std::stop_token& end) {
    while (!end.stop_requested()) {
      pollfd waiting{fd, POLLIN, 0};
      if (poll(&waiting, 1, 20) <= 0) continue;
      SocketAddress from;
      char byte = 0;
      if (recvfrom(fd, &byte, 1, 0, from.get(), &from.length) < 0) continue;
      sendto(fd, "x", 1, 0, from.get(), from.length);
    }
  });
  const Sweep seen = scan(
      {.seat = 0, .to = target(GetParam()), .protocol = IpProtocol::kUdp, .ports = {{5001, 5010}}});
  ASSERT_EQ(seen.aims[0].engine, Engine::kUdp);
  EXPECT_THAT(
      seen.aims[0].runs,
      ElementsAre(PortRun{{answering.number, answering.number}, State::kOpen, Proof::kAccepted, 0},
                  PortRun{{5002, 5002}, State::kUnknown, Proof::kNoUdpAnswer, 0},
                  PortRun{{5003, 5010}, State::kClosed, Proof::kPortUnreachable, 0}));
}

INSTANTIATE_TEST_SUITE_P(Both, Udp, testing::Values(IpFamily::kV4, IpFamily::kV6),
                         [](const auto& row) {
                           return std::string(row.param == IpFamily::kV4 ? "v4" : "v6");
                         });

}  // namespace
}  // namespace bulkhead::probe
