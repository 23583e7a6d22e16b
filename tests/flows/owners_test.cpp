#include "flows/owners.h"

#include <gtest/gtest.h>

#include "flows/host.h"

namespace bulkhead::flows {
namespace {

using testing_flows::Host;
using testing_flows::ip;
using testing_flows::long_ago;

struct Fixture {
  Owners owners;
  Book book;
  [[nodiscard]] std::string at(std::string_view address, std::uint64_t from, std::uint64_t until,
                               bool all = false) const {
    const Peer peer = owners.holder(ip(address), {from, until}, all);
    return peer.kind == PeerKind::kContainer ? book.whos()[peer.who].name
                                             : std::string(to_string(peer.kind));
  }
};

TEST(Owners, TellContainersTheHostItsNetworksAndTheRest) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 7);
  f.owners.take(h.snapshot, {100'000, 100'100}, long_ago, f.book);
  EXPECT_EQ(f.at("10.1.1.2", 100'050, 100'060), "web");
  EXPECT_EQ(f.at("10.1.1.9", 100'050, 100'060), "nobody");
  EXPECT_EQ(f.at("192.0.2.10", 100'050, 100'060), "host");
  EXPECT_EQ(f.at("198.51.100.1", 100'050, 100'060), "outside");
  EXPECT_TRUE(f.owners.is_group(ip("10.1.1.255")));
  EXPECT_TRUE(f.owners.is_group(ip("ff02::1")));
  EXPECT_FALSE(f.owners.is_group(ip("10.1.1.254")));
}

// Before it began, somebody else may have had the address.
TEST(Owners, AHolderIsNotBlamedForWhatIsOlder) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 7);
  f.owners.take(h.snapshot, {100'000, 100'100}, [](std::uint32_t) { return 90'000U; }, f.book);
  EXPECT_EQ(f.at("10.1.1.2", 95'000, 100'000, true), "web");
  EXPECT_EQ(f.at("10.1.1.2", 80'000, 100'000, true), "unsure");
  Fixture g;
  h.snapshot.taken_at_ms = 100'000;
  g.owners.take(h.snapshot, {100'000, 100'100}, [](std::uint32_t) { return 0U; }, g.book);
  EXPECT_EQ(g.at("10.1.1.2", 99'000, 100'000, true), "unsure");
}

TEST(Owners, AnAddressThatChangesHandsIsEachHoldersInItsTime) {
  Fixture f;
  Host first;
  first.container("old", "10.1.1.2", 7);
  f.owners.take(first.snapshot, {100'000, 100'100}, long_ago, f.book);
  f.owners.link_went(IfIndex{7}, {110'000, 110'010});
  EXPECT_TRUE(f.owners.link_came(IfIndex{9}, {111'000, 111'010}));
  Host second;
  second.container("new", "10.1.1.2", 9);
  f.owners.take(second.snapshot, {112'000, 112'100}, long_ago, f.book);
  EXPECT_EQ(f.at("10.1.1.2", 109'000, 109'010), "old");
  EXPECT_EQ(f.at("10.1.1.2", 110'500, 110'510), "nobody");
  EXPECT_EQ(f.at("10.1.1.2", 111'500, 111'510), "new");
  // In one breath: nobody knows which was first.
  EXPECT_EQ(f.at("10.1.1.2", 109'990, 111'005), "unsure");
}

TEST(Owners, WhoCameAndWentUnreadIsNobody) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 7);
  f.owners.take(h.snapshot, {100'000, 100'100}, long_ago, f.book);
  EXPECT_TRUE(f.owners.link_came(IfIndex{9}, {101'000, 101'010}));
  f.owners.link_went(IfIndex{9}, {101'500, 101'510});
  f.owners.take(h.snapshot, {102'000, 102'100}, long_ago, f.book);
  EXPECT_EQ(f.at("10.1.1.3", 101'200, 101'210), "nobody");
  EXPECT_EQ(f.at("10.1.1.2", 101'200, 101'210), "web");
}

TEST(Owners, AnEngineThatIsStartedAnewLosesNobody) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 11);
  h.container("db", "10.1.1.3", 12);
  f.owners.take(h.snapshot, {100'000, 100'100}, long_ago, f.book);
  Host down;
  down.snapshot.engines.clear();
  f.owners.take(down.snapshot, {102'000, 102'100}, long_ago, f.book);
  f.owners.link_went(IfIndex{12}, {103'000, 103'010});
  Host failed;
  failed.snapshot.engines[0].gaps.push_back({"containers", "no answer"});
  f.owners.take(failed.snapshot, {104'000, 104'100}, long_ago, f.book);
  EXPECT_EQ(f.at("10.1.1.2", 105'000, 105'000), "web");
  EXPECT_EQ(f.at("10.1.1.3", 105'000, 105'000), "nobody");
  Host gone;
  f.owners.take(gone.snapshot, {106'000, 106'100}, long_ago, f.book);
  EXPECT_EQ(f.at("10.1.1.2", 107'000, 107'000), "nobody");
}

TEST(Owners, ALinkThatWasThereBeforeIsNoNews) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 7);
  f.owners.take(h.snapshot, {100'000, 100'100}, long_ago, f.book);
  EXPECT_FALSE(f.owners.link_came(IfIndex{7}, {101'000, 101'010}));
}

TEST(Owners, AProxyAnswersForWhoeverPublishesThePort) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 7)
      .published.push_back({IpProtocol::kTcp, Port{80}, ip("0.0.0.0"), Port{8080}});
  f.owners.take(h.snapshot, {100'000, 100'100}, long_ago, f.book);
  const auto found =
      f.owners.publisher(ip("192.0.2.10"), Port{8080}, IpProtocol::kTcp, {100'000, 100'010});
  ASSERT_TRUE(found);
  EXPECT_EQ(f.book.whos()[found->who].name, "web");
  EXPECT_EQ(found->inside.number, 80);
  EXPECT_FALSE(
      f.owners.publisher(ip("192.0.2.10"), Port{8080}, IpProtocol::kUdp, {100'000, 100'010}));
  f.owners.link_went(IfIndex{7}, {110'000, 110'010});
  EXPECT_FALSE(
      f.owners.publisher(ip("192.0.2.10"), Port{8080}, IpProtocol::kTcp, {111'000, 111'010}));
}

TEST(Owners, AGuestOfAnothersNamespaceHoldsNothing) {
  Fixture f;
  Host h;
  h.container("web", "10.1.1.2", 7);
  model::Container guest = h.snapshot.engines[0].containers[0];
  guest.name = "aside";
  guest.network_mode = "container:web";
  h.snapshot.engines[0].containers.insert(h.snapshot.engines[0].containers.begin(), guest);
  f.owners.take(h.snapshot, {100'000, 100'100}, long_ago, f.book);
  EXPECT_EQ(f.at("10.1.1.2", 100'050, 100'060), "web");
}

}  // namespace
}  // namespace bulkhead::flows
