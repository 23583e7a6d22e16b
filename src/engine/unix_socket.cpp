#include "engine/unix_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace bulkhead::engine {
namespace {

std::unexpected<Error> failure(const std::string& path, int error) {
  ErrorCode code = ErrorCode::kUnavailable;
  if (error == ENOENT || error == ENOTDIR) code = ErrorCode::kNotFound;
  if (error == EACCES || error == EPERM) code = ErrorCode::kDenied;
  return fail(code, escape_text(path, 128) + ": " + std::strerror(error));
}

}  // namespace

// A unix socket connects at once unless the queue of the listener is full; then connect() waits for
// the time set by SO_SNDTIMEO (unix(7): EAGAIN when it is over).
Result<int> connect_unix(const std::string& path, std::uint32_t timeout_ms) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return failure(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure(path, errno);
  const timeval limit{static_cast<time_t>(timeout_ms / 1000),
                      static_cast<suseconds_t>(timeout_ms % 1000) * 1000};
  const bool good =
      ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
  if (good) return fd;
  const int error = errno;
  ::close(fd);
  return failure(path, error);
}

}  // namespace bulkhead::engine
