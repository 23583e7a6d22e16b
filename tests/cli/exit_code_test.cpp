#include "cli/exit_code.h"

#include <gtest/gtest.h>

namespace bulkhead::cli {
namespace {

// The numbers are a contract with scripts: man/bulkhead.1 names them.
TEST(ExitCode, NumbersAreThoseOfTheManual) {
  EXPECT_EQ(static_cast<int>(Exit::kDone), 0);
  EXPECT_EQ(static_cast<int>(Exit::kFindings), 1);
  EXPECT_EQ(static_cast<int>(Exit::kUsage), 2);
  EXPECT_EQ(static_cast<int>(Exit::kIncomplete), 3);
  EXPECT_EQ(static_cast<int>(Exit::kRefused), 4);
  EXPECT_EQ(static_cast<int>(Exit::kInternal), 70);
}

TEST(ExitCode, WhatCouldNotBeReadIsNeverCalledBadInputOrClean) {
  for (const ErrorCode code :
       {ErrorCode::kDenied, ErrorCode::kUnavailable, ErrorCode::kBudget, ErrorCode::kInterrupted}) {
    EXPECT_EQ(exit_for(code), Exit::kIncomplete);
  }
  for (const ErrorCode code :
       {ErrorCode::kInvalidInput, ErrorCode::kUnsupported, ErrorCode::kNotFound}) {
    EXPECT_EQ(exit_for(code), Exit::kUsage);
  }
  EXPECT_EQ(exit_for(ErrorCode::kInternal), Exit::kInternal);
}

}  // namespace
}  // namespace bulkhead::cli
