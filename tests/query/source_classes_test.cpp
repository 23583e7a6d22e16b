#include "query/source_classes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "trace/net.h"

namespace bulkhead::query {
namespace {

using trace::testing::Net;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

policy::Zone zone(std::initializer_list<const char*> prefixes,
                  std::initializer_list<const char*> excluded = {}) {
  policy::Zone z;
  z.link = IfIndex{1};
  for (const char* p : prefixes) z.prefixes.push_back(*Prefix::parse(p));
  for (const char* p : excluded) z.excluded.push_back(*Prefix::parse(p));
  return z;
}

model::Snapshot with(model::Statement statement) {
  model::Snapshot snapshot;
  model::NetNs& ns = snapshot.namespaces.emplace_back();
  model::Table& table = ns.ruleset.tables.emplace_back();
  table.chains.emplace_back().rules.emplace_back().statements.push_back(std::move(statement));
  return snapshot;
}

bool cuts_around(const model::Snapshot& snapshot, const char* first, const char* behind) {
  const SourceClasses classes = source_classes(snapshot);
  const auto differs = [&](IpAddress before, IpAddress from) {
    return std::ranges::binary_search(classes.cuts, from) &&
           classes.kind_of(before) != classes.kind_of(from);
  };
  return differs(ip(first).previous(), ip(first)) && differs(ip(behind).previous(), ip(behind));
}

// Every cut begins another class.
SourceClasses cut_at(std::vector<IpAddress> cuts) {
  SourceClasses out{std::move(cuts), {}, {}};
  for (std::uint32_t i = 0; i <= out.cuts.size(); ++i) out.kinds.push_back(i);
  out.uneven.resize(out.kinds.size());
  return out;
}

bool alike(const model::Snapshot& snapshot, const char* a, const char* b) {
  const SourceClasses classes = source_classes(snapshot);
  return classes.kind_of(ip(a)) == classes.kind_of(ip(b));
}

model::Term source(std::uint32_t length) {
  return {model::PayloadTerm{model::PayloadBase::kNetwork, 12, length}};
}

TEST(SourceClasses, EveryFormInWhichARuleNamesASourceCuts) {
  EXPECT_TRUE(cuts_around(with(model::Compare{source(4), model::CompareOp::kEqual, {192, 0, 2, 7}}),
                          "192.0.2.7", "192.0.2.8"));
  // nft loads only the first three bytes for a /24
  EXPECT_TRUE(cuts_around(with(model::Compare{source(3), model::CompareOp::kEqual, {192, 0, 2}}),
                          "192.0.2.0", "192.0.3.0"));
  EXPECT_TRUE(cuts_around(
      with(model::Compare{{model::BitwiseTerm{{source(4)}, {255, 255, 240, 0}, {0, 0, 0, 0}}},
                          model::CompareOp::kEqual,
                          {172, 16, 16, 0}}),
      "172.16.16.0", "172.16.32.0"));
  EXPECT_TRUE(cuts_around(with(model::InRange{source(4), false, {10, 0, 0, 5}, {10, 0, 0, 9}}),
                          "10.0.0.5", "10.0.0.10"));
  model::XtHeader header;
  header.source = ip("198.51.100.0");
  header.source_mask = ip("255.255.255.192");
  EXPECT_TRUE(cuts_around(with(header), "198.51.100.0", "198.51.100.64"));
  model::XtMatch range;
  range.info =
      model::xt::Iprange{model::xt::AddressRange{ip("10.1.0.3"), ip("10.1.0.4")}, {}, false, false};
  EXPECT_TRUE(cuts_around(with(range), "10.1.0.3", "10.1.0.5"));
}

TEST(SourceClasses, AConcatenatedSetCutsAtItsSourcePart) {
  model::Snapshot snapshot = with(model::InSet{
      {model::ConcatTerm{{{model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}}, source(4)}}},
      "s",
      false});
  model::SetDef& set = snapshot.namespaces[0].ruleset.tables[0].sets.emplace_back();
  set.name = "s";
  set.key_length = 8;
  model::SetElement& element = set.elements.emplace_back();
  element.first = {0, 80, 0, 0, 203, 0, 113, 4};
  element.last = {0, 80, 0, 0, 203, 0, 113, 6};
  EXPECT_TRUE(cuts_around(snapshot, "203.0.113.4", "203.0.113.7"));
}

TEST(SourceClasses, EveryClassInsideAZoneHasOneRepresentativeThatASenderCanHave) {
  const SourceClasses cuts = cut_at({ip("192.0.2.20"), ip("192.0.2.21"), ip("192.0.2.128")});
  const std::vector<IpAddress> own{ip("192.0.2.1"), ip("192.0.2.2")};
  const Representatives found = representatives(zone({"192.0.2.0/24"}), cuts, own, 100);
  EXPECT_TRUE(found.complete);
  ASSERT_EQ(found.addresses.size(), 4U);
  const auto in = [&](const char* first, const char* last) {
    return std::ranges::count_if(found.addresses,
                                 [&](IpAddress a) { return ip(first) <= a && a <= ip(last); });
  };
  EXPECT_EQ(in("192.0.2.3", "192.0.2.19"), 1);
  EXPECT_EQ(in("192.0.2.20", "192.0.2.20"), 1);
  EXPECT_EQ(in("192.0.2.21", "192.0.2.127"), 1);
  EXPECT_EQ(in("192.0.2.128", "192.0.2.254"), 1);
}

TEST(SourceClasses, ExcludedPrefixesAndTooManyClassesAreRespected) {
  const Representatives some =
      representatives(zone({"10.0.0.0/8"}, {"10.0.0.0/9"}), cut_at({}), {}, 100);
  ASSERT_EQ(some.addresses.size(), 1U);
  EXPECT_TRUE(Prefix::parse("10.128.0.0/9")->contains(some.addresses[0]));
  std::vector<IpAddress> cuts;
  for (IpAddress a = ip("10.0.0.1"); cuts.size() < 50; a = a.next()) cuts.push_back(a);
  EXPECT_FALSE(representatives(zone({"10.0.0.0/8"}), cut_at(cuts), {}, 10).complete);
}

model::Term tracked(model::CtKey key) {
  model::CtTerm term;
  term.key = key;
  return {term};
}

// nft compares as many bytes as the prefix has.
TEST(SourceClasses, APrefixOfAnAddressOfConnectionTrackingCuts) {
  EXPECT_TRUE(cuts_around(
      with(model::Compare{tracked(model::CtKey::kSrcIp), model::CompareOp::kEqual, {10}}),
      "10.0.0.0", "11.0.0.0"));
  EXPECT_TRUE(cuts_around(
      with(model::Compare{
          tracked(model::CtKey::kSrcIp6), model::CompareOp::kEqual, {0x20, 0x01, 0x0d, 0xb8}}),
      "2001:db8::", "2001:db9::"));
}

TEST(SourceClasses, AnAddressIsFoundBehindFieldsOfAnyLength) {
  const Bytes ends{192, 0, 2, 5, 203, 0, 113, 9, 0, 80, 0, 0};
  const auto behind = [&](model::Term first, std::size_t length) {
    model::Snapshot snapshot = with(model::InSet{
        {model::ConcatTerm{{std::move(first),
                            source(4),
                            {model::PayloadTerm{model::PayloadBase::kNetwork, 16, 4}},
                            {model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}}}}},
        "s",
        false});
    model::SetDef& set = snapshot.namespaces[0].ruleset.tables[0].sets.emplace_back();
    set.name = "s";
    model::SetElement& e = set.elements.emplace_back();
    e.first.assign(length, 0);
    e.first.insert(e.first.end(), ends.begin(), ends.end());
    e.last = e.first;
    set.key_length = static_cast<std::uint32_t>(e.first.size());
    return cuts_around(snapshot, "192.0.2.5", "192.0.2.6");
  };
  EXPECT_TRUE(behind(tracked(model::CtKey::kMark), 4));
  EXPECT_TRUE(behind(tracked(model::CtKey::kSrcIp6), 16));
  EXPECT_TRUE(behind({model::MetaTerm{model::MetaKey::kBridgeIifname, 0}}, 16));
}

TEST(SourceClasses, AKeyWithoutPaddingIsReadAsOneWithIt) {
  model::Snapshot snapshot = with(
      model::InSet{{model::ConcatTerm{{{model::PayloadTerm{model::PayloadBase::kTransport, 0, 2}},
                                       {model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}},
                                       source(4)}}},
                   "s",
                   false});
  model::SetDef& set = snapshot.namespaces[0].ruleset.tables[0].sets.emplace_back();
  set.name = "s";
  set.key_length = 8;
  set.field_lengths = {2, 2, 4};
  model::SetElement& e = set.elements.emplace_back();
  e.first = e.last = {0, 80, 0, 81, 203, 0, 113, 9};
  EXPECT_TRUE(cuts_around(snapshot, "203.0.113.9", "203.0.113.10"));
}

TEST(SourceClasses, TheMaskOfAnIpsetWidensWhatItHolds) {
  model::Snapshot snapshot;
  model::IpSet& set = snapshot.namespaces.emplace_back().ruleset.ipsets.emplace_back();
  set.type = "hash:ip";
  set.netmask_length = 24;
  set.entries.emplace_back().prefix = Prefix::parse("203.0.113.0/32").value();
  EXPECT_TRUE(cuts_around(snapshot, "203.0.113.0", "203.0.114.0"));
}

// One address cannot speak for the others: what is closed to it may be open to them.
TEST(SourceClasses, WhereRulesComputeWithAddressesNotAllAreSpokenFor) {
  const model::Snapshot odd =
      with(model::Compare{{model::BitwiseTerm{{source(4)}, {0, 0, 0, 1}, {0, 0, 0, 0}}},
                          model::CompareOp::kEqual,
                          {0, 0, 0, 1}});
  const auto asked = [&](const model::Snapshot& snapshot, const char* of) {
    return representatives(zone({of}), source_classes(snapshot), {}, 100);
  };
  EXPECT_TRUE(asked(odd, "192.0.2.0/24").uneven);
  EXPECT_FALSE(asked(odd, "192.0.2.7/32").uneven);
  EXPECT_TRUE(asked(odd, "2001:db8::/64").uneven);  // it reads four bytes of a sender there
  model::Snapshot of_v4 = odd;
  auto& statements = of_v4.namespaces[0].ruleset.tables[0].chains[0].rules[0].statements;
  statements.insert(
      statements.begin(),
      model::Compare{
          {model::MetaTerm{model::MetaKey::kNfproto, 0}}, model::CompareOp::kEqual, {2}});
  EXPECT_TRUE(asked(of_v4, "192.0.2.0/24").uneven);
  EXPECT_FALSE(asked(of_v4, "2001:db8::/64").uneven);
  EXPECT_FALSE(asked(with(model::Compare{source(4), model::CompareOp::kEqual, {192, 0, 2, 7}}),
                     "192.0.2.0/24")
                   .uneven);
}

// A rule of the bridge family sees all: bytes of IPv4's source lie within that of IPv6.
TEST(SourceClasses, TheFirstByteOfAHeaderSaysOfWhichItIs) {
  const auto told = [](std::optional<std::uint8_t> first) {
    model::Snapshot snapshot =
        with(model::Compare{source(4), model::CompareOp::kEqual, {192, 0, 2, 7}});
    model::Table& table = snapshot.namespaces[0].ruleset.tables[0];
    table.family = model::NfFamily::kBridge;
    auto& rule = table.chains[0].rules[0].statements;
    const model::Term version{model::PayloadTerm{model::PayloadBase::kNetwork, 0, 1}};
    if (first)
      rule.insert(rule.begin(), model::Compare{version, model::CompareOp::kEqual, {*first}});
    const SourceClasses classes = source_classes(snapshot);
    return std::pair(cuts_around(snapshot, "192.0.2.7", "192.0.2.8"),
                     std::ranges::find(classes.uneven, true) != classes.uneven.end());
  };
  EXPECT_EQ(told(std::nullopt), std::pair(true, true));
  EXPECT_EQ(told(0x45), std::pair(true, false));
  EXPECT_EQ(told(0x60), std::pair(false, true));
  EXPECT_EQ(told(0x00), std::pair(true, true));  // of ARP, or of anything
}

TEST(SourceClasses, BehindManyExcludedPrefixesSomebodyIsFound) {
  policy::Zone z = zone({"10.0.0.0/8"});
  for (std::uint8_t i = 0; i < 200; ++i)
    z.excluded.push_back(Prefix::covering(IpAddress::v4(10, i, 0, 0), 16));
  const Representatives found = representatives(z, cut_at({}), {}, 100);
  ASSERT_EQ(found.addresses.size(), 1U);
  EXPECT_TRUE(Prefix::parse("10.200.0.0/13")->contains(found.addresses[0]));
}

model::Snapshot with_set(model::Term key, std::vector<model::SetElement> elements) {
  model::Snapshot snapshot = with(model::InSet{std::move(key), "s", false});
  model::SetDef& set = snapshot.namespaces[0].ruleset.tables[0].sets.emplace_back();
  set.name = "s";
  set.key_length = static_cast<std::uint32_t>(elements.front().first.size());
  set.elements = std::move(elements);
  return snapshot;
}

model::SetElement element(Bytes first, Bytes last) {
  model::SetElement e;
  e.first = std::move(first);
  e.last = std::move(last);
  return e;
}

TEST(SourceClasses, WhatASetHoldsAllAlikeIsOneClass) {
  std::vector<model::SetElement> blocked;
  for (std::uint8_t i = 0; i < 200; ++i)
    blocked.push_back(element({198, 18, i, 7}, {198, 18, i, 9}));
  const model::Snapshot snapshot = with_set(source(4), std::move(blocked));
  EXPECT_TRUE(alike(snapshot, "198.18.3.7", "198.18.150.9"));
  EXPECT_TRUE(alike(snapshot, "198.18.3.10", "203.0.113.1"));
  EXPECT_FALSE(alike(snapshot, "198.18.3.9", "198.18.3.10"));
  const Representatives found =
      representatives(zone({"198.18.0.0/15"}), source_classes(snapshot), {}, 100);
  EXPECT_EQ(found.addresses.size(), 2U);
}

TEST(SourceClasses, ElementsThatSayOtherThingsAreOtherClasses) {
  const model::Term key{
      model::ConcatTerm{{source(4), {model::PayloadTerm{model::PayloadBase::kTransport, 2, 2}}}}};
  const model::Snapshot snapshot =
      with_set(key, {element({198, 18, 0, 1, 0, 80, 0, 0}, {198, 18, 0, 1, 0, 80, 0, 0}),
                     element({198, 18, 0, 2, 0, 80, 0, 0}, {198, 18, 0, 2, 0, 80, 0, 0}),
                     element({198, 18, 0, 3, 0, 81, 0, 0}, {198, 18, 0, 3, 0, 81, 0, 0})});
  EXPECT_TRUE(alike(snapshot, "198.18.0.1", "198.18.0.2"));
  EXPECT_FALSE(alike(snapshot, "198.18.0.1", "198.18.0.3"));
}

TEST(SourceClasses, WhatIsAskedOfAPortIsNoAddress) {
  model::CtTerm port;
  port.key = model::CtKey::kProtoDst;
  const model::Snapshot snapshot =
      with_set({model::ConcatTerm{{source(4), {port}}}},
               {element({10, 0, 0, 1, 78, 32, 0, 0}, {10, 0, 0, 1, 78, 32, 0, 0})});
  EXPECT_TRUE(alike(snapshot, "78.32.0.0", "78.31.0.0"));
}

// Others on this machine, whose packets and the host's never meet.
TEST(SourceClasses, RulesOfNamespacesThatNoWireJoinsTellNobodyApart) {
  model::Snapshot snapshot =
      with(model::Compare{source(4), model::CompareOp::kEqual, {198, 18, 0, 1}});
  model::NetNs other = snapshot.namespaces[0];
  snapshot.namespaces[0].ruleset = {};
  snapshot.namespaces.push_back(other);
  EXPECT_TRUE(alike(snapshot, "198.18.0.1", "198.18.0.2"));
  model::Link wire;
  wire.peer_ns = model::NsId{0};
  snapshot.namespaces[1].links.push_back(wire);
  EXPECT_FALSE(alike(snapshot, "198.18.0.1", "198.18.0.2"));
}

}  // namespace
}  // namespace bulkhead::query
