#include "cli/exit_code.h"

#include <cstdio>

namespace bulkhead::cli {

Exit exit_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound: return Exit::kUsage;
    case ErrorCode::kDenied:
    case ErrorCode::kUnavailable:
    case ErrorCode::kBudget:
    case ErrorCode::kInterrupted: return Exit::kIncomplete;
    case ErrorCode::kInternal: return Exit::kInternal;
  }
  return Exit::kInternal;
}

Exit complain(const Error& error) {
  std::fprintf(stderr, "bulkhead: %s\n", error.message.c_str());
  return exit_for(error.code);
}

}  // namespace bulkhead::cli
