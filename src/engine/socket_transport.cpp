// HTTP over a connected unix socket, one request at a time, kept open between them.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "engine/transport.h"
#include "engine/unix_socket.h"

namespace bulkhead::engine {
namespace {

using Clock = std::chrono::steady_clock;

class SocketTransport final : public Transport {
 public:
  SocketTransport(std::string path, UnixConnector connect)
      : path_(std::move(path)), connect_(std::move(connect)) {}
  SocketTransport(const SocketTransport&) = delete;
  SocketTransport& operator=(const SocketTransport&) = delete;
  ~SocketTransport() override { close(); }

  Result<HttpAnswer> get(const std::string& path, std::uint32_t timeout_ms,
                         std::uint64_t most_bytes) override;

 private:
  Result<HttpAnswer> exchange(const std::string& path, HttpAnswerParser& parser);
  Status open(std::uint32_t timeout_ms);
  Status send_all(std::string_view bytes);
  Status receive(HttpAnswerParser& parser);
  Status wait(short events);
  void close();

  std::string path_;
  UnixConnector connect_;
  int fd_ = -1;
  Clock::time_point end_;
};

std::unexpected<Error> broken_off() {
  return fail(ErrorCode::kUnavailable,
              std::string("the connection broke: ") + std::strerror(errno));
}

void SocketTransport::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Status SocketTransport::open(std::uint32_t timeout_ms) {
  const auto fd = connect_ ? connect_(path_) : connect_unix(path_, timeout_ms);
  if (!fd) return std::unexpected(fd.error());
  fd_ = *fd;
  return {};
}

Status SocketTransport::wait(short events) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
  pollfd fd{fd_, events, 0};
  const int ready = left <= 0 ? 0 : ::poll(&fd, 1, static_cast<int>(left));
  if (ready == 0) return fail(ErrorCode::kUnavailable, "timed out");
  return ready > 0 || errno == EINTR ? Status{} : broken_off();
}

// Whoever handed the descriptor over may have left it blocking: MSG_DONTWAIT makes poll() decide.
Status SocketTransport::send_all(std::string_view bytes) {
  while (!bytes.empty()) {
    if (Status good = wait(POLLOUT); !good) return good;
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return broken_off();
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Status SocketTransport::receive(HttpAnswerParser& parser) {
  std::array<char, 64UL << 10> buffer;
  while (!parser.done()) {
    if (Status good = wait(POLLIN); !good) return good;
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return broken_off();
    if (got == 0) return parser.end();
    const Status good = parser.feed({buffer.data(), static_cast<std::size_t>(got)});
    if (!good) return good;
  }
  return {};
}

Result<HttpAnswer> SocketTransport::exchange(const std::string& path, HttpAnswerParser& parser) {
  Status good = send_all("GET " + path + " HTTP/1.1\r\nHost: docker\r\nUser-Agent: bulkhead\r\n" +
                         "Accept: application/json\r\n\r\n");
  if (good) good = receive(parser);
  if (!good || !parser.keeps_open()) close();
  if (!good) return std::unexpected(good.error());
  return std::move(parser.answer());
}

Result<HttpAnswer> SocketTransport::get(const std::string& path, std::uint32_t timeout_ms,
                                        std::uint64_t most_bytes) {
  end_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
  if (fd_ >= 0) {
    // The engine may have closed a kept connection meanwhile: then it said nothing, and we ask
    // again.
    HttpAnswerParser parser(most_bytes);
    auto answer = exchange(path, parser);
    if (answer || parser.started() || Clock::now() >= end_) return answer;
  }
  if (Status good = open(timeout_ms); !good) return std::unexpected(good.error());
  HttpAnswerParser parser(most_bytes);
  return exchange(path, parser);
}

}  // namespace

std::unique_ptr<Transport> make_socket_transport(std::string unix_path, UnixConnector connect) {
  return std::make_unique<SocketTransport>(std::move(unix_path), std::move(connect));
}

}  // namespace bulkhead::engine
