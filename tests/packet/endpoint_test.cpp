// Endpoint classes, the tree of rules, witnesses.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "packet/endpoint_classes.h"
#include "packet/rule_tree.h"
#include "packet/rulesets.h"

namespace bulkhead::packet {
namespace {

using namespace testing;  // NOLINT

TEST(EndpointClassesTest, AgreeWithTheMapForEveryPairOfContainers) {
  const DockerShape shape{5, 30, 60};
  const PacketSpace space = v4_space();
  const VerdictMap map = *compile(space, docker20(shape));
  const auto sources = EndpointClasses::of(space, std::span(&map, 1), 3);  // iif src mac
  ASSERT_TRUE(sources);
  EXPECT_LE(sources->size(), 7U) << "a bridge each, and the rest of the world";
  std::vector<VerdictMap> rest;
  for (std::size_t i = 0; i < sources->size(); ++i) rest.push_back(sources->maps(i)[0]);
  const auto destinations = EndpointClasses::of(space, rest, 5);  // and oif dst
  ASSERT_TRUE(destinations);
  int open = 0;
  for (int from = 0; from < shape.containers; ++from) {
    for (int to = 0; to < shape.containers; ++to) {
      for (const std::uint64_t port : {80ULL, 81ULL, 979ULL}) {
        Packet packet = space.layout().packet();
        packet[kIif] = bridge_of(shape, from);
        packet[kSrc] = address_of(shape, from);
        packet[kOif] = bridge_of(shape, to);
        packet[kDst] = address_of(shape, to);
        packet[kProto] = 6;
        packet[kDport] = port;
        const std::size_t source = sources->find(packet), target = destinations->find(packet);
        const VerdictMap& pair = destinations->maps(target)[source];
        ASSERT_EQ(pair.at(packet), map.at(packet));
        open += pair.at(packet) == kAccept;
      }
    }
  }
  EXPECT_GT(open, 400);
  for (std::size_t i = 0; i < sources->size(); ++i) {
    EXPECT_EQ(sources->find(sources->example(i)), i);
  }
  // Classes differ in what they mean.
  std::set<std::vector<Leaf>> rows;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(rest[i], rest[j]);
  }
  EXPECT_EQ(EndpointClasses::of(space, rest, 5, 10).error().code, ErrorCode::kBudget);
}

TEST(RuleTreeTest, RandomChangesKeepTheFirstMatchOfTheList) {
  const PacketSpace space(*Layout::make({{"a", 8}, {"b", 8}}));
  const Ruleset pool = random_rules(400, 2, 8, 11);
  std::vector<VerdictMap> fresh;
  for (const RuleChain& chain : pool.chains) {
    for (const ChainRule& rule : chain.rules) {
      fresh.push_back(*space.rule(rule.match, rule.leaf == kNone ? kReject : rule.leaf));
    }
  }
  std::vector<VerdictMap> list(fresh.begin(), fresh.begin() + 20);
  RuleTree tree = *RuleTree::of(space, list);
  std::mt19937 random(5);
  for (int round = 0; round < 1000; ++round) {
    const VerdictMap& rule = fresh[random() % fresh.size()];
    const auto at = static_cast<std::ptrdiff_t>(random() % (list.size() + 1));
    const auto position = static_cast<std::size_t>(at);
    if (round % 3 == 0 || list.size() < 2) {
      list.insert(list.begin() + at, rule);
      ASSERT_TRUE(tree.insert(position, rule));
    } else if (position == list.size()) {
      continue;
    } else if (round % 3 == 1) {
      list[position] = rule;
      ASSERT_TRUE(tree.replace(position, rule));
    } else {
      list.erase(list.begin() + at);
      ASSERT_TRUE(tree.erase(position));
    }
    ASSERT_EQ(tree.size(), list.size());
    if (round % 10 == 0) {
      ASSERT_EQ(tree.first_match(), *space.first_match(list)) << round;
    }
  }
  for (std::size_t i = 0; i < list.size(); ++i) EXPECT_EQ(tree.rule(i), list[i]);
  while (tree.size() > 0) ASSERT_TRUE(tree.erase(tree.size() / 2));
  EXPECT_EQ(tree.first_match(), space.constant(kNone));
}

TEST(RuleTreeTest, AChangeThatMeetsALimitLeavesTheTreeAsItWas) {
  PacketSpace space(*Layout::make({{"a", 32}, {"b", 32}}));
  const Ruleset pool = random_rules(60, 2, 32, 3);
  std::vector<VerdictMap> rules;
  for (const ChainRule& rule : pool.chains[1].rules)
    rules.push_back(*space.rule(rule.match, 1 + rules.size() % 3));
  RuleTree tree = *RuleTree::of(space, rules);
  const VerdictMap before = tree.first_match();
  const VerdictMap other = *space.rule(
      Product().where({0}, IntervalSet::range(5, 6)).where({1}, IntervalSet::range(7, 8)), 2);
  space.set_limits({.nodes = 1});
  const Status changed = tree.replace(rules.size() / 2, other);
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::kBudget);
  EXPECT_EQ(tree.first_match(), before);
  space.set_limits({});
  EXPECT_TRUE(tree.replace(rules.size() / 2, other));
  EXPECT_NE(tree.rule(rules.size() / 2), rules[rules.size() / 2]);
}

TEST(Witness, IsLeastAndPrefersWhatIsWanted) {
  const PacketSpace space = v4_space();
  const PacketSet set = *space.set(Product()
                                       .where(kDst, IntervalSet::prefix(0x0a000000, 8, 32))
                                       .where(kDport, IntervalSet::range(1, 1023)));
  EXPECT_EQ((*set.witness())[kDst], 0x0a000000U);
  EXPECT_EQ((*set.witness())[kDport], 1U);
  const Preferences realistic = Preferences()
                                    .prefer(kDst, IntervalSet::single(0xc0a80001))  // not possible
                                    .prefer(kDst, IntervalSet::single(0x0a010203))
                                    .prefer(kDport, IntervalSet::single(443))
                                    .prefer(kSport, IntervalSet::range(32768, 60999));
  const Packet packet = *set.witness(realistic);
  EXPECT_TRUE(set.contains(packet));
  EXPECT_EQ(packet[kDst], 0x0a010203U);
  EXPECT_EQ(packet[kDport], 443U);
  EXPECT_EQ(packet[kSport], 32768U);
  // A chooser that asks for what is not there gets a member all the same.
  const auto stubborn = [](FieldId, const IntervalSet&, const Packet&) { return std::uint64_t{7}; };
  EXPECT_TRUE(set.contains(*set.witness(stubborn)));
  EXPECT_FALSE(space.none().witness());
}

TEST(Reading, CutsLeavesAndSupport) {
  const PacketSpace space = v4_space();
  const VerdictMap map = *space.rule(
      Product().where(kDport, IntervalSet::range(80, 90)).where(kProto, IntervalSet::single(6)), 3);
  EXPECT_EQ(map.cuts(kDport), (std::vector<std::uint64_t>{0, 80, 91}));
  EXPECT_EQ(map.cuts(kSrc), (std::vector<std::uint64_t>{0}));
  EXPECT_EQ(map.leaves(), (std::vector<Leaf>{kNone, 3}));
  EXPECT_EQ(map.where(3)->support(), (std::vector<FieldId>{kProto, kDport}));
  EXPECT_EQ(map.where(3)->values(kDport), IntervalSet::range(80, 90));
  EXPECT_TRUE(map.where(3)->values(kSrc).is_full(32));
}

TEST(Dnat, MapsSeenFromBeforeAreThoseOfTheRewrittenPacket) {
  const DockerShape shape{5, 30, 60};
  const PacketSpace space = v4_space();
  const Ruleset rules = docker20(shape);
  const VerdictMap filter = *compile(space, rules);
  std::vector<VerdictMap> chain;
  std::vector<VerdictMap::LeafAction> actions;
  for (int i = 0; i < shape.ports; ++i) {
    const int container = i * shape.containers / shape.ports;
    const Leaf leaf = static_cast<Leaf>(i) + 1;
    chain.push_back(
        *space.rule(Product()
                        .where(kDst, IntervalSet::single(0xc0a80001))
                        .where(kProto, IntervalSet::single(6))
                        .where(kDport, IntervalSet::single(8000 + static_cast<std::uint64_t>(i))),
                    leaf));
    actions.push_back({leaf,
                       {Assign{kDst, address_of(shape, container)},
                        Assign{kDport, static_cast<std::uint64_t>(80 + i * 7919 % 1013)},
                        Assign{kOif, bridge_of(shape, container)}}});
  }
  const VerdictMap nat = *space.first_match(chain);
  const VerdictMap seen = *filter.before(nat, actions);
  PacketSource source(space.layout(), rules, 9);
  int rewritten = 0, open = 0;
  for (int i = 0; i < 5000; ++i) {
    Packet packet = source.next();
    if (i % 2 == 0) {
      packet[kDst] = 0xc0a80001;
      packet[kProto] = 6;
      packet[kDport] = 7995 + static_cast<std::uint64_t>(i % 70);
    }
    Packet after = packet;
    const Leaf leaf = nat.at(packet);
    if (leaf != kNone) {
      ++rewritten;
      for (const RewriteStep& step : actions[leaf - 1].rewrite) {
        after[std::get<Assign>(step).field] = std::get<Assign>(step).value;
      }
    }
    ASSERT_EQ(seen.at(packet), interpret(rules, after));
    open += leaf != kNone && seen.at(packet) == kAccept;
  }
  EXPECT_GT(rewritten, 1000);
  EXPECT_GT(open, 100);
}

}  // namespace
}  // namespace bulkhead::packet
