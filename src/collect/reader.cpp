#include "collect/reader.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "collect/reader_conmon.h"
#include "collect/reader_files.h"
#include "collect/reader_namespaces.h"
#include "collect/reader_netlink.h"
#include "collect/reader_output.h"
#include "collect/reader_processes.h"
#include "collect/reader_seat.h"
#include "collect/wire.h"

namespace bulkhead::collect {
namespace {

constexpr std::size_t kMostExtraPaths = 100'000;
// Answers to a scan that wait while the scanner is not scheduled; a small one costs the kernel some
// 800 bytes.
constexpr int kRawQueue = 8 << 20;

bool read_all(int channel, void* into, std::size_t count) {
  auto* at = static_cast<std::uint8_t*>(into);
  while (count != 0) {
    const ssize_t got = read(channel, at, count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    count -= static_cast<std::size_t>(got);
  }
  return true;
}

std::vector<std::string> split_paths(ByteView bytes) {
  std::vector<std::string> paths;
  std::string path;
  for (std::uint8_t byte : bytes) {
    if (byte != 0) {
      path += static_cast<char>(byte);
      continue;
    }
    if (paths.size() < kMostExtraPaths) paths.push_back(std::move(path));
    path.clear();
  }
  return paths;
}

class Reader {
 public:
  Reader(int channel, Broker::Rights rights) : channel_(channel), rights_(rights), out_(channel) {}

  [[nodiscard]] bool serve_one() {
    RequestHeader header;
    if (!read_all(channel_, &header, sizeof header) || header.length > kMostRequest) return false;
    payload_.resize(header.length);
    if (!read_all(channel_, payload_.data(), payload_.size())) return false;
    Cursor cursor(payload_);
    if (!answer(static_cast<Op>(header.op), cursor)) return false;
    out_.end_answer();
    return true;
  }

 private:
  // False for a request that our own decoder would not send: the reader then ends.
  [[nodiscard]] bool answer(Op op, Cursor& cursor) {
    switch (op) {
      case Op::kListNamespaces: return list(cursor);
      case Op::kReadNamespace: return read_namespace(cursor);
      case Op::kReadSetElements: return set_elements(cursor);
      case Op::kNamespaceIds: return namespace_ids(cursor);
      case Op::kResolvePaths: return resolve(cursor);
      case Op::kSocketOwners: return owners(cursor);
      case Op::kOpenSocket: return open_socket(cursor);
      case Op::kConnectUnix: return connect_unix(cursor);
      case Op::kProcessCgroups: return cgroups(cursor);
      case Op::kListConmons: return conmons();
      case Op::kMakeSeat: return seat(cursor);
      case Op::kOpenFlowEvents: return open_flow_events(cursor);
      case Op::kReadFlows: return read_flows(cursor);
    }
    return false;
  }

  bool list(Cursor& cursor) {
    const auto most = cursor.native<std::uint32_t>();
    const auto rest = cursor.take(cursor.left());
    if (!most || !rest) return false;
    namespaces_.list(out_, *most, split_paths(*rest));
    return true;
  }

  // Enters the namespace and says so; false (with the errno in the section) when it is gone.
  bool enter(std::uint64_t inode) {
    const int error = namespaces_.enter(inode);
    out_.section(Section::kOpened, {}, error);
    return error == 0;
  }

  bool read_namespace(Cursor& cursor) {
    const auto inode = cursor.native<std::uint64_t>();
    const auto groups = cursor.native<std::uint32_t>();
    if (!inode || !groups) return false;
    if (!enter(*inode)) return true;
    const bool bridges = (*groups & kReadNetwork) == 0 || read_network(out_);
    if ((*groups & kReadSysctls) != 0) read_sysctls(out_, bridges);
    if ((*groups & kReadSockets) != 0) read_sockets(out_);
    if ((*groups & kReadRules) != 0) {
      read_rules(out_);
      read_legacy_tables(out_);
    }
    return true;
  }

  bool set_elements(Cursor& cursor) {
    const auto inode = cursor.native<std::uint64_t>();
    const auto sets = cursor.take(cursor.left());
    if (!inode || !sets) return false;
    if (enter(*inode)) read_set_elements(out_, *sets);
    return true;
  }

  bool namespace_ids(Cursor& cursor) {
    const auto inode = cursor.native<std::uint64_t>();
    if (!inode) return false;
    if (!enter(*inode)) return true;
    out_.begin(Section::kIds);
    read_namespace_ids(out_, [&]() -> std::optional<int> {
      const auto other = cursor.native<std::uint64_t>();
      if (!other) return std::nullopt;
      return namespaces_.descriptor(*other);
    });
    out_.finish(0);
    return true;
  }

  bool resolve(Cursor& cursor) {
    const auto rest = cursor.take(cursor.left());
    if (!rest) return false;
    out_.begin(Section::kInodes);
    for (const std::string& path : split_paths(*rest)) out_.append_value(namespaces_.resolve(path));
    out_.finish(0);
    return true;
  }

  bool owners(Cursor& cursor) {
    std::vector<std::uint64_t> wanted;
    const auto with_options = cursor.native<std::uint32_t>();
    if (!with_options) return false;
    wanted.reserve(cursor.left() / sizeof(std::uint64_t));
    while (const auto inode = cursor.native<std::uint64_t>()) wanted.push_back(*inode);
    read_socket_owners(out_, wanted, *with_options != 0);
    return true;
  }

  bool cgroups(Cursor& cursor) {
    std::vector<std::uint32_t> pids;
    while (const auto pid = cursor.native<std::uint32_t>()) pids.push_back(*pid);
    read_cgroups(out_, pids);
    return true;
  }

  // Those of the host, whichever namespace was read last.
  bool conmons() {
    if (const int error = namespaces_.enter_own(); error != 0)
      out_.section(Section::kConmons, {}, error);
    else
      read_conmons(out_);
    return true;
  }

  bool seat(Cursor& cursor) {
    if (rights_ != Broker::Rights::kSeating) return false;
    if (const int error = namespaces_.enter_own(); error != 0) {
      out_.section(Section::kSeat, {}, error);
      return true;
    }
    return make_seat(cursor, out_);
  }

  void hand_over(int fd, int error) {
    if (fd < 0) {
      out_.section(Section::kDescriptor, {}, error);
      return;
    }
    out_.descriptor(fd);
    close(fd);
  }

  bool open_socket(Cursor& cursor) {
    const auto inode = cursor.native<std::uint64_t>();
    const auto family = cursor.native<std::uint32_t>();
    const auto type = cursor.native<std::uint32_t>();
    if (!inode || !family || !type) return false;
    if ((*family != AF_INET && *family != AF_INET6) ||
        (*type != SOCK_STREAM && *type != SOCK_DGRAM && *type != SOCK_RAW)) {
      return false;
    }
    int error = namespaces_.enter(*inode);
    int fd = -1;
    if (error == 0) {
      fd = socket(static_cast<int>(*family), static_cast<int>(*type) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  *type == SOCK_RAW ? IPPROTO_TCP : 0);
      error = errno;
      if (fd >= 0 && *type == SOCK_RAW)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kRawQueue, sizeof kRawQueue);
    }
    hand_over(fd, error);
    return true;
  }

  bool open_flow_events(Cursor& cursor) {
    const auto inode = cursor.native<std::uint64_t>();
    const auto queue = cursor.native<std::uint32_t>();
    if (!inode || !queue || *queue > kMostEventQueue) return false;
    int error = namespaces_.enter(*inode);
    int fd = -1;
    if (error == 0) fd = make_flow_events(*queue, error);
    hand_over(fd, error);
    return true;
  }

  bool read_flows(Cursor& cursor) {
    const auto inode = cursor.native<std::uint64_t>();
    if (!inode) return false;
    if (enter(*inode)) read_tracked(out_);
    return true;
  }

  bool connect_unix(Cursor& cursor) {
    const auto path = cursor.take(cursor.left());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (!path || path->empty() || path->size() >= sizeof address.sun_path || path->front() == 0) {
      hand_over(-1, ENAMETOOLONG);
      return true;
    }
    std::memcpy(address.sun_path, path->data(), path->size());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = errno;
    if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      error = errno;  // EAGAIN: its queue is full, and waiting could take for ever
      close(fd);
      fd = -1;
    }
    hand_over(fd, error);
    return true;
  }

  int channel_;
  Broker::Rights rights_;
  ReaderOutput out_;
  ReaderNamespaces namespaces_;
  Bytes payload_;
};

}  // namespace

void run_reader(int channel, Broker::Rights rights) {
  Reader reader(channel, rights);
  while (reader.serve_one()) {
  }
  _exit(0);
}

}  // namespace bulkhead::collect
