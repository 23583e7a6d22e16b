// The kernel takes what is compiled, and reads it back as what plan computes with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "compile/shop.h"
#include "ruleset/decode.h"
#include "ruleset/kernel_reader.h"

namespace bulkhead::compile {
namespace {

using shops::Policy;

class CompileKernel : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(test::enter_fresh_network()) << "needs root"; }
};

// Handles are given anew with each load, and a hash has no order.
void forget_order(std::vector<model::Table>& tables) {
  for (model::Table& table : tables) {
    table.handle = 0;
    for (model::Chain& chain : table.chains) {
      chain.handle = 0;
      for (model::Rule& rule : chain.rules) rule.handle = 0;
    }
    for (model::SetDef& set : table.sets) {
      set.handle = 0;
      std::ranges::sort(set.elements, {},
                        [](const model::SetElement& e) { return std::pair(e.first, e.last); });
    }
  }
  std::ranges::sort(tables, {}, [](const model::Table& t) { return std::pair(t.family, t.name); });
}

std::vector<model::Table> read_back() {
  auto tables = ruleset::decode_nftables(test::read_nftables());
  EXPECT_TRUE(tables) << tables.error().message;
  return tables.value_or(std::vector<model::Table>{});
}

void expect_same(std::vector<model::Table> computed, std::vector<model::Table> read) {
  forget_order(computed);
  forget_order(read);
  ASSERT_EQ(computed.size(), read.size());
  for (std::size_t t = 0; t < read.size(); ++t) {
    ASSERT_EQ(computed[t].sets.size(), read[t].sets.size());
    for (std::size_t s = 0; s < read[t].sets.size(); ++s)
      EXPECT_EQ(computed[t].sets[s], read[t].sets[s]) << read[t].sets[s].name;
    ASSERT_EQ(computed[t].chains.size(), read[t].chains.size());
    for (std::size_t c = 0; c < read[t].chains.size(); ++c)
      EXPECT_EQ(computed[t].chains[c], read[t].chains[c]) << read[t].chains[c].name;
    EXPECT_EQ(computed[t], read[t]);
  }
}

TEST_F(CompileKernel, ReadsBackWhatIsComputedWith) {
  const Policy p;
  const auto compiled = compile(p.input());
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto loaded = test::run("nft -f -", compiled->text);
  ASSERT_EQ(loaded.status, 0) << loaded.text << compiled->text;
  expect_same(compiled->tables, read_back());
}

TEST_F(CompileKernel, TakesAPolicyInPlaceOfAnother) {
  const Policy p;
  const auto first = compile(p.input());
  ASSERT_TRUE(first);
  ASSERT_EQ(test::run("nft -f -", first->text).status, 0);
  std::string text(shops::kPolicy);
  text.replace(text.find("port: 7000/tcp"), 14, "port: 7001/tcp");
  const Policy other(shops::shop().snapshot, text);
  const auto second = compile(other.input());
  ASSERT_TRUE(second);
  ASSERT_EQ(test::run("nft -f -", second->text).status, 0);
  expect_same(second->tables, read_back());
}

// Groups of destinations within each other and next to each other, up to the last address.
TEST_F(CompileKernel, ReadsBackGroupsOfDestinations) {
  std::string text(shops::kPolicy);
  const std::string_view was =
      "[{from: api, to: [203.0.113.0/24, 203.0.113.7], port: [443/tcp, 53/udp]}]";
  text.replace(text.find(was), was.size(), R"(
      - {from: api, to: 0.0.0.0/0, port: 443/tcp}
      - {from: web, to: [203.0.113.0/24, 2001:db8::/32], port: 25/tcp}
      - {from: web, to: [203.0.114.0/24, "::/0"], port: 26/tcp}
      - {from: [web, db], to: 203.0.114.128/25, port: 27/udp})");
  const Policy p(shops::shop().snapshot, text);
  const auto compiled = compile(p.input());
  ASSERT_TRUE(compiled) << compiled.error().message;
  EXPECT_NE(compiled->text.find("set egr4_3 {"), std::string::npos);
  EXPECT_NE(compiled->text.find("chain to6_1 {"), std::string::npos);
  const auto loaded = test::run("nft -f -", compiled->text);
  ASSERT_EQ(loaded.status, 0) << loaded.text << compiled->text;
  expect_same(compiled->tables, read_back());
}

// Those that only count, beside those that enforce and alone; then those of nobody, which take them
// away.
TEST_F(CompileKernel, ReadsBackRulesThatCount) {
  const std::string text(shops::kPolicy);
  std::string mixed = text, audit = text, nobody = text;
  mixed.replace(mixed.find("  blog:\n"), 8, "  blog:\n    mode: audit\n");
  audit.replace(audit.find("mode: enforce"), 13, "mode: audit");
  nobody.replace(nobody.find("mode: enforce"), 13, "mode: off");
  for (const auto& [policy, tables] :
       {std::pair(mixed, 4U), std::pair(audit, 1U), std::pair(mixed, 4U), std::pair(nobody, 0U)}) {
    const Policy p(shops::shop().snapshot, policy);
    const auto compiled = compile(p.input());
    ASSERT_TRUE(compiled);
    EXPECT_EQ(compiled->tables.size(), tables);
    const auto loaded = test::run("nft -f -", compiled->text);
    ASSERT_EQ(loaded.status, 0) << loaded.text << compiled->text;
    expect_same(compiled->tables, read_back());
  }
}

// Tenants without containers, as all of their sets are empty.
TEST_F(CompileKernel, ReadsBackEmptySets) {
  const Policy p(shops::shop().snapshot,
                 "bulkhead: 1\nmode: enforce\nhost: {ssh: {port: 22/tcp, from: internet}}\n"
                 "tenants: {none: {}}\n");
  const auto compiled = compile(p.input());
  ASSERT_TRUE(compiled);
  EXPECT_EQ(compiled->tables.size(), 3U);
  const auto loaded = test::run("nft -f -", compiled->text);
  ASSERT_EQ(loaded.status, 0) << loaded.text;
  expect_same(compiled->tables, read_back());
}

}  // namespace
}  // namespace bulkhead::compile
