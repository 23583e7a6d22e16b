#include "console/exit_code.h"

#include <cstdio>

namespace bulkhead::console {

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

Exit complain(const Error& error, const char* program) {
  std::fprintf(stderr, "%s: %s\n", program, error.message.c_str());
  return exit_for(error.code);
}

}  // namespace bulkhead::console
