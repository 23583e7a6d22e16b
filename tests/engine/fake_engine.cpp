#include "fake_engine.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace bulkhead::engine {

FakeAnswer json_answer(const std::string& body, const std::string& status) {
  return {"HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body,
          false, "", 0, false};
}

FakeEngine::FakeEngine(Handler handler, Socket socket) : handler_(std::move(handler)) {
  if (::pipe(stop_) != 0) throw std::runtime_error("no pipe");
  socket == Socket::kUnix ? listen_unix() : listen_tcp();
  thread_ = std::thread([this] { serve(); });
}

void FakeEngine::listen_unix() {
  char folder[] = "/tmp/bulkhead-fake.XXXXXX";
  if (::mkdtemp(folder) == nullptr) throw std::runtime_error("no folder");
  folder_ = folder;
  path_ = folder_ + "/docker.sock";
  url_ = "unix://" + path_;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 16) != 0) {
    throw std::runtime_error("cannot listen on " + path_);
  }
}

void FakeEngine::listen_tcp() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  url_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

FakeEngine::~FakeEngine() {
  ::close(stop_[1]);
  thread_.join();
  ::close(stop_[0]);
  ::close(listener_);
  if (folder_.empty()) return;
  ::unlink(path_.c_str());
  ::rmdir(folder_.c_str());
}

std::vector<std::string> FakeEngine::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int FakeEngine::connections() {
  const std::lock_guard lock(mutex_);
  return connections_;
}

bool FakeEngine::wait_readable(int fd, int timeout_ms) {
  pollfd fds[2] = {{stop_[0], POLLIN, 0}, {fd, POLLIN, 0}};
  return ::poll(fds, 2, timeout_ms) > 0 && fds[0].revents == 0;
}

bool FakeEngine::stopped() {
  pollfd fd{stop_[0], POLLIN, 0};
  return ::poll(&fd, 1, 0) > 0;
}

void FakeEngine::serve() {
  while (wait_readable(listener_, -1)) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    {
      const std::lock_guard lock(mutex_);
      ++connections_;
    }
    serve_connection(fd);
    ::close(fd);
  }
}

void FakeEngine::serve_connection(int fd) {
  std::string text;
  char buffer[4096];
  while (wait_readable(fd, -1)) {
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) return;
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.find("\r\n\r\n") == std::string::npos) continue;
    const std::string line = text.substr(0, text.find("\r\n"));
    text.clear();
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(line);
    }
    const auto first = line.find(' '), last = line.rfind(' ');
    const FakeAnswer reply = handler_(line.substr(first + 1, last - first - 1));
    answer(fd, reply);
    if (reply.close) return;
  }
}

void FakeEngine::answer(int fd, const FakeAnswer& reply) {
  const auto send_all = [fd](std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  };
  if (!send_all(reply.bytes)) return;
  while (!reply.repeat.empty() && !stopped()) {
    // The client says nothing more: readable means that it went away.
    if (reply.repeat_every_ms > 0 && wait_readable(fd, static_cast<int>(reply.repeat_every_ms)))
      return;
    if (!send_all(reply.repeat)) return;
  }
  if (reply.hang) static_cast<void>(wait_readable(fd, -1));
}

}  // namespace bulkhead::engine
