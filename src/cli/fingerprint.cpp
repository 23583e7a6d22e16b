#include "cli/fingerprint.h"

#include "audit/identity.h"
#include "base/bytes.h"

namespace bulkhead::cli {

std::string fingerprint(std::string_view text) {
  return to_hex(audit::sha256(text));
}

}  // namespace bulkhead::cli
