// Geometry of drawn maps, against random ones with hostile names.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/text.h"
#include "report/drawings.h"
#include "report/map_cards.h"
#include "report/map_layout.h"

namespace bulkhead::report {
namespace {

std::string name() {
  static const std::vector<std::string> kNames{"",
                                               "web",
                                               std::string(300, 'W'),
                                               "日本語コンテナ名日本語コンテナ名日本語コンテナ名",
                                               "a b  c d",
                                               "</title>",
                                               "\x1b[31m",
                                               "\xff\xfe",
                                               "]]>",
                                               "\"\\"};
  return *rc::gen::elementOf(kNames) + std::to_string(*rc::gen::inRange(0, 40));
}

std::size_t some(std::size_t most) {
  return *rc::gen::inRange<std::size_t>(0, most + 1);
}

std::vector<audit::MapListener> listeners(std::size_t most) {
  std::vector<audit::MapListener> out;
  for (std::size_t i = some(most); i > 0; --i)
    out.push_back({Port{static_cast<std::uint16_t>(i)}, IpProtocol::kUdp, name(), ""});
  return out;
}

audit::MapContainer container() {
  audit::MapContainer c;
  c.engine = *rc::gen::element<std::string>("docker", "podman");
  c.name = name();
  c.image = name();
  c.tenant = *rc::gen::element<std::string>("a", "b", c.name);
  c.state = *rc::gen::element<std::string>("running", "paused");
  for (std::size_t i = some(4); i > 0; --i)
    c.addresses.emplace_back(i % 2 == 0 ? "172.18.0.2" : "2001:db8:1111:2222:3333:4444:5555:6666");
  c.listeners = listeners(6);
  for (std::size_t i = some(6); i > 0; --i) {
    const IpAddress at = IpAddress::parse(i % 2 == 0 ? "0.0.0.0" : "2001:db8::1").value();
    c.published.push_back({IpProtocol::kTcp, Port{80}, at, Port{static_cast<std::uint16_t>(i)}});
  }
  return c;
}

std::vector<audit::MapContainer> containers(std::size_t most) {
  std::vector<audit::MapContainer> out;
  for (std::size_t i = some(most); i > 0; --i) out.push_back(container());
  return out;
}

audit::MapInterface interface() {
  audit::MapInterface i;
  i.name = name();
  i.kind = *rc::gen::element<std::string>("bridge", "veth", "device");
  i.up = *rc::gen::arbitrary<bool>();
  i.internal = *rc::gen::arbitrary<bool>();
  i.leads = static_cast<audit::LeadsTo>(*rc::gen::inRange(0, 7));
  i.network = *rc::gen::arbitrary<bool>() ? name() : "";
  for (std::size_t n = some(3); n > 0; --n) i.addresses.emplace_back("2001:db8::1/64");
  if (i.leads == audit::LeadsTo::kZones) {
    for (std::size_t n = 1 + some(3); n > 0; --n) {
      policy::Zone& z = i.zones.emplace_back();
      z.role = static_cast<policy::ZoneRole>(*rc::gen::inRange(0, 4));
      z.name = name();
      z.guessed = *rc::gen::arbitrary<bool>();
      for (std::size_t p = some(9); p > 0; --p)
        z.prefixes.push_back(Prefix::parse("2001:db8:1111:2222::/64").value());
    }
  }
  i.containers = containers(*rc::gen::element<std::size_t>(0, 2, 14));
  for (std::size_t n = some(3); n > 0; --n) i.ports.push_back(name());
  return i;
}

audit::Map any_map() {
  audit::Map map;
  map.host_name = name();
  for (std::size_t i = some(9); i > 0; --i) map.interfaces.push_back(interface());
  map.in_host_namespace = containers(5);
  map.without_network = containers(3);
  map.stopped = some(9);
  if (*rc::gen::arbitrary<bool>()) return map;  // often nothing stands beside the networks
  map.host_listeners = listeners(60);
  for (std::size_t i = some(30); i > 0; --i) map.namespaces.push_back(name());
  map.unjoined = some(2);
  return map;
}

Style any_style() {
  return {.language = *rc::gen::element(Language::kEnglish, Language::kJapanese)};
}

bool within(const Box& inner, const Box& outer) {
  return inner.x >= outer.x && inner.y >= outer.y && inner.right() <= outer.right() &&
         inner.bottom() <= outer.bottom();
}

bool overlap(const Box& a, const Box& b) {
  return a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom();
}

void expect_apart(const std::vector<Shape>& shapes, const Box& around) {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    RC_ASSERT(shapes[i].box.width > 0);
    RC_ASSERT(shapes[i].box.height > 0);
    RC_ASSERT(within(shapes[i].box, around));
    for (std::size_t j = 0; j < i; ++j) RC_ASSERT(!overlap(shapes[i].box, shapes[j].box));
    expect_apart(shapes[i].inside, shapes[i].box);
  }
}

// Lines end above what is inside, and letters end where the frame does; a closing mark of Japanese
// may hang over by one letter, into the padding.
void expect_room_for_words(const Shape& shape) {
  int height = 0;
  for (const Line& line : shape.lines) {
    height += line_height(line.pen);
    RC_ASSERT(display_width(line.text) <= columns(line.pen, shape.box.width) + 2);
  }
  RC_ASSERT(height <= shape.box.height);
  for (const Shape& inner : shape.inside) {
    RC_ASSERT(inner.box.y >= shape.box.y + height);
    expect_room_for_words(inner);
  }
}

void count_cards(const Shape& shape, std::map<std::size_t, std::size_t>& by_number) {
  if (shape.look == Look::kCard) ++by_number[shape.number];
  for (const Shape& inner : shape.inside) count_cards(inner, by_number);
}

// What the map itself says: for each container, in how many places it is.
std::map<std::pair<std::string, std::string>, std::size_t> places(const audit::Map& map) {
  std::map<std::pair<std::string, std::string>, std::size_t> out;
  const auto add = [&](const std::vector<audit::MapContainer>& all) {
    for (const audit::MapContainer& c : all) ++out[{c.engine, c.name}];
  };
  for (const audit::MapInterface& i : map.interfaces) add(i.containers);
  add(map.in_host_namespace);
  add(map.without_network);
  return out;
}

RC_GTEST_PROP(MapLayout, ShapesLieInTheirParentsAndNeverOverlap, ()) {
  const Style style = any_style();
  const Layout layout = lay_out(draw(any_map(), style), style);
  expect_apart(layout.shapes, {0, 0, layout.width, layout.height});
}

RC_GTEST_PROP(MapLayout, WordsHaveTheRoomThatTheyNeed, ()) {
  const Style style = any_style();
  for (const Shape& shape : lay_out(draw(any_map(), style), style).shapes)
    expect_room_for_words(shape);
}

RC_GTEST_PROP(MapLayout, EachContainerStandsAsOftenAsItHasNetworks, ()) {
  const audit::Map map = any_map();
  std::map<std::size_t, std::size_t> by_number;
  for (const Shape& shape : lay_out(draw(map, {}), {}).shapes) count_cards(shape, by_number);
  std::vector<std::size_t> expected, got;
  std::size_t once = 0;
  for (const auto& [who, times] : places(map)) {
    if (times == 1) {
      ++once;
    } else {
      expected.push_back(times);
    }
  }
  for (const auto& [number, times] : by_number) {
    if (number != 0) got.push_back(times);
  }
  std::ranges::sort(expected);
  std::ranges::sort(got);
  RC_ASSERT(by_number[0] == once);
  RC_ASSERT(got == expected);
}

RC_GTEST_PROP(MapLayout, LinesJoinAllPlacesOfAContainerAndAllZones, ()) {
  const audit::Map map = any_map();
  const Layout layout = lay_out(draw(map, {}), {});
  std::size_t zones = 0, same = 0, drawn_zones = 0, drawn_same = 0;
  for (const audit::MapInterface& i : map.interfaces) zones += i.zones.size();
  for (const auto& [who, times] : places(map)) same += times - 1;
  for (const Wire& w : layout.wires) ++(w.kind == Wire::Kind::kZone ? drawn_zones : drawn_same);
  RC_ASSERT(drawn_zones == zones);
  RC_ASSERT(drawn_same == same);
}

RC_GTEST_PROP(Drawings, AreDeterministicAndHoldNoControlCharacters, ()) {
  const audit::Map map = any_map();
  const Style style = any_style();
  for (const auto& draw_as : {map_svg, map_dot, map_mermaid}) {
    const std::string text = draw_as(map, style);
    RC_ASSERT(text == draw_as(map, style));
    for (char c : text) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 || c == '\n');
  }
}

TEST(MapLayout, APageOfAHundredContainersIsNeitherARibbonNorATower) {
  audit::Map map;
  for (int n = 0; n < 10; ++n) {
    audit::MapInterface& i = map.interfaces.emplace_back();
    i.leads = audit::LeadsTo::kNetwork;
    i.name = "br-" + std::to_string(n);
    for (int c = 0; c < 10; ++c) {
      audit::MapContainer& one = i.containers.emplace_back();
      one.name = i.name + "-" + std::to_string(c), one.state = "running", one.tenant = i.name;
    }
  }
  const Layout layout = lay_out(draw(map, {}), {});
  EXPECT_LT(layout.width, 3 * layout.height);
  EXPECT_LT(layout.height, 2 * layout.width);
  int cards = 0;
  for (const Shape& network : layout.shapes[1].inside) {
    for (const Shape& card : network.inside) cards += card.box.width * card.box.height;
  }
  EXPECT_GT(4 * cards, layout.width * layout.height) << "a quarter of the page is containers";
}

}  // namespace
}  // namespace bulkhead::report
