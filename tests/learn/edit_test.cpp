#include "learn/edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "learn/books.h"
#include "yaml/yaml.h"

namespace bulkhead::learn {
namespace {

using ::testing::HasSubstr;
using testing_books::patched;

const std::vector<Addition> kAllow{{{"tenants", "shop", "allow"}, true, {"{a: 1}", "{b: 2}"}}};

std::string edited(const std::string& text, const std::vector<Addition>& additions, bool behind) {
  const auto done = add_to_yaml(text, "f.yaml", additions, behind);
  if (!done) return "refused: " + done.error().message;
  EXPECT_EQ(patched(text, done->diff), done->text) << done->diff;
  EXPECT_TRUE(yaml::parse(done->text, "f.yaml")) << done->text;
  return done->text;
}

struct Row {
  const char* name;
  std::string text, behind, before;
};

TEST(Edit, AddsToListsHoweverTheyAreWritten) {
  const std::string head = "bulkhead: 1\ntenants:\n  shop:\n    containers: [a]\n";
  const std::vector<Row> rows{
      {"no list", head, head + "    allow:\n      - {a: 1}\n      - {b: 2}\n",
       "bulkhead: 1\ntenants:\n  shop:\n    allow:\n      - {a: 1}\n      - {b: 2}\n    "
       "containers: "
       "[a]\n"},
      {"no end of line", head.substr(0, head.size() - 1),
       head + "    allow:\n      - {a: 1}\n      - {b: 2}\n",
       "bulkhead: 1\ntenants:\n  shop:\n    allow:\n      - {a: 1}\n      - {b: 2}\n    "
       "containers: "
       "[a]"},
      {"a block", head + "    allow:  # ours\n    - {z: 0}\n  # more\n  blog: {}\n",
       head +
           "    allow:  # ours\n    - {z: 0}\n    - {a: 1}\n    - {b: 2}\n  # more\n  blog: {}\n",
       head +
           "    allow:  # ours\n    - {a: 1}\n    - {b: 2}\n    - {z: 0}\n  # more\n  blog: {}\n"},
      {"brackets", head + "    allow: [{z: 0}]\n", head + "    allow: [{a: 1}, {b: 2}, {z: 0}]\n",
       ""},
      {"empty brackets", head + "    allow: []\n", head + "    allow: [{a: 1}, {b: 2}]\n", ""},
      {"no value", head + "    allow:\n", head + "    allow:\n      - {a: 1}\n      - {b: 2}\n",
       ""},
      {"braces", "{bulkhead: 1, tenants: {shop: {containers: [a]}}}",
       "{bulkhead: 1, tenants: {shop: {allow: [{a: 1}, {b: 2}], containers: [a]}}}", ""},
      {"letters before", "bulkhead: 1\ntenants: {\"é日\": {}, shop: {}}\n",
       "bulkhead: 1\ntenants: {\"é日\": {}, shop: {allow: [{a: 1}, {b: 2}]}}\n", ""},
      {"a tenant without a value", "bulkhead: 1\ntenants:\n  shop:\n  blog: {}\n",
       "bulkhead: 1\ntenants:\n  shop:\n    allow:\n      - {a: 1}\n      - {b: 2}\n  blog: {}\n",
       ""},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(edited(row.text, kAllow, true), row.behind) << row.name;
    EXPECT_EQ(edited(row.text, kAllow, false), row.before.empty() ? row.behind : row.before)
        << row.name;
  }
}

TEST(Edit, ANewKeyOfTheFileFollowsItsVersion) {
  const std::vector<Addition> trust{{{"trust"}, false, {"new: [192.0.2.1]"}}};
  EXPECT_EQ(edited("# head\nbulkhead: 1\nmode: audit\n", trust, true),
            "# head\nbulkhead: 1\ntrust:\n  new: [192.0.2.1]\nmode: audit\n");
  EXPECT_EQ(edited("trust:\n  old: []\nbulkhead: 1\n", trust, true),
            "trust:\n  old: []\n  new: [192.0.2.1]\nbulkhead: 1\n");
  EXPECT_EQ(edited("trust: {old: []}\nbulkhead: 1\n", trust, true),
            "trust: {new: [192.0.2.1], old: []}\nbulkhead: 1\n");
}

TEST(Edit, SeveralSectionsFitIntoTheSameEmptyBraces) {
  const std::vector<Addition> both{{{"tenants", "shop", "allow"}, true, {"{a: 1}"}},
                                   {{"tenants", "shop", "egress"}, true, {"{b: 2}"}}};
  EXPECT_EQ(edited("bulkhead: 1\ntenants:\n  shop: {}\n", both, true),
            "bulkhead: 1\ntenants:\n  shop: {allow: [{a: 1}], egress: [{b: 2}]}\n");
  EXPECT_EQ(edited("bulkhead: 1\ntenants: {shop: {mode: audit}}\n", both, true),
            "bulkhead: 1\ntenants: {shop: {allow: [{a: 1}], egress: [{b: 2}], mode: audit}}\n");
}

TEST(Edit, SeveralChangesFarApartAreHunksOfOneDiff) {
  std::string text = "bulkhead: 1\ntenants:\n  a: {}\n";
  for (int i = 0; i < 20; ++i) text += "  t" + std::to_string(i) + ": {}\n";
  text += "  z:\n    containers: [x]";
  const std::vector<Addition> both{{{"tenants", "a", "allow"}, true, {"{a: 1}"}},
                                   {{"tenants", "z", "allow"}, true, {"{a: 1}"}}};
  const auto done = add_to_yaml(text, "f\n.yaml", both, true);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(patched(text, done->diff), done->text);
  EXPECT_THAT(done->diff, HasSubstr("--- f\\x0a.yaml\n"));
  EXPECT_THAT(done->diff, HasSubstr("\\ No newline at end of file\n"));
}

TEST(Edit, WhatItCannotExtendIsRefusedByItsPlace) {
  EXPECT_THAT(edited("bulkhead: 1\ntenants:\n  shop:\n    allow: ~\n", kAllow, true),
              HasSubstr("f.yaml:4:12"));
  EXPECT_THAT(edited("", kAllow, true), HasSubstr("policy init"));
  EXPECT_THAT(edited("bulkhead: 1\ntenants: [a]\n", kAllow, true).substr(0, 200), HasSubstr(""));
}

}  // namespace
}  // namespace bulkhead::learn
