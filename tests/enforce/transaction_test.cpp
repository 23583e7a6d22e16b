#include "enforce/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shape.h"

namespace bulkhead::enforce {
namespace {

const std::string kAway = removal();
const std::string kEnforcing =
    kAway +
    "table inet bulkhead {\n chain a { comment \"x } include\"\n }\n}\n"
    "table bridge bulkhead { set s { type ifname; elements = { \"eth0\" } } }\n"
    "table arp bulkhead { }\n";
const std::string kAuditing = "table inet bulkhead_audit { }\n";
const std::string kOurs = kEnforcing + kAuditing;

TEST(Transaction, TakesOurTablesAndNothingElse) {
  EXPECT_TRUE(check_transaction(kOurs));
  for (const char* more : {"flush ruleset\n",
                           "delete table ip filter\n",
                           "table ip filter { }\n",
                           "list ruleset\n",
                           "include \"/etc/shadow\"\n",
                           "table inet bulkhead2 { }\n",
                           "table ip bulkhead_audit { }\n",
                           "add rule inet filter input accept\n",
                           "table inet bulkhead { include \"/etc/shadow\"\n}\n",
                           "define x = 1\n",
                           "}\n",
                           "{ }\n",
                           "\"table inet bulkhead\" { }\n",
                           "table inet bulkhead { \"a\n\" }\n",
                           "delete table inet\n",
                           "table inet bulkhead {\n",
                           "add table inet bulkhead; flush ruleset\n",
                           "$x\n",
                           "add element inet bulkhead s { 1 }\n",
                           "reset counters\n",
                           "flush\truleset\n"}) {
    const auto checked = check_transaction(kOurs + more);
    ASSERT_FALSE(checked) << more;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidInput);
  }
  std::string zero = kOurs;
  zero[30] = '\0';
  EXPECT_FALSE(check_transaction(zero));
}

// Those that enforce all three, or that of mode audit, or both; and what an earlier policy left is
// taken away.
TEST(Transaction, WantsWholeTablesInPlaceOfAllThatWere) {
  EXPECT_FALSE(check_transaction(""));
  EXPECT_FALSE(check_transaction(kAway));
  EXPECT_FALSE(check_transaction(kAway + "table inet bulkhead { }\n"));
  EXPECT_FALSE(check_transaction(kAway + kAuditing + "table inet bulkhead { }\n"));
  EXPECT_TRUE(check_transaction(kEnforcing));
  EXPECT_TRUE(check_transaction(kAway + kAuditing));
  for (const std::string one : {"inet bulkhead", "arp bulkhead", "inet bulkhead_audit"}) {
    std::string kept = kOurs;
    const std::string away = "delete table " + one + "\n";
    kept.erase(kept.find(away), away.size());
    EXPECT_FALSE(check_transaction(kept)) << one;
  }
  std::string late = kOurs + kAway;  // what is loaded would be taken away again
  EXPECT_FALSE(check_transaction(late));
}

TEST(Transaction, CommentsMayHoldAnything) {
  EXPECT_TRUE(check_transaction("# include { flush ruleset\n" + kOurs));
}

TEST(Transaction, TakesWhatTheCompilerMakesOf) {
  std::string text = std::string(compile::shape_text()) + std::string(compile::audit_text());
  for (std::size_t at = text.find("@@"); at != std::string::npos; at = text.find("@@")) {
    const std::size_t end = text.find("@@", at + 2);
    text.replace(at, end + 2 - at, "elements = { \"eth0\" . 10.0.0.0-10.0.0.9 . tcp . 80 }");
  }
  const auto checked = check_transaction(text);
  EXPECT_TRUE(checked) << checked.error().message;
}

}  // namespace
}  // namespace bulkhead::enforce
