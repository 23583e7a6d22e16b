#include "base/verdict.h"

namespace bulkhead {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOpen: return "open";
    case Verdict::kClosed: return "closed";
    case Verdict::kUnknown: return "unknown";
  }
  return "";
}

std::string_view to_string(How how) {
  switch (how) {
    case How::kAccepted: return "accepted";
    case How::kRefused: return "refused";
    case How::kUnreachable: return "unreachable";
    case How::kDropped: return "dropped";
    case How::kUnknown: return "unknown";
  }
  return "";
}

}  // namespace bulkhead
