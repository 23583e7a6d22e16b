#include "flows/watcher.h"

#include <gtest/gtest.h>

#include "flows/host.h"

namespace bulkhead::flows {
namespace {

using testing_flows::Host;
using testing_flows::ip;
using testing_flows::long_ago;

constexpr std::uint64_t kStart = 100'000;

Connection tcp(Turn turn, std::uint32_t id, std::string_view from, std::string_view to,
               std::uint16_t port, bool answered = false) {
  Connection c;
  c.turn = turn;
  c.id = id;
  c.asked = {ip(from), ip(to), Port{40'000}, Port{port}};
  c.answer = {ip(to), ip(from), Port{port}, Port{40'000}};
  c.answered = answered;
  c.tcp_state = 3;
  return c;
}

class Watching {
 public:
  explicit Watching(std::uint64_t forgets_s = 432'000) {
    Timeouts timeouts;
    timeouts.tcp[3] = forgets_s;
    watcher.emplace(owners, book, kStart, timeouts);
    host.container("web", "10.1.1.2", 7);
    host.container("db", "10.1.1.3", 8);
    read(kStart);
  }
  void read(std::uint64_t at) {
    owners.take(host.snapshot, {at, at + 50}, long_ago, book);
    watcher->read({at, at + 50});
  }
  void hear(std::vector<Connection> all, std::uint64_t at) { watcher->hear(all, {at, at + 10}); }

  // "web -> db 5432: 2 of 3"
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& [flow, counts] : book.flows())
      out.push_back(name(flow.from) + " -> " + name(flow.to) + " " +
                    std::to_string(flow.dialled.number) + ": " + std::to_string(counts.answered) +
                    " of " + std::to_string(counts.tries));
    return out;
  }

  Host host;
  Owners owners;
  Book book;
  std::optional<Watcher> watcher;

 private:
  [[nodiscard]] std::string name(const Peer& peer) const {
    if (peer.kind == PeerKind::kContainer) return book.whos()[peer.who].name;
    return std::string(to_string(peer.kind));
  }
};

using Lines = std::vector<std::string>;

TEST(Watcher, CountsATryAndItsAnswer) {
  Watching w;
  w.hear({tcp(Turn::kBegins, 1, "10.1.1.2", "10.1.1.3", 5432),
          tcp(Turn::kBegins, 2, "10.1.1.2", "10.1.1.3", 5432)},
         kStart + 1000);
  w.hear({tcp(Turn::kEnds, 1, "10.1.1.2", "10.1.1.3", 5432, true),
          tcp(Turn::kEnds, 2, "10.1.1.2", "10.1.1.3", 5432, false)},
         kStart + 2000);
  EXPECT_EQ(w.lines(), Lines{"web -> db 5432: 1 of 2"});
  const Counts& counts = w.book.flows().begin()->second;
  EXPECT_EQ(counts.first_ms, kStart + 1010);
  EXPECT_EQ(counts.last_ms, kStart + 2010);
}

TEST(Watcher, UndoesTranslation) {
  Watching w;
  Connection c = tcp(Turn::kBegins, 1, "198.51.100.7", "192.0.2.10", 8080);
  c.answer = {ip("10.1.1.2"), ip("10.1.1.1"), Port{80}, Port{40'000}};  // DNAT, and a masquerade
  w.hear({c}, kStart + 1000);
  ASSERT_EQ(w.book.flows().size(), 1U);
  const Flow& flow = w.book.flows().begin()->first;
  EXPECT_EQ(flow.from.address, ip("198.51.100.7"));
  EXPECT_EQ(flow.to.kind, PeerKind::kContainer);
  EXPECT_EQ(flow.dialled.number, 8080);
  EXPECT_EQ(flow.served.number, 80);
  EXPECT_EQ(flow.at, ip("192.0.2.10"));
}

TEST(Watcher, WhatNoPolicySpeaksOfIsCountedAlone) {
  Watching w;
  Connection ping = tcp(Turn::kBegins, 1, "10.1.1.2", "10.1.1.3", 0);
  ping.protocol = IpProtocol::kIcmp;
  w.hear({ping, tcp(Turn::kBegins, 2, "192.0.2.10", "198.51.100.7", 443),
          tcp(Turn::kBegins, 3, "10.1.1.2", "10.1.1.255", 137),
          tcp(Turn::kBegins, 4, "127.0.0.1", "127.0.0.1", 631)},
         kStart + 1000);
  EXPECT_EQ(w.lines(), Lines{});
  EXPECT_EQ(w.book.losses.others, 1U);
  EXPECT_EQ(w.book.losses.passing, 1U);
  EXPECT_EQ(w.book.losses.groups, 1U);
}

// A container comes: what it sends waits until it is known.
TEST(Watcher, AConnectionWaitsUntilItsHolderIsKnown) {
  Watching w;
  const std::vector<LinkTurn> came{{IfIndex{9}, true}};
  w.watcher->links(came, {kStart + 1000, kStart + 1010});
  w.hear({tcp(Turn::kBegins, 1, "10.1.1.4", "10.1.1.3", 5432)}, kStart + 1100);
  EXPECT_EQ(w.lines(), Lines{});
  EXPECT_FALSE(w.watcher->wants_reading(kStart + 1050));
  EXPECT_TRUE(w.watcher->wants_reading(kStart + 1200));
  w.read(kStart + 1200);  // too early: it has no address yet
  EXPECT_EQ(w.lines(), Lines{});
  EXPECT_FALSE(w.watcher->settled());
  w.host.container("late", "10.1.1.4", 9);
  EXPECT_TRUE(w.watcher->wants_reading(kStart + 2500));
  w.read(kStart + 2500);
  EXPECT_TRUE(w.watcher->settled());
  EXPECT_EQ(w.lines(), Lines{"late -> db 5432: 0 of 1"});
}

TEST(Watcher, AnExchangedAddressIsNeverGuessed) {
  Watching w;
  w.hear({tcp(Turn::kBegins, 1, "10.1.1.2", "10.1.1.3", 5432)}, kStart + 500);
  w.watcher->links(std::vector<LinkTurn>{{IfIndex{7}, false}}, {kStart + 1000, kStart + 1010});
  w.watcher->links(std::vector<LinkTurn>{{IfIndex{9}, true}}, {kStart + 1500, kStart + 1510});
  w.hear({tcp(Turn::kBegins, 2, "10.1.1.2", "10.1.1.3", 5432)}, kStart + 1200);
  w.hear({tcp(Turn::kBegins, 3, "10.1.1.2", "10.1.1.3", 5432)}, kStart + 1700);
  Host after;
  after.container("second", "10.1.1.2", 9);
  after.container("db", "10.1.1.3", 8);
  w.host = after;
  w.read(kStart + 3000);
  EXPECT_EQ(w.lines(), (Lines{"web -> db 5432: 0 of 1", "second -> db 5432: 0 of 1",
                              "nobody -> db 5432: 0 of 1"}));
}

TEST(Watcher, AnEndWithoutABeginningMayBeOlderThanTheHolder) {
  Watching w;
  w.hear({tcp(Turn::kEnds, 1, "10.1.1.2", "10.1.1.3", 5432, true)}, kStart + 5000);
  EXPECT_EQ(w.lines(), Lines{"web -> db 5432: 1 of 1"});
  w.watcher->links(std::vector<LinkTurn>{{IfIndex{9}, true}}, {kStart + 6000, kStart + 6010});
  w.host.container("late", "10.1.1.4", 9);
  w.read(kStart + 8000);
  w.hear({tcp(Turn::kEnds, 2, "10.1.1.4", "10.1.1.3", 5432, true)}, kStart + 9000);
  EXPECT_EQ(w.lines().back(), "unsure -> db 5432: 1 of 1");
}

TEST(Watcher, ATableTellsWhatIsOlderAndWhatIsGone) {
  Watching w;
  Connection old = tcp(Turn::kIsThere, 1, "10.1.1.2", "10.1.1.3", 5432, true);
  old.left_s = 432'000 - 50;  // heard of 50 s ago; its holders are there since 1 s after the epoch
  Connection older = tcp(Turn::kIsThere, 2, "10.1.1.2", "10.1.1.3", 5433, true);
  older.left_s = 432'000 - 400;
  Connection unknown = tcp(Turn::kIsThere, 3, "10.1.1.2", "10.1.1.3", 5434, true);
  w.watcher->table(std::vector{old, older, unknown}, {kStart + 100, kStart + 110});
  EXPECT_EQ(w.lines(), (Lines{"web -> db 5432: 1 of 1", "unsure -> unsure 5433: 1 of 1",
                              "unsure -> unsure 5434: 1 of 1"}));
}

TEST(Watcher, ALaterTableSaysWhatWasAnsweredAndNobodyCountsItTwice) {
  Watching w;
  w.watcher->table({}, {kStart + 100, kStart + 110});
  w.hear({tcp(Turn::kBegins, 1, "10.1.1.2", "10.1.1.3", 5432),
          tcp(Turn::kBegins, 2, "10.1.1.2", "10.1.1.3", 5433)},
         kStart + 1000);
  w.watcher->table(std::vector{tcp(Turn::kIsThere, 1, "10.1.1.2", "10.1.1.3", 5432, true)},
                   {kStart + 2000, kStart + 2010});
  EXPECT_EQ(w.lines(), (Lines{"web -> db 5432: 1 of 1", "web -> db 5433: 0 of 1"}));
  EXPECT_EQ((++w.book.flows().begin())->second.lost, 1U);
  w.watcher->table(std::vector{tcp(Turn::kIsThere, 1, "10.1.1.2", "10.1.1.3", 5432, true)},
                   {kStart + 3000, kStart + 3010});
  w.hear({tcp(Turn::kEnds, 1, "10.1.1.2", "10.1.1.3", 5432, true)}, kStart + 4000);
  EXPECT_EQ(w.lines(), (Lines{"web -> db 5432: 1 of 1", "web -> db 5433: 0 of 1"}));
}

TEST(Watcher, WhatAnEarlierRunSawToItsEndIsNotCountedAgain) {
  Watching w;
  w.book.until_ms = kStart - 20'000;
  Timeouts timeouts;
  timeouts.tcp[3] = 432'000;
  w.watcher.emplace(w.owners, w.book, kStart, timeouts);
  Connection old = tcp(Turn::kIsThere, 1, "10.1.1.2", "10.1.1.3", 5432, true);
  old.left_s = 432'000 - 30;
  Connection since = tcp(Turn::kIsThere, 2, "10.1.1.2", "10.1.1.3", 5433, true);
  since.left_s = 432'000 - 10;
  w.watcher->table(std::vector{old, since}, {kStart + 100, kStart + 110});
  old.turn = Turn::kEnds;
  w.hear({old}, kStart + 1000);
  w.watcher->finish();
  EXPECT_EQ(w.lines(), Lines{"web -> db 5433: 1 of 1"});
}

TEST(Watcher, WhatWasPickedUpInItsMiddleHasNoAnswer) {
  Watching w;
  Connection c = tcp(Turn::kBegins, 1, "10.1.1.3", "10.1.1.2", 40'000);
  c.unclear = true;
  w.hear({c}, kStart + 1000);
  c.turn = Turn::kEnds;
  c.answered = true;
  w.hear({c}, kStart + 2000);
  EXPECT_EQ(w.lines(), Lines{"db -> web 40000: 0 of 1"});
  EXPECT_EQ(w.book.flows().begin()->second.unclear, 1U);
}

}  // namespace
}  // namespace bulkhead::flows
