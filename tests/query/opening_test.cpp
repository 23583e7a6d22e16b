// What would open a closed connection: every obstacle, no more than needed, seen to open it.
#include "query/opening.h"

#include <gtest/gtest.h>

#include <random>

#include "query/host.h"
#include "reach/random_net.h"

namespace bulkhead::query {
namespace {

using testing::Host;
using trace::Verdict;

struct Explained {
  Reply reply;
  Opening opening;
};

Explained explain(const model::Snapshot& snapshot, std::span<const policy::Zone> zones,
                  const char* from, const char* to, std::uint16_t port) {
  const auto world = trace::World::build(snapshot);
  const Asker asker(*world, zones);
  const auto seat = asker.seat(*Vantage::parse(from));
  EXPECT_TRUE(seat);
  Target target;
  target.to = *IpAddress::parse(to);
  target.port = Port{port};
  Explained out;
  out.reply = asker.ask(*seat, target);
  out.opening = opening(asker, *seat, target, out.reply);
  return out;
}

Explained explain(const Host& host, const char* from, const char* to, std::uint16_t port) {
  return explain(host.net.snapshot, host.zones, from, to, port);
}

// In the host, in `family`, at `hook`: drops everything that its rules do not accept.
model::Table drops(const char* name, model::Hook hook, model::NfFamily family) {
  model::Table table;
  table.family = family;
  table.name = name;
  model::Chain& chain = table.chains.emplace_back();
  chain.name = "all";
  chain.base =
      model::BaseChain{hook, model::ChainType::kFilter, 0, model::VerdictKind::kAccept, {}};
  model::Rule& rule = chain.rules.emplace_back();
  rule.handle = 7;
  rule.statements = {model::Decide{{.kind = model::VerdictKind::kDrop, .chain = {}}}};
  return table;
}

TEST(Opening, OfWhatIsOpenThereIsNothingToSay) {
  const Host host;
  const auto [reply, opening] = explain(host, "host", "10.1.0.2", 80);
  EXPECT_EQ(reply.answer.verdict, Verdict::kOpen);
  EXPECT_TRUE(opening.changes.empty());
  EXPECT_FALSE(opening.opens);
}

TEST(Opening, WhereNobodyListensSomebodyWouldHaveTo) {
  const Host host;
  const auto [reply, opening] = explain(host, "host", "10.1.0.2", 81);
  ASSERT_EQ(opening.changes.size(), 1U);
  const Change& change = opening.changes[0];
  EXPECT_EQ(change.kind, ChangeKind::kListen);
  EXPECT_EQ(change.port, Port{81});
  EXPECT_EQ(change.ns, host.net.id("web"));
  EXPECT_TRUE(opening.opens);
}

TEST(Opening, APolicyIsMetWithTheNarrowestAccept) {
  Host host;
  host.only_from("192.0.2.200");
  const auto [reply, opening] = explain(host, "netns:/run/netns/web", "10.1.0.1", 22);
  ASSERT_EQ(opening.changes.size(), 1U);
  EXPECT_EQ(opening.changes[0].kind, ChangeKind::kAccept);
  EXPECT_EQ(opening.changes[0].match, "ip saddr 10.1.0.2 ip daddr 10.1.0.1 tcp dport 22");
  EXPECT_EQ(opening.changes[0].place.substr(0, 10), "ip t/input");
  EXPECT_TRUE(opening.opens);
}

// One behind the other, in two families, and a socket that is missing behind both.
TEST(Opening, AllObstaclesAreNamedInOrder) {
  Host host;
  host.net.rules("host", drops("first", model::Hook::kPrerouting, model::NfFamily::kInet));
  host.net.rules("host", drops("second", model::Hook::kForward, model::NfFamily::kIp));
  const auto [reply, opening] = explain(host, "lan", "10.1.0.2", 81);
  ASSERT_TRUE(opening.opens) << opening.left;
  std::vector<ChangeKind> kinds;
  for (const Change& c : opening.changes) kinds.push_back(c.kind);
  // The answer comes back through both hooks as well.
  ASSERT_EQ(kinds.size(), 5U);
  EXPECT_EQ(opening.changes[0].place.substr(0, 14), "inet first/all");
  EXPECT_EQ(opening.changes[1].place.substr(0, 13), "ip second/all");
  EXPECT_EQ(kinds[2], ChangeKind::kListen);
  EXPECT_NE(opening.changes[3].match.find("tcp sport 81"), std::string::npos);
}

TEST(Opening, SettingsAreObstaclesToo) {
  Host host;
  for (model::Link& link : host.net.ns("host").links) link.ipv4.forwarding = 0;
  host.net.ns("host").sysctls.ip_forward = 0;
  const auto [reply, opening] = explain(host, "lan", "10.1.0.2", 80);
  ASSERT_EQ(reply.answer.verdict, Verdict::kClosed);
  ASSERT_EQ(opening.changes.size(), 1U) << opening.left;
  EXPECT_EQ(opening.changes[0].kind, ChangeKind::kForward);
}

TEST(Opening, WhatNoChangeTakesAwayIsSaid) {
  const Host host;
  const auto [reply, opening] = explain(host, "internet", "10.1.0.2", 80);
  ASSERT_EQ(reply.answer.verdict, Verdict::kClosed);
  EXPECT_FALSE(opening.opens);
  EXPECT_FALSE(opening.left.empty());
}

TEST(Opening, OfAnAttackerNothingIsClaimed) {
  Target target;
  target.as_attacker = true;
  Reply reply;
  reply.answer.verdict = Verdict::kClosed;
  EXPECT_FALSE(may_be_opened(target, reply));
}

// On random networks: the changes open it, and with any one of them left out it is not open.
class OpeningLaw {
 public:
  explicit OpeningLaw(std::uint32_t seed)
      : net_(reach::testing::random_net(seed, {.filter = true, .nat = true, .odd = true})),
        seed_(seed),
        random_(seed) {}

  void run(std::size_t& opened, std::size_t& stuck) {
    const auto world = trace::World::build(net_.snapshot);
    const Asker asker(*world, {});
    for (int i = 0; i < 40; ++i) {
      Seat seat;
      seat.origins.emplace_back(trace::LocalOrigin{pick(net_.machines)});
      Target target;
      target.to = pick(net_.addresses);
      target.port = Port{pick(net_.ports)};
      if (random_() % 3 == 0) target.protocol = IpProtocol::kUdp;
      const Reply reply = asker.ask(seat, target);
      if (reply.answer.verdict != Verdict::kClosed) continue;
      const Opening found = opening(asker, seat, target, reply);
      if (!found.opens) {
        ++stuck;
        EXPECT_FALSE(found.left.empty()) << "seed " << seed_;
        continue;
      }
      ++opened;
      check(seat, target, found);
    }
  }

 private:
  template <class T>
  T pick(const std::vector<T>& list) {
    return list[random_() % list.size()];
  }

  Verdict with(const Seat& seat, const Target& target, std::span<const Change> changes) const {
    model::Snapshot copy = net_.snapshot;
    make_changes(copy, changes);
    const auto world = trace::World::build(copy);
    return Asker(*world, {}).ask(seat, target).answer.verdict;
  }

  void check(const Seat& seat, const Target& target, const Opening& found) const {
    EXPECT_EQ(with(seat, target, found.changes), Verdict::kOpen) << "seed " << seed_;
    for (std::size_t i = 0; i < found.changes.size(); ++i) {
      std::vector<Change> without = found.changes;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_NE(with(seat, target, without), Verdict::kOpen)
          << "seed " << seed_ << ": " << to_string(found.changes[i].kind) << " "
          << found.changes[i].place << " is not needed";
    }
  }

  reach::testing::RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
};

TEST(Opening, OnRandomNetworksItOpensAndNothingOfItIsNeedless) {
  std::size_t opened = 0, stuck = 0;
  for (std::uint32_t seed = 1; seed <= 60; ++seed) OpeningLaw(seed).run(opened, stuck);
  RecordProperty("opened", static_cast<int>(opened));
  RecordProperty("stuck", static_cast<int>(stuck));
  EXPECT_GT(opened, 300U);
  EXPECT_GT(opened, stuck) << "most closed connections are explained to the end";
}

}  // namespace
}  // namespace bulkhead::query
