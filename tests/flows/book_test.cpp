#include "flows/book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flows/host.h"

namespace bulkhead::flows {
namespace {

using ::testing::HasSubstr;
using testing_flows::ip;

Flow flow(std::uint32_t from, std::uint32_t to, std::uint16_t port) {
  Flow out;
  out.from = {PeerKind::kContainer, from, {}};
  out.to = {PeerKind::kContainer, to, {}};
  out.dialled = out.served = Port{port};
  return out;
}

Book example() {
  Book book;
  book.runs = 2;
  book.since_ms = 1000;
  book.until_ms = 9000;
  book.losses = {1, 2, 3, 4, 5};
  EXPECT_TRUE(book.intern({"docker", "web", "acme/web:1", "shop", "web", {{"role", "front"}}}));
  EXPECT_TRUE(book.intern({"docker", "\x1b[31m\"\n", "", "", "", {}}));
  book.add(flow(0, 1, 5432), {.tries = 3, .answered = 2, .first_ms = 1500, .last_ms = 2500});
  Flow in;
  in.family = IpFamily::kV6;
  in.protocol = IpProtocol::kUdp;
  in.from = {PeerKind::kOutside, 0, ip("2001:db8::7")};
  in.to = {PeerKind::kContainer, 0, {}};
  in.dialled = Port{8080};
  in.served = Port{80};
  in.at = ip("2001:db8::1");
  book.add(in, {.tries = 1, .unclear = 1, .lost = 1, .first_ms = 1, .last_ms = 2});
  Flow host = flow(0, 0, 9100);
  host.to = Peer{};
  host.at = ip("172.20.0.1");
  book.add(host, {.tries = 1});
  Flow lost = flow(0, 0, 53);
  lost.to = {PeerKind::kNobody, 0, ip("172.20.0.9")};
  book.add(lost, {.tries = 1});
  return book;
}

TEST(Book, ReadsWhatItWrote) {
  const Book book = example();
  const auto again = read_book(book_json(book), "flows.json");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->whos(), book.whos());
  EXPECT_EQ(again->flows(), book.flows());
  EXPECT_EQ(again->losses, book.losses);
  EXPECT_EQ(again->runs, 2U);
  EXPECT_EQ(book_json(*again), book_json(book));
}

TEST(Book, AddsToWhatIsThereFromEarlierRuns) {
  Book book = read_book(book_json(example()), "flows.json").value();
  book.add(flow(0, 1, 5432), {.tries = 1, .answered = 1, .first_ms = 7000, .last_ms = 8000});
  const Counts& counts = book.flows().at(flow(0, 1, 5432));
  EXPECT_EQ(counts.tries, 4U);
  EXPECT_EQ(counts.answered, 3U);
  EXPECT_EQ(counts.first_ms, 1500U);
  EXPECT_EQ(counts.last_ms, 8000U);
}

TEST(Book, TellsWhatIsWrongWithItsFile) {
  const std::string good = book_json(example());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto read = read_book(text, "f\x1b.json");
    return read ? std::string("read") : read.error().message;
  };
  EXPECT_THAT(with("\"schema\":", "\"scheme\":"), HasSubstr("bulkhead learn --state FILE"));
  EXPECT_THAT(with("\"container\":1", "\"container\":2"), HasSubstr("that is not there"));
  EXPECT_THAT(with("\"proto\":\"tcp\"", "\"proto\":\"icmp\""), HasSubstr("tcp or udp"));
  EXPECT_THAT(with("\"port\":5432", "\"port\":65536"), HasSubstr("port is not a number"));
  EXPECT_THAT(with("2001:db8::7", "192.0.2.7"), HasSubstr("family"));
  EXPECT_THAT(with("\"kind\":\"nobody\"", "\"kind\":\"\\u001b\""), HasSubstr("is not host"));
  EXPECT_THAT(with("\"tries\":3", "\"tries\":-3"), HasSubstr("tries"));
  EXPECT_THAT(with("\"flows\":[", "\"flows\":{\"a\":["), HasSubstr("JSON"));
  EXPECT_THAT(with("\"flows\":[", "\"flows\":[1,"), HasSubstr("f\\x1b.json"));
  std::string deep(1000, '[');
  EXPECT_FALSE(read_book(deep + std::string(1000, ']'), "f"));
}

TEST(Book, AddressesBeyondItsBoundAreOthers) {
  Book book;
  EXPECT_TRUE(book.intern({"docker", "web", "", "", "", {}}));
  Flow in = flow(0, 0, 80);
  for (std::uint32_t i = 0; i < kMostStrangers + 10; ++i) {
    in.from = {PeerKind::kOutside, 0, IpAddress::v4(0x0a000001 + i)};
    book.add(in, {.tries = 1});
  }
  EXPECT_EQ(book.flows().size(), kMostStrangers + 1);
  in.from.address = IpAddress::any(IpFamily::kV4);
  EXPECT_EQ(book.flows().at(in).tries, 10U);
  const auto again = read_book(book_json(book), "f");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->flows(), book.flows());
}

TEST(Book, WhatWasNeverAnsweredMakesRoomAndIsCounted) {
  Book book;
  for (std::uint32_t i = 0; i < 3; ++i)
    EXPECT_TRUE(book.intern({"docker", "c" + std::to_string(i), "", "", "", {}}));
  std::uint64_t now = 1;
  for (std::uint32_t i = 0; i < kMostFlows; ++i) {
    const auto port = static_cast<std::uint16_t>(i);
    book.add(flow(i >> 16, 2, port),
             {.tries = 1, .answered = i % 2, .first_ms = now, .last_ms = now});
    ++now;
  }
  ASSERT_EQ(book.flows().size(), kMostFlows);
  EXPECT_TRUE(book.add(flow(1, 2, 1), {.tries = 1, .answered = 1, .first_ms = now}));
  EXPECT_LT(book.flows().size(), kMostFlows);
  EXPECT_GT(book.losses.dropped, 0U);
  std::size_t answered = 0;
  for (const auto& [one, counts] : book.flows()) answered += counts.answered;
  EXPECT_EQ(answered, kMostFlows / 2 + 1);
}

TEST(Who, IsTheSameAfterComposeMadeItAnew) {
  model::Engine engine;
  engine.name = "docker";
  model::Container c;
  c.id = "one";
  c.name = "shop-web-1";
  c.labels = {{"com.docker.compose.config-hash", "1"}, {"role", "web"}};
  const Who before = who_is(engine, c);
  c.id = "two";
  c.labels["com.docker.compose.config-hash"] = "2";
  EXPECT_EQ(who_is(engine, c), before);
  c.labels["role"] = "db";
  EXPECT_NE(who_is(engine, c), before);
}

}  // namespace
}  // namespace bulkhead::flows
