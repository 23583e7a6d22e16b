// Replies to IPSET_CMD_LIST from hostile bytes.
#include <cstddef>
#include <cstdint>

#include "ruleset/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(bulkhead::ruleset::decode_ipsets({data, size}, {}));
  return 0;
}
