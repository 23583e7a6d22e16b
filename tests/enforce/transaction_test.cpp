#include "enforce/transaction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shape.h"

namespace bulkhead::enforce {
namespace {

constexpr std::string_view kOurs =
    "add table inet bulkhead\ndelete table inet bulkhead\n"
    "table inet bulkhead {\n chain a { comment \"x } include\"\n }\n}\n"
    "table bridge bulkhead { set s { type ifname; elements = { \"eth0\" } } }\n"
    "table arp bulkhead { }\n";

TEST(Transaction, TakesOurTablesAndNothingElse) {
  EXPECT_TRUE(check_transaction(kOurs));
  for (const char* more : {"flush ruleset\n",
                           "delete table ip filter\n",
                           "table ip filter { }\n",
                           "list ruleset\n",
                           "include \"/etc/shadow\"\n",
                           "table inet bulkhead2 { }\n",
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
    const auto checked = check_transaction(std::string(kOurs) + more);
    ASSERT_FALSE(checked) << more;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidInput);
  }
  std::string zero(kOurs);
  zero[30] = '\0';
  EXPECT_FALSE(check_transaction(zero));
}

TEST(Transaction, WantsAllThreeTables) {
  EXPECT_FALSE(check_transaction(""));
  EXPECT_FALSE(check_transaction("table inet bulkhead { }\n"));
  EXPECT_FALSE(check_transaction(removal()));
}

TEST(Transaction, CommentsMayHoldAnything) {
  EXPECT_TRUE(check_transaction("# include { flush ruleset\n" + std::string(kOurs)));
}

TEST(Transaction, TakesWhatTheCompilerMakesOf) {
  std::string text(compile::shape_text());
  for (std::size_t at = text.find("@@"); at != std::string::npos; at = text.find("@@")) {
    const std::size_t end = text.find("@@", at + 2);
    text.replace(at, end + 2 - at, "elements = { \"eth0\" . 10.0.0.0-10.0.0.9 . tcp . 80 }");
  }
  const auto checked = check_transaction(text);
  EXPECT_TRUE(checked) << checked.error().message;
}

}  // namespace
}  // namespace bulkhead::enforce
