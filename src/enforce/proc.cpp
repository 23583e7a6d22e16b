#include "enforce/proc.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace bulkhead::enforce {
namespace {

constexpr std::size_t kMostText = std::size_t{64} << 20;

}  // namespace

std::string read_proc(const std::string& path) {
  std::string out;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  std::array<char, 65536> block;
  while (out.size() < kMostText) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    out.append(block.data(), static_cast<std::size_t>(count));
  }
  ::close(fd);
  return out;
}

}  // namespace bulkhead::enforce
