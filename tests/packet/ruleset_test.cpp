// Whole rulesets, compiled, against an interpreter that walks them rule by rule.
#include <gtest/gtest.h>

#include "packet/rulesets.h"

namespace bulkhead::packet {
namespace {

using namespace testing;  // NOLINT

void expect_agreement(const PacketSpace& space, const Ruleset& ruleset, int packets) {
  const auto map = compile(space, ruleset);
  ASSERT_TRUE(map) << map.error().message;
  PacketSource source(space.layout(), ruleset, 7);
  int by_leaf[5] = {};
  for (int i = 0; i < packets; ++i) {
    const Packet packet = source.next();
    const Leaf expected = interpret(ruleset, packet);
    ++by_leaf[expected];
    ASSERT_EQ(map->at(packet), expected) << "packet " << i;
  }
  // The comparison says something only if rules decide both ways.
  EXPECT_GT(by_leaf[kAccept], packets / 50);
  EXPECT_GT(by_leaf[kDrop] + by_leaf[kReject], packets / 50);
}

TEST(Rulesets, CampusFirewallAgreesWithTheInterpreter) {
  const PacketSpace space = v4_space();
  expect_agreement(space, campus(1000), 20000);
}

TEST(Rulesets, DockerHostsAgreeWithTheInterpreter) {
  const PacketSpace space = v4_space();
  expect_agreement(space, docker20({10, 60, 120}), 20000);
  expect_agreement(space, docker29({10, 60, 120}), 20000);
}

TEST(Rulesets, ShortRandomListsAgreeForEveryPacket) {
  std::vector<Field> fields = {{"a", 3}, {"b", 3}, {"c", 3}};
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const PacketSpace space(*Layout::make(fields));
    const Ruleset ruleset = random_rules(3 + seed % 12, 3, 3, seed);
    const VerdictMap map = *compile(space, ruleset);
    Packet packet = space.layout().packet();
    for (unsigned i = 0; i < 512; ++i) {
      for (std::uint8_t f = 0; f < 3; ++f) packet[FieldId{f}] = i >> (3 * f) & 7;
      ASSERT_EQ(map.at(packet), interpret(ruleset, packet)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace bulkhead::packet
