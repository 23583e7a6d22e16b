// Two libraries that know nothing of intervals say the same: BuDDy (packets and their number), Z3
// (no packet on which a list of rules and its diagram differ).
#include <gtest/gtest.h>
#include <z3++.h>

#include "packet/buddy.h"
#include "packet/rulesets.h"

namespace bulkhead::packet {
namespace {

using namespace testing;  // NOLINT

void same_as_buddy(const Ruleset& ruleset, const std::vector<FieldId>& order) {
  const PacketSpace space(*Layout::make(v4_fields(), order));
  const PacketSet accepted = *compile(space, ruleset)->where(kAccept);
  Buddy buddy(space.layout(), 1 << 20, 1 << 16);
  const bdd expected = buddy.accepted(ruleset);
  // Both are exact to the digits of a double, in which BuDDy counts.
  EXPECT_NEAR(static_cast<double>(accepted.count()) / bdd_satcount(expected), 1, 1e-12);
  PacketSource source(space.layout(), ruleset, 3);
  int inside = 0;
  for (int i = 0; i < 20000; ++i) {
    const Packet packet = source.next();
    const bool in = accepted.contains(packet);
    inside += in;
    ASSERT_EQ(in, buddy.contains(expected, packet));
  }
  EXPECT_GT(inside, 200);
}

TEST(Oracle, BuddyAcceptsTheSamePackets) {
  same_as_buddy(campus(600), {});
  same_as_buddy(docker20({10, 60, 120}), {});
  same_as_buddy(docker29({10, 60, 120}),
                {kDst, kSrc, kProto, kDport, kOif, kIif, kMac, kState, kFlags, kSport, kMay});
}

class Z3Rules {
 public:
  Z3Rules(unsigned fields, unsigned bits) : bits_(bits) {
    for (unsigned f = 0; f < fields; ++f) {
      fields_.push_back(context_.bv_const(("f" + std::to_string(f)).c_str(), bits));
    }
  }

  z3::expr holds(const Product& product) {
    z3::expr all = context_.bool_val(true);
    for (const Product::Part& part : product.parts()) {
      const z3::expr& x = fields_[part.field.index];
      z3::expr some = context_.bool_val(false);
      for (const Interval& i : part.values.intervals()) {
        some = some || (z3::uge(x, context_.bv_val(i.first, bits_)) &&
                        z3::ule(x, context_.bv_val(i.last, bits_)));
      }
      all = all && some;
    }
    return all;
  }

  // The verdict as an integer, last rule first; 0 where no rule decides.
  z3::expr chain(const Ruleset& ruleset, std::size_t index) {
    z3::expr verdict = context_.int_val(0);
    const auto& rules = ruleset.chains[index].rules;
    for (std::size_t i = rules.size(); i-- > 0;) {
      const z3::expr match = holds(rules[i].match);
      if (rules[i].leaf != kNone) {
        verdict =
            z3::ite(match, context_.int_val(rules[i].leaf == kReturn ? 0 : rules[i].leaf), verdict);
      } else {
        const z3::expr callee = chain(ruleset, rules[i].jump);
        verdict = z3::ite(match && callee != 0, callee, verdict);
      }
    }
    return verdict;
  }

  bool differs(const Ruleset& ruleset, const VerdictMap& map) {
    z3::expr verdict = chain(ruleset, ruleset.chains.size() - 1);
    verdict = z3::ite(verdict == 0, context_.int_val(ruleset.policy), verdict);
    z3::expr ours = context_.int_val(0);
    for (const Leaf leaf : map.leaves()) {
      for (const Product& product : map.where(leaf)->products(1000000).products) {
        ours = z3::ite(holds(product), context_.int_val(leaf), ours);
      }
    }
    z3::solver solver(context_);
    solver.add(ours != verdict);
    const z3::check_result result = solver.check();
    EXPECT_NE(result, z3::unknown);
    return result == z3::sat;
  }

 private:
  z3::context context_;
  unsigned bits_;
  std::vector<z3::expr> fields_;
};

TEST(Oracle, Z3FindsNoPacketOnWhichRulesAndDiagramDiffer) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const std::vector<Field> fields = {{"a", 32}, {"b", 32}, {"c", 32}, {"d", 32}};
    const PacketSpace space(*Layout::make(fields));
    const Ruleset ruleset = random_rules(2 + seed % 7, 4, 32, seed);
    const VerdictMap map = *compile(space, ruleset);
    EXPECT_FALSE(Z3Rules(4, 32).differs(ruleset, map)) << "seed " << seed;
    // A map that is wrong for a single packet is found.
    const Packet packet = *map.where(map.leaves()[0])->witness();
    Product single;
    for (std::uint8_t f = 0; f < 4; ++f) {
      single.where(FieldId{f}, IntervalSet::single(packet[FieldId{f}]));
    }
    const VerdictMap wrong = *space.rule(single, 9)->over(map);
    if (seed % 8 == 0) {
      EXPECT_TRUE(Z3Rules(4, 32).differs(ruleset, wrong)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace bulkhead::packet
