// What the decoders make of the kernel's own bytes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ruleset/corpus.h"
#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead {
namespace {

using namespace model;

// The places of a table that were not understood.
std::vector<std::string> opaque_places(const Table& table) {
  std::vector<std::string> out;
  for (const Chain& chain : table.chains) {
    for (const Rule& rule : chain.rules) {
      const std::string place = table.name + " " + chain.name + " " + std::to_string(rule.handle) + " ";
      for (const Statement& statement : rule.statements) {
        if (const auto* opaque = std::get_if<OpaqueStatement>(&statement)) {
          out.push_back(place + opaque->what);
        } else if (const auto* match = std::get_if<XtMatch>(&statement)) {
          if (std::holds_alternative<xt::Opaque>(match->info)) out.push_back(match->name);
        } else if (const auto* target = std::get_if<XtTarget>(&statement)) {
          if (std::holds_alternative<xt::Opaque>(target->info)) out.push_back(target->name);
        }
      }
    }
  }
  return out;
}

// Matches that ask for what the model does not have.
const std::vector<std::string> kNotUnderstood = {"socket", "policy"};

class Kernel : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test::enter_fresh_network()) << "needs root";
    ASSERT_EQ(test::run("ip link set lo up").status, 0);
  }
  static void load(const std::string& command, const std::string& file) {
    const auto loaded = test::run(command, test::corpus(file));
    ASSERT_EQ(loaded.status, 0) << loaded.text;
  }
};

TEST_F(Kernel, NativeRulesAreUnderstoodToTheLast) {
  load("nft -f -", "rules.nft");
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(tables->size(), 8U);
  for (const Table& table : *tables) EXPECT_THAT(opaque_places(table), testing::IsEmpty());
}

TEST_F(Kernel, MatchesAndTargetsOfIptablesInNftAreUnderstood) {
  load("ipset restore", "ipsets.txt");
  load("iptables-nft-restore", "iptables.rules");
  load("ip6tables-nft-restore", "ip6tables.rules");
  const auto tables = ruleset::decode_nftables(test::read_nftables());
  ASSERT_TRUE(tables) << tables.error().message;
  EXPECT_EQ(tables->size(), 9U);
  for (const Table& table : *tables) {
    EXPECT_THAT(opaque_places(table), testing::Each(testing::AnyOfArray(kNotUnderstood)));
  }
}

TEST_F(Kernel, LegacyTablesAreUnderstood) {
  load("ipset restore", "ipsets.txt");
  load("iptables-legacy-restore", "iptables.rules");
  load("ip6tables-legacy-restore", "ip6tables.rules");
  for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    for (const char* name : {"filter", "nat", "mangle", "raw"}) {
      const auto bytes = test::read_legacy(family, name);
      const auto table = ruleset::decode_legacy_table(family, name, bytes.info, bytes.entries);
      ASSERT_TRUE(table) << table.error().message;
      EXPECT_THAT(opaque_places(*table), testing::Each(testing::AnyOfArray(kNotUnderstood)));
    }
  }
}

TEST_F(Kernel, IpSetsAreReadWithTheirIndexes) {
  load("ipset restore", "ipsets.txt");
  const auto sets = ruleset::decode_ipsets(test::read_ipsets(), {});
  ASSERT_TRUE(sets) << sets.error().message;
  std::vector<std::string> names;
  for (const IpSet& set : *sets) names.push_back(set.name);
  const auto indexes = test::read_ipset_indexes(names);
  ASSERT_EQ(indexes.size(), sets->size());
  for (std::size_t i = 0; i < indexes.size(); ++i) EXPECT_EQ((*sets)[i].index, indexes[i].index);
}

TEST_F(Kernel, GenerationMovesWithEachChange) {
  const auto before = ruleset::decode_generation(test::read_generation());
  ASSERT_EQ(test::run("nft add table ip t").status, 0);
  const auto after = ruleset::decode_generation(test::read_generation());
  ASSERT_TRUE(before && after);
  EXPECT_LT(*before, *after);
}

}  // namespace
}  // namespace bulkhead
