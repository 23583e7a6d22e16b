#include "report/drawings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/zones.h"
#include "report/map_drawing.h"
#include "report/usual.h"

namespace bulkhead::report {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace testing_hosts;
using testing_report::expect_golden;

audit::Map map_of(const model::Snapshot& snapshot) {
  return audit::draw_map(snapshot, {}, policy::guess_zones(snapshot));
}

// A container in two networks, one of them internal, one in the host's own, one that does not run.
model::Snapshot small() {
  HostBuilder h;
  h.network("shop_default", "br-shop", "172.18.0.1");
  h.network("back", "br-back", "172.20.0.1").internal = true;
  const auto db = h.container("shop-db-1", "shop_default", "172.18.0.2", "shop", "db", "pg:16");
  h.join_network(db, "back", "172.20.0.2");
  h.container("blog-app-1", "shop_default", "172.18.0.3", "blog", "app", "wordpress:6");
  h.listen(db.ns, 5432, "postgres");
  h.publish(db, 5432, 5432, "127.0.0.1");
  h.listen(0, 22, "sshd");
  model::Container& exporter = h.engine().containers.emplace_back();
  exporter.name = "exporter", exporter.image = "exporter:1", exporter.state = "running";
  exporter.network_mode = "host", exporter.netns = model::NsId{0};
  h.engine().containers.emplace_back().state = "exited";
  return h.snapshot;
}

const DrawnGroup& group(const Drawing& drawing, std::string_view title) {
  return *std::ranges::find(drawing.groups, title, &DrawnGroup::title);
}

TEST(Drawing, AContainerInTwoNetworksHasOneNumberInBoth) {
  const Drawing drawing = draw(map_of(small()), {});
  const DrawnContainer& one = group(drawing, "shop_default").containers[1];
  const DrawnContainer& other = group(drawing, "back").containers[0];
  EXPECT_EQ(one.name, "shop-db-1");
  EXPECT_EQ(other.name, "shop-db-1");
  EXPECT_EQ(one.identity, 1U);
  EXPECT_EQ(other.identity, 1U);
  EXPECT_EQ(one.also_in, "also in back");
  EXPECT_EQ(other.also_in, "also in shop_default");
  EXPECT_EQ(group(drawing, "shop_default").containers[0].identity, 0U) << "drawn once";
  EXPECT_EQ(same_containers(drawing).size(), 1U);
}

TEST(Drawing, NetworksAreMarkedAsInternalAndAsShared) {
  const Drawing drawing = draw(map_of(small()), {});
  EXPECT_THAT(group(drawing, "back").marks, ElementsAre("internal"));
  EXPECT_TRUE(group(drawing, "back").internal);
  EXPECT_FALSE(group(drawing, "back").shared);
  EXPECT_THAT(group(drawing, "shop_default").marks, ElementsAre("shared by 2 tenants"));
  EXPECT_TRUE(group(drawing, "shop_default").shared);
}

TEST(Drawing, WhatDoesNotRunIsCountedAndNotDrawn) {
  const Drawing drawing = draw(map_of(small()), {});
  EXPECT_EQ(drawing.summary,
            "3 containers in 2 networks, 2 zones outside; 1 container does not run");
  EXPECT_THAT(group(drawing, "in the host's network").containers.size(), 1U);
}

TEST(Drawing, AnInterfaceWhoseOtherEndIsNotKnownIsShownAsSuch) {
  audit::Map map;
  audit::MapInterface& i = map.interfaces.emplace_back();
  i.name = "veth7", i.kind = "veth", i.up = true, i.leads = audit::LeadsTo::kUnknown;
  const Drawing drawing = draw(map, {});
  EXPECT_EQ(drawing.groups.at(0).kind, GroupKind::kLink);
  EXPECT_THAT(drawing.groups[0].about, Contains("the other end is not known"));
}

TEST(Drawing, ContainersRightOnAnUplinkAreAGroupBesideIt) {
  model::Snapshot snapshot = small();
  model::Link& child = snapshot.namespaces[2].links[1];  // blog-app-1
  child.kind = "macvlan", child.peer = IfIndex{2}, child.peer_ns = model::NsId{0};
  const Drawing drawing = draw(map_of(snapshot), {});
  EXPECT_EQ(drawing.uplinks.at(0).name, "eth0");
  ASSERT_EQ(group(drawing, "eth0").containers.size(), 1U);
  EXPECT_EQ(group(drawing, "eth0").containers[0].name, "blog-app-1");
  EXPECT_THAT(group(drawing, "eth0").about, Contains("to the Internet and to a LAN [guessed]"));
}

TEST(Drawing, LongListsAreCutAndTheRestIsCounted) {
  audit::Map map;
  for (std::uint16_t port = 1; port <= 100; ++port)
    map.host_listeners.push_back({Port{port}, IpProtocol::kTcp, "", ""});
  const Drawing drawing = draw(map, {});
  EXPECT_EQ(drawing.host_listening.size(), 25U);
  EXPECT_EQ(drawing.host_listening.back(), "+76");
}

TEST(Drawing, BothFamiliesArePublishedInTheirNotation) {
  audit::Map map;
  audit::MapContainer& c = map.without_network.emplace_back();
  c.name = "c", c.state = "running";
  for (std::string_view address : {"0.0.0.0", "127.0.0.1", "::", "2001:db8::1"})
    c.published.push_back({IpProtocol::kTcp, Port{80}, ip(address), Port{8080}});
  c.published.push_back({IpProtocol::kTcp, Port{81}, ip("0.0.0.0"), Port{0}});  // only exposed
  EXPECT_THAT(draw(map, {}).groups[0].containers[0].published,
              ElementsAre("0.0.0.0:8080->80/tcp", "127.0.0.1:8080->80/tcp", "[::]:8080->80/tcp",
                          "[2001:db8::1]:8080->80/tcp"));
}

TEST(Drawings, AreWhatTheyWere) {
  const audit::Map map = map_of(small());
  expect_golden("map.en.svg", map_svg(map, {}));
  expect_golden("map.en.dot", map_dot(map, {}));
  expect_golden("map.en.mmd", map_mermaid(map, {}));
}

TEST(Drawings, SpeakJapaneseToo) {
  const audit::Map map = map_of(small());
  const Style style{.language = Language::kJapanese};
  for (const std::string& text : {map_svg(map, style), map_dot(map, style)}) {
    EXPECT_THAT(text, HasSubstr("testhostのネットワーク"));
    EXPECT_THAT(text, HasSubstr("停止中のコンテナ1個"));
    EXPECT_THAT(text, Not(HasSubstr("does not run")));
  }
  EXPECT_THAT(map_mermaid(map, style), HasSubstr("同じコンテナ"));
}

}  // namespace
}  // namespace bulkhead::report
