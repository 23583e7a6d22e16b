#include "base/result.h"

namespace bulkhead {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidInput: return "invalid input";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kDenied: return "denied";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kBudget: return "limit reached";
    case ErrorCode::kInterrupted: return "changed while read";
    case ErrorCode::kInternal: return "internal error";
  }
  return "invalid error code";
}

}  // namespace bulkhead
