// Limits, memory, and the second order.
#include <gtest/gtest.h>

#include <optional>

#include "packet/packet_space.h"
#include "packet/rulesets.h"

namespace bulkhead::packet {
namespace {

using namespace testing;  // NOLINT

TEST(LayoutTest, RefusesWhatIsNoLayout) {
  using Fields = std::vector<Field>;
  EXPECT_FALSE(Layout::make({}));
  EXPECT_FALSE(Layout::make({{"a", 0}}));
  EXPECT_FALSE(Layout::make({{"a", 65}}));
  EXPECT_FALSE(Layout::make({{"", 1}}));
  EXPECT_FALSE(Layout::make({{"a", 1}, {"a", 2}}));
  const Fields two = {{"a", 1}, {"b", 2}};
  EXPECT_FALSE(Layout::make(two, {{0}}));
  EXPECT_FALSE(Layout::make(two, {{0}, {0}}));
  EXPECT_FALSE(Layout::make(two, {{0}, {2}}));
  Fields many;
  for (int i = 0; i < 201; ++i) many.push_back({"f" + std::to_string(i), 1});
  EXPECT_FALSE(Layout::make(many));
  const Layout layout = *Layout::make(two, {{1}, {0}});
  EXPECT_EQ(layout.level({1}), 0U);
  EXPECT_EQ(layout.find("b"), FieldId{1});
  EXPECT_FALSE(layout.find("c"));
}

TEST(Limits, EachIsAnErrorWithItsNameAndLeavesTheOperandsValid) {
  const Ruleset rules = campus(600);
  struct Row {
    Limits limits;
    const char* name;
  };
  for (const Row& row : {Row{{.nodes = 2000}, "nodes"}, Row{{.edges = 8000}, "edges"},
                         Row{{.steps = 50}, "steps"}}) {
    const PacketSpace space(*Layout::make(v4_fields()), row.limits);
    const PacketSet before = *space.set(rules.chains[0].rules[0].match);
    const auto map = compile(space, rules);
    ASSERT_FALSE(map) << row.name;
    EXPECT_EQ(map.error().code, ErrorCode::kBudget);
    EXPECT_NE(map.error().message.find(row.name), std::string::npos) << map.error().message;
    EXPECT_TRUE(before.contains(*before.witness()));
    EXPECT_EQ(*before.complement()->complement(), before);
    EXPECT_LE(space.usage().nodes, row.limits.nodes);
    EXPECT_LE(space.usage().edges, row.limits.edges);
  }
}

TEST(Limits, EveryLimitOnStepsGivesTheAnswerOrTheError) {
  const Ruleset rules = random_rules(12, 3, 8, 5);
  const std::vector<Field> fields = {{"a", 8}, {"b", 8}, {"c", 8}};
  const PacketSpace free_space(*Layout::make(fields));
  const VerdictMap expected = *compile(free_space, rules);
  PacketSource source(free_space.layout(), rules, 1);
  bool failed = false, succeeded = false;
  for (std::uint64_t steps = 0; steps < 400; ++steps) {
    const PacketSpace space(*Layout::make(fields), {.steps = steps});
    const auto map = compile(space, rules);
    failed = failed || !map;
    succeeded = succeeded || map;
    if (!map) continue;
    EXPECT_EQ(map->size().nodes, expected.size().nodes);
    for (int i = 0; i < 20; ++i) {
      const Packet packet = source.next();
      EXPECT_EQ(map->at(packet), expected.at(packet));
    }
  }
  EXPECT_TRUE(failed && succeeded);
}

TEST(Limits, SecondOrderIsTriedWhenTheFirstRunsOut) {
  const Ruleset rules = campus(600);
  // The MAC below all else: each host takes a copy of the rest.
  const std::vector<FieldId> bad = {kIif,   kSrc,   kOif,   kDst, kState, kProto,
                                    kFlags, kDport, kSport, kMay, kMac};
  const std::vector<std::vector<FieldId>> orders = {bad, {}};
  const auto build = [&](PacketSpace& space) { return compile(space, rules); };
  const PacketSpace free_space = v4_space();
  ASSERT_TRUE(compile(free_space, rules));
  const Limits limits{.nodes = free_space.usage().nodes, .edges = free_space.usage().edges};
  const auto built = build_in_orders(v4_fields(), orders, limits, build);
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->order, 1U);
  PacketSource source(built->space->layout(), rules, 2);
  for (int i = 0; i < 2000; ++i) {
    const Packet packet = source.next();
    ASSERT_EQ(built->value.at(packet), interpret(rules, packet));
  }
  const auto none = build_in_orders(v4_fields(), std::span(orders).first(1), limits, build);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kBudget);
  const auto other = build_in_orders(v4_fields(), orders, limits, [](PacketSpace&) {
    return Result<int>(fail(ErrorCode::kUnsupported, "x"));
  });
  EXPECT_EQ(other.error().code, ErrorCode::kUnsupported) << "only a limit asks for another order";
}

TEST(Memory, CollectionKeepsWhatIsReferredToAndFreesTheRest) {
  PacketSpace space = v4_space();
  const Ruleset rules = docker20({10, 60, 120});
  std::optional<VerdictMap> map = *compile(space, rules);
  const VerdictMap same = *map;
  const Diagram::Size size = map->size();
  EXPECT_GT(space.usage().nodes, size.nodes);  // what compilation left behind
  space.collect();
  EXPECT_EQ(space.usage().nodes, size.nodes);
  EXPECT_EQ(space.usage().live_nodes, size.nodes);
  PacketSource source(space.layout(), rules, 4);
  for (int i = 0; i < 2000; ++i) {
    const Packet packet = source.next();
    ASSERT_EQ(map->at(packet), interpret(rules, packet));
  }
  // Canonical across a collection: built once more it is the same reference.
  EXPECT_EQ(*compile(space, rules), same);
  map.reset();
  space.collect();
  EXPECT_EQ(space.usage().nodes, size.nodes) << "one reference is left";
}

TEST(Memory, DaysOfChangesStayBounded) {
  const Ruleset rules = docker20({5, 30, 60});
  PacketSpace space = v4_space();
  const VerdictMap first = *compile(space, rules);
  space.set_limits({.nodes = space.usage().nodes * 5 / 4, .edges = space.usage().edges * 5 / 4});
  std::size_t most = 0;
  for (std::uint64_t round = 0; round < 150; ++round) {
    Ruleset changed = rules;
    changed.chains[3].rules[round % 60].match.where(kSport, IntervalSet::single(round));
    const auto map = compile(space, changed);
    ASSERT_TRUE(map) << map.error().message;
    EXPECT_NE(*map, first);
    most = std::max(most, space.usage().bytes);
  }
  EXPECT_GT(space.usage().collections, 0U) << "the limits are reached many times over";
  EXPECT_LT(most, std::size_t{8} << 20);
  EXPECT_EQ(*compile(space, rules), first);
}

TEST(Memory, ReferencesKeepTheirSpaceAlive) {
  std::optional<PacketSpace> space = v4_space();
  const PacketSet set = *space->set(Product().where(kDport, IntervalSet::range(10, 20)));
  std::optional<PacketSet> moved = set;
  PacketSet target = *std::move(moved);
  moved.reset();
  space.reset();
  EXPECT_EQ(target, set);
  EXPECT_EQ(target.unite(*set.complement())->full(), true);
  target = *set.complement();
  EXPECT_FALSE(*target.intersects(set));
}

TEST(MemoryDeathTest, MixingTwoSpacesEndsTheProgram) {
  const PacketSpace a = v4_space(), b = v4_space();
  EXPECT_DEATH(static_cast<void>(a.all().unite(b.all())), "");
  const LeafOperation operation = a.operation([](Leaf x, Leaf) { return x; });
  EXPECT_DEATH(static_cast<void>(b.constant(1).combine(operation, b.constant(2))), "");
}

TEST(RewriteErrors, AreToldBeforeAnythingIsDone) {
  const PacketSpace space(*Layout::make({{"a", 4}, {"b", 4}, {"c", 32}, {"d", 32}}));
  const FieldId a{0}, c{2}, d{3};
  const PacketSet set = *space.set(Product().where(a, IntervalSet::single(3)));
  EXPECT_EQ(set.image({Copy{a, c}}).error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(set.image({Copy{c, d}}).error().code, ErrorCode::kUnsupported);
  EXPECT_TRUE(set.preimage({Copy{c, d}}));
  EXPECT_EQ(set.image({Assign{a, 16}}).error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(set.image({Choose{a, {}}}).error().code, ErrorCode::kInvalidInput);
  EXPECT_EQ(set.to_map(1)->preimage({Choose{a, IntervalSet::single(1)}}).error().code,
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace bulkhead::packet
