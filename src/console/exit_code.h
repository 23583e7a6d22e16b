// Exit codes of every verb (a contract, see man/bulkhead.1).
#pragma once

#include "base/result.h"

namespace bulkhead::console {

enum class Exit : int {
  kDone = 0,        // nothing at or above --fail-on, every expectation met
  kFindings = 1,    // findings at or above it, or an expectation not met
  kUsage = 2,       // bad usage or bad input
  kIncomplete = 3,  // could not read enough to answer: never called clean
  kRefused = 4,     // refused for safety, or rolled back
  kInternal = 70,
};

[[nodiscard]] Exit exit_for(ErrorCode code);

// Writes "PROGRAM: MESSAGE" to standard error and gives the code to end with.
Exit complain(const Error& error, const char* program = "bulkhead");

}  // namespace bulkhead::console
