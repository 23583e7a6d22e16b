#include "seats/broker_sockets.h"

#include <sys/socket.h>

namespace bulkhead::seats {

using probe::SocketKind;

Result<int> BrokerSockets::open(std::size_t seat, IpFamily family, SocketKind kind) {
  if (seat >= inodes_.size()) return fail(ErrorCode::kInternal, "a seat that is not there");
  const int domain = family == IpFamily::kV4 ? AF_INET : AF_INET6;
  switch (kind) {
    case SocketKind::kTcp: return broker_.open_socket(inodes_[seat], domain, SOCK_STREAM);
    case SocketKind::kUdp: return broker_.open_socket(inodes_[seat], domain, SOCK_DGRAM);
    case SocketKind::kRawTcp: return broker_.open_socket(inodes_[seat], domain, SOCK_RAW);
  }
  return fail(ErrorCode::kInternal, "no such kind of socket");
}

}  // namespace bulkhead::seats
