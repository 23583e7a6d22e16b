#include "compile/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "compile/shop.h"

namespace bulkhead::compile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<model::Table> tables() {
  const shops::Policy policy;
  return compile(policy.input()).value().tables;
}

model::Table& inet(std::vector<model::Table>& all) {
  return *std::ranges::find(all, model::NfFamily::kInet, &model::Table::family);
}
model::SetDef& set_of(std::vector<model::Table>& all, std::string_view name) {
  return *std::ranges::find(inet(all).sets, name, &model::SetDef::name);
}
model::Chain& chain_of(std::vector<model::Table>& all, std::string_view name) {
  return *std::ranges::find(inet(all).chains, name, &model::Chain::name);
}

TEST(Compare, WhatDecidesNothingDoesNotCount) {
  auto other = tables();
  std::ranges::reverse(other);
  for (model::Table& table : other) {
    table.handle = 7;
    std::ranges::reverse(table.chains);
    for (model::Chain& chain : table.chains) {
      for (model::Rule& rule : chain.rules) {
        rule.handle += 100;
        for (model::Statement& statement : rule.statements) {
          if (auto* count = std::get_if<model::Observe>(&statement)) count->packets = 12;
        }
      }
    }
    for (model::SetDef& set : table.sets) std::ranges::reverse(set.elements);
  }
  model::Table foreign;
  foreign.family = model::NfFamily::kIp;
  foreign.name = "bulkhead";
  other.push_back(foreign);
  EXPECT_THAT(differences(tables(), other), IsEmpty());
}

TEST(Compare, NamesWhatDiffers) {
  auto other = tables();
  set_of(other, "pol4").elements.pop_back();
  EXPECT_THAT(differences(tables(), other),
              ElementsAre("table inet bulkhead: set pol4: 1 elements gone, 0 added"));
  other = tables();
  chain_of(other, "forw").rules.pop_back();
  EXPECT_THAT(differences(tables(), other), ElementsAre(HasSubstr("chain forw: 4 rules")));
  other = tables();
  chain_of(other, "forw").base->policy = model::VerdictKind::kDrop;
  EXPECT_THAT(differences(tables(), other), ElementsAre(HasSubstr("hook, priority or policy")));
  other = tables();
  inet(other).dormant = true;
  EXPECT_THAT(differences(tables(), other), ElementsAre(HasSubstr("switched off")));
  other = tables();
  std::erase_if(inet(other).chains, [](const model::Chain& c) { return c.name == "yes"; });
  inet(other).chains.emplace_back().name = "x\nthe";
  EXPECT_THAT(differences(tables(), other),
              ElementsAre(HasSubstr("chain x\\x0athe was added"), HasSubstr("chain yes is gone")));
  EXPECT_THAT(differences(tables(), {}), testing::SizeIs(3));
}

TEST(Compare, IsNotLongerThanAScreen) {
  auto other = tables();
  for (int i = 0; i < 100; ++i) inet(other).chains.emplace_back().name = "c" + std::to_string(i);
  const auto lines = differences(tables(), other);
  EXPECT_EQ(lines.size(), kMostDifferences);
  EXPECT_EQ(lines.back(), "and 81 more");
}

}  // namespace
}  // namespace bulkhead::compile
