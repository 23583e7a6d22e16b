#include "compile/elements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "compile/ranges.h"

namespace bulkhead::compile {
namespace {

using testing::HasSubstr;

IpAddress v4(std::uint32_t number) {
  return IpAddress::v4(number);
}

bool holds(const std::vector<Range>& ranges, IpAddress a) {
  return std::ranges::any_of(ranges, [&](const Range& r) { return r.first <= a && a <= r.last; });
}

// All of a small part of the address space, so that edges meet.
rc::Gen<Prefix> small_prefix() {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(0U, 64U), rc::gen::inRange(26U, 33U)),
                      [](const auto& p) { return Prefix::covering(v4(p.first), p.second); });
}

RC_GTEST_PROP(Ranges, HoldWhatPrefixesHoldAndNothingElse, ()) {
  const auto in = *rc::gen::container<std::vector<Prefix>>(small_prefix());
  const auto out = *rc::gen::container<std::vector<Prefix>>(small_prefix());
  const auto ranges = ranges_of(in, out, IpFamily::kV4);
  const auto any = [](const std::vector<Prefix>& all, IpAddress a) {
    return std::ranges::any_of(all, [&](const Prefix& p) { return p.contains(a); });
  };
  for (std::uint32_t i = 0; i < 130; ++i)
    RC_ASSERT(holds(ranges, v4(i)) == (any(in, v4(i)) && !any(out, v4(i))));
  RC_ASSERT(merged(ranges) == ranges || !out.empty());
}

RC_GTEST_PROP(Ranges, CommonIsInBoth, ()) {
  const auto a =
      ranges_of(*rc::gen::container<std::vector<Prefix>>(small_prefix()), {}, IpFamily::kV4);
  const auto b =
      ranges_of(*rc::gen::container<std::vector<Prefix>>(small_prefix()), {}, IpFamily::kV4);
  const auto both = common(a, b);
  for (std::uint32_t i = 0; i < 130; ++i)
    RC_ASSERT(holds(both, v4(i)) == (holds(a, v4(i)) && holds(b, v4(i))));
}

TEST(Ranges, ReachTheEndsOfBothFamilies) {
  const Prefix hole = Prefix::parse("128.0.0.0/1").value();
  const Prefix hole6 = Prefix::parse("::/1").value();
  const std::vector<Prefix> all{Prefix::all(IpFamily::kV4), Prefix::all(IpFamily::kV6)};
  const std::vector<Prefix> holes{hole, hole6};
  EXPECT_EQ(ranges_of(all, holes, IpFamily::kV4), (std::vector<Range>{{v4(0), v4(0x7fffffff)}}));
  EXPECT_EQ(ranges_of(all, holes, IpFamily::kV6).front().first.to_string(), "8000::");
  EXPECT_EQ(merged({{v4(0), v4(0xffffffff)}, {v4(5), v4(6)}}).size(), 1U);
}

TEST(Elements, AreOneTextAndOneModel) {
  Elements e;
  e.add("s", {interface_part("eth0").value(), address_part(v4(0x0a000001)),
              protocol_part(IpProtocol::kTcp), port_part(Port{443})});
  EXPECT_EQ(e.text("s"), "elements = { \"eth0\" . 10.0.0.1 . tcp . 443\n\t\t}");
  const auto model = e.model("s");
  ASSERT_EQ(model.size(), 1U);
  EXPECT_EQ(model[0].first, (Bytes{'e', 't', 'h', '0', 0, 0, 0, 0, 0, 0, 0, 0,    0, 0,
                                   0,   0,   10,  0,   0, 1, 6, 0, 0, 0, 1, 0xbb, 0, 0}));
  EXPECT_EQ(model[0].first, model[0].last);
  EXPECT_EQ(e.text("other"), "");
}

// pipapo: a contained element is refused, of two that overlap the first one wins.
TEST(Elements, OfRangesTheyDoNotOverlap) {
  Elements e;
  const auto add = [&](std::uint32_t a, std::uint32_t b, std::uint16_t port) {
    e.add("s", {range_part({v4(a), v4(b)}), port_part(Port{port})});
  };
  add(1, 10, 80);
  add(5, 5, 80);    // contained
  add(8, 20, 80);   // overlaps
  add(21, 30, 80);  // touches
  add(1, 10, 81);
  const auto model = e.model("s");
  ASSERT_EQ(model.size(), 2U);
  EXPECT_EQ(e.text("s"), "elements = { 0.0.0.1-0.0.0.30 . 80,\n\t\t\t0.0.0.1-0.0.0.10 . 81\n\t\t}");
}

TEST(Elements, WhatIsThereTwiceIsThereOnce) {
  Elements e;
  for (int i = 0; i < 3; ++i) e.add("s", {address_part(v4(1))});
  EXPECT_EQ(e.model("s").size(), 1U);
}

TEST(Elements, NamesThatMeanMoreToNftAreRefused) {
  for (const char* name : {"eth*", "a\"b", "", "sixteen-letters-", "a b", "\x1b[2J"}) {
    const auto part = interface_part(name);
    ASSERT_FALSE(part) << name;
    EXPECT_EQ(part.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(part.error().message, HasSubstr("cannot be named"));
  }
  EXPECT_TRUE(interface_part("br-1a2b.5@x"));
}

}  // namespace
}  // namespace bulkhead::compile
