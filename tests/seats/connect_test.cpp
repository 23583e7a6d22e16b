// Connections through a small network of namespaces: three machines on one router.
#include "seats/connect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

#include "collect/lab.h"

namespace bulkhead::seats {
namespace {

using collect::run;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kNow = 1795562400000;

// Ports of the target; what happens there is in kRules.
constexpr Port kOpen{7001}, kRefused{7002}, kDropped{7003}, kProhibited{7004}, kLateOpen{7005};

// Link-local addresses are there at once: the router solicits its neighbours by them.
constexpr const char* kNoDad = "net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0";

// A SYN is 60 bytes in IPv4 and 80 in IPv6: the quota swallows the first one.
constexpr const char* kRules = R"(
table inet f {
  chain i {
    type filter hook input priority 0
    ip saddr 10.77.2.2 tcp dport 7001 drop
    ip6 saddr fd77:2::2 tcp dport 7001 drop
    tcp dport 7003 drop
    tcp dport 7004 reject with icmpx admin-prohibited
    meta nfproto ipv4 tcp dport 7005 quota 100 bytes drop
    meta nfproto ipv6 tcp dport 7005 quota 100 bytes drop
  }
})";

class Probe : public collect::LabTest, public testing::WithParamInterface<IpFamily> {
 protected:
  void SetUp() override {
    LabTest::SetUp();
    router_ = add("r");
    set(router_, "net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    set(router_, kNoDad);
    a_ = machine("a", 1), b_ = machine("b", 2), target_ = machine("t", 3);
    run("ip -n " + router_ + " route add unreachable 10.88.0.0/16");
    run("ip -n " + router_ + " -6 route add unreachable fd88::/16");
    static_cast<void>(in(target_, "nft '" + std::string(kRules) + "'"));

    auto broker = collect::Broker::start();
    ASSERT_TRUE(broker) << broker.error().message;
    broker_.emplace(*std::move(broker));
    collect::Options options;
    options.read_engines = false;
    auto snapshot = collect::take_snapshot(*broker_, options);
    ASSERT_TRUE(snapshot) << snapshot.error().message;
    snapshot_ = *std::move(snapshot);
    for (const Port port : {kOpen, kLateOpen}) listen(port);
  }
  void TearDown() override {
    for (int fd : listeners_) close(fd);
    LabTest::TearDown();
  }

  static void set(const std::string& name, const std::string& sysctls) {
    static_cast<void>(in(name, "sysctl -qw " + sysctls));
  }
  // 10.77.N.2 and fd77:N::2 behind the router.
  std::string machine(const std::string& word, int n) {
    const std::string name = add(word), number = std::to_string(n), far = "v" + word;
    set(name, kNoDad);
    run("ip -n " + name + " link add eth0 type veth peer name " + far + " netns " + router_);
    const auto address = [&](const std::string& ns, const std::string& dev, const char* last) {
      run("ip -n " + ns + " address add 10.77." + number + "." + last + "/24 dev " + dev);
      run("ip -n " + ns + " address add fd77:" + number + "::" + last + "/64 dev " + dev +
          " nodad");
      run("ip -n " + ns + " link set " + dev + " up");
    };
    address(name, "eth0", "2");
    address(router_, far, "1");
    run("ip -n " + name + " link set lo up");
    run("ip -n " + name + " route add default via 10.77." + number + ".1");
    run("ip -n " + name + " route add default via fd77:" + number + "::1");
    return name;
  }

  // On both versions: a socket belongs to the namespace in which it was made.
  void listen(Port port) {
    auto opened = broker_->open_socket(inode(target_), AF_INET6, SOCK_STREAM);
    ASSERT_TRUE(opened) << opened.error().message;
    listeners_.push_back(*opened);
    sockaddr_in6 here{};
    here.sin6_family = AF_INET6;
    here.sin6_port = htons(port.number);
    ASSERT_EQ(bind(*opened, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    ASSERT_EQ(::listen(*opened, 16), 0);
  }

  [[nodiscard]] model::NsId id(const std::string& name) const {
    const auto* found = find(snapshot_, inode(name));
    return {
        static_cast<std::uint32_t>(found == nullptr ? ~0U : found - snapshot_.namespaces.data())};
  }
  [[nodiscard]] static IpAddress address(const char* v4, const char* v6) {
    return IpAddress::parse(GetParam() == IpFamily::kV4 ? v4 : v6).value();
  }
  [[nodiscard]] Attempt to_target(const std::string& from, Port port) const {
    return {from, id(from), address("10.77.3.2", "fd77:3::2"), port};
  }
  std::vector<model::Observation> connect(const std::vector<Attempt>& attempts,
                                          const Limits& limits = {}) {
    return connect_all(*broker_, snapshot_, attempts, limits, kNow);
  }
  static std::vector<std::string> hows(const std::vector<model::Observation>& observations) {
    std::vector<std::string> out;
    for (const model::Observation& o : observations) out.push_back(o.how);
    return out;
  }

  std::string router_, a_, b_, target_;
  std::optional<collect::Broker> broker_;
  model::Snapshot snapshot_;
  std::vector<int> listeners_;
};

TEST_P(Probe, EachAnswerIsToldApart) {
  const IpAddress beyond = address("10.88.0.1", "fd88::1");
  const IpAddress nowhere = address("10.99.0.1", "fd99::1");
  const auto seen = connect({to_target(a_, kOpen),
                             to_target(a_, kRefused),
                             to_target(a_, kDropped),
                             to_target(a_, kProhibited),
                             {a_, id(a_), beyond, Port{80}},
                             {router_, id(router_), nowhere, Port{80}}});
  ASSERT_THAT(hows(seen), ElementsAre("accepted", "refused", "dropped", "unreachable",
                                      "unreachable", "unreachable"));
  EXPECT_EQ(seen[0].error, 0);
  EXPECT_EQ(seen[1].error, ECONNREFUSED);
  EXPECT_EQ(seen[2].error, ETIMEDOUT);
  // ip_error() sends "host unreachable", ip6_pkt_discard() "no route".
  EXPECT_EQ(seen[4].error, GetParam() == IpFamily::kV4 ? EHOSTUNREACH : ENETUNREACH);
  EXPECT_EQ(seen[5].error, ENETUNREACH);
  for (const model::Observation& o : seen) {
    EXPECT_EQ(o.taken_at_ms, kNow);
    EXPECT_EQ(o.protocol, IpProtocol::kTcp);
  }
}

TEST_P(Probe, EachVantageGetsItsOwnAnswerInTheOrderOfTheQuestions) {
  const auto seen =
      connect({to_target(b_, kOpen), to_target(a_, kOpen), to_target(target_, kOpen)});
  ASSERT_THAT(hows(seen), ElementsAre("dropped", "accepted", "accepted"));
  EXPECT_EQ(seen[0].vantage, b_);
  EXPECT_EQ(seen[1].vantage, a_);
  EXPECT_EQ(seen[1].from, id(a_));
  EXPECT_EQ(seen[2].from, id(target_));
}

TEST_P(Probe, ASilentTargetIsAskedAgain) {
  EXPECT_THAT(hows(connect({to_target(a_, kLateOpen)})), ElementsAre("accepted"));
}

TEST_P(Probe, NothingIsSentAndNothingStaysOpen) {
  ASSERT_THAT(hows(connect({to_target(a_, kOpen)})), ElementsAre("accepted"));
  const int accepted = accept(listeners_[0], nullptr, nullptr);
  ASSERT_GE(accepted, 0);
  char byte = 0;
  EXPECT_EQ(recv(accepted, &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  close(accepted);
}

// What was not met with full patience is left out, never called dropped.
TEST_P(Probe, TheRoundEndsInTimeAndSaysNothingOfWhatItDidNotFinish) {
  const std::vector<Attempt> many(40, to_target(a_, kDropped));
  Limits limits;
  limits.in_flight = 2;
  limits.all_ms = 900;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(connect(many, limits), IsEmpty());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST_P(Probe, AttemptsBeyondTheBoundAndFromNowhereAreLeftOut) {
  Limits limits;
  limits.most = 2;
  const std::vector<Attempt> three(3, to_target(a_, kRefused));
  EXPECT_THAT(connect(three, limits), SizeIs(2));
  std::vector<Attempt> lost{to_target(a_, kRefused)};
  lost.front().from = model::NsId{static_cast<std::uint32_t>(snapshot_.namespaces.size())};
  EXPECT_THAT(connect(lost), IsEmpty());
}

TEST_P(Probe, MoreAttemptsThanSocketsAtOnceAllGetTheirAnswer) {
  Limits limits;
  limits.in_flight = 3;
  const std::vector<Attempt> many(20, to_target(a_, kRefused));
  const auto seen = connect(many, limits);
  EXPECT_THAT(hows(seen), SizeIs(20));
  EXPECT_THAT(hows(seen), Each("refused"));
}

INSTANTIATE_TEST_SUITE_P(Both, Probe, testing::Values(IpFamily::kV4, IpFamily::kV6),
                         [](const auto& row) {
                           return std::string(row.param == IpFamily::kV4 ? "v4" : "v6");
                         });

}  // namespace
}  // namespace bulkhead::seats
