// What must hold for every snapshot, over random ones of all types.
#include <gtest/gtest.h>

#include "model/json.h"
#include "random_snapshot.h"

namespace bulkhead::model {
namespace {

TEST(SnapshotJson, WhatWasWrittenIsReadAsItWas) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    const Snapshot snapshot = RandomModel(seed).snapshot();
    const std::string text = write_snapshot(snapshot);
    const auto read = read_snapshot(text);
    ASSERT_TRUE(read) << "seed " << seed << ": " << read.error().message;
    ASSERT_TRUE(*read == snapshot) << "seed " << seed << "\n" << text << write_snapshot(*read);
    ASSERT_EQ(text, write_snapshot(*read)) << "seed " << seed;
  }
}

TEST(SnapshotJson, RandomSnapshotsHoldWhatTheLawIsAbout) {
  std::string all;
  for (std::uint32_t seed = 0; seed < 300; ++seed)
    all += write_snapshot(RandomModel(seed).snapshot());
  for (const std::string_view part :
       {"\"hex\":", "\"xt-header\":", "\"bitwise\":", "\"boolean\":", "\"vmap\":", "\"conntrack\":",
        "\"tproxy\":", "\"owner\":", "\"peer_ns\":", "\"published\":", "18446744073709551615",
        "-2147483648", "\\u0000"}) {
    EXPECT_NE(all.find(part), std::string::npos) << part;
  }
}

TEST(SnapshotJson, TwoSnapshotsThatDifferAreWrittenDifferently) {
  Snapshot a, b;
  a.namespaces.resize(1);
  b.namespaces.resize(1);
  a.namespaces[0].links.resize(1);
  b.namespaces[0].links.resize(1);
  a.namespaces[0].links[0].name = "veth\xff";
  b.namespaces[0].links[0].name = "veth\xfe";
  EXPECT_NE(write_snapshot(a), write_snapshot(b));
}

TEST(SnapshotJson, TermsNestedAsDeeplyAsARuleAllowsAreReadBack) {
  Term term{ConstantTerm{{1}}};
  for (int i = 0; i < 128; ++i) {  // NFT_RULE_MAXEXPRS
    BitwiseTerm around;
    around.operand.push_back(std::move(term));
    term = Term{std::move(around)};
  }
  Snapshot s;
  Chain chain;
  chain.rules.push_back(Rule{1, {Compare{std::move(term), CompareOp::kEqual, {}}}, ""});
  Table table;
  table.chains.push_back(std::move(chain));
  s.namespaces.resize(1);
  s.namespaces[0].ruleset.tables.push_back(std::move(table));
  const auto read = read_snapshot(write_snapshot(s));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(*read == s);
}

}  // namespace
}  // namespace bulkhead::model
