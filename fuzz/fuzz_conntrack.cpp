// Events and dumps of conntrack and links: whatever the bytes are, each decoder returns, no more
// than fits into them, and the ends of a connection are of one family.
#include <cstdlib>

#include "conntrack/decode.h"

using namespace bulkhead;

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const conntrack::Decoded decoded = conntrack::decode_flows(bytes);
  require(decoded.connections.size() + decoded.broken <= size / 16 + 1);
  for (const flows::Connection& c : decoded.connections) {
    const IpFamily family = c.asked.source.family();
    require(c.asked.destination.family() == family && c.answer.source.family() == family &&
            c.answer.destination.family() == family);
  }
  for (const flows::LinkTurn& turn : conntrack::decode_links(bytes))
    require(turn.link.value != 0 && turn.link.value <= 0x7fffffff);
  return 0;
}
