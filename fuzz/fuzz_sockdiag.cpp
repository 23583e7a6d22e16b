// Socket dumps, the text of /proc/net, and the reader's small lists.
#include <cstdlib>

#include "collect/listing.h"
#include "collect/sockdiag.h"

using namespace bulkhead;
using namespace bulkhead::collect;

namespace {
void require(bool holds) {
  if (!holds) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView bytes(data, size);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto sockets = decode_sockets(bytes, IpProtocol::kUdp)) {
    require(sockets->size() <= size / 88);
    for (const model::Socket& socket : *sockets) {
      require(socket.peer.has_value() == socket.peer_port.has_value());
    }
  }
  for (const IpFamily family : {IpFamily::kV4, IpFamily::kV6}) {
    if (const auto sockets = parse_socket_text(text, family, IpProtocol::kTcp)) {
      for (const model::Socket& socket : *sockets) require(socket.address.family() == family);
    }
  }
  if (const auto owners = decode_owners(bytes)) {
    for (const auto& [inode, facts] : *owners) {
      require(!facts.owners.empty() && facts.owners.size() <= 16);
    }
  }
  if (const auto namespaces = decode_namespaces(bytes)) require(namespaces->size() <= size / 16);
  std::vector<std::string> unread;
  (void)decode_sysctls(bytes, unread);
  const CgroupName name = parse_cgroup(text);
  require(name.container_id.empty() || name.container_id.size() == 64);
  return 0;
}
