#include "probe/socket_source.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>

namespace bulkhead::probe {

Result<int> OwnSockets::open(std::size_t /*seat*/, IpFamily family, SocketKind kind) {
  int type = SOCK_STREAM, protocol = 0;
  switch (kind) {
    case SocketKind::kTcp: break;
    case SocketKind::kUdp: type = SOCK_DGRAM; break;
    case SocketKind::kRawTcp: type = SOCK_RAW, protocol = IPPROTO_TCP; break;
  }
  const int fd = ::socket(family == IpFamily::kV4 ? AF_INET : AF_INET6,
                          type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd >= 0 && kind == SocketKind::kRawTcp) {
    // Beyond net.core.rmem_max with CAP_NET_ADMIN alone; what does not fit is asked for again.
    const int queue = 8 << 20;
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof queue) != 0)
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue);
  }
  if (fd >= 0) return fd;
  const ErrorCode code =
      errno == EPERM || errno == EACCES ? ErrorCode::kDenied : ErrorCode::kUnavailable;
  return fail(code, "no socket: " + std::generic_category().message(errno));
}

}  // namespace bulkhead::probe
