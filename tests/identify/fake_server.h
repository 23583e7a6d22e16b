// A server on 127.0.0.1 or ::1 that does to each connection what a test wants, in threads of its
// own.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/address.h"

namespace bulkhead::identify {

class FakeServer {
 public:
  // One connection, until it returns or `stopping()`.
  using Serve = std::function<void(int fd, const FakeServer& server)>;

  explicit FakeServer(Serve serve, IpFamily family = IpFamily::kV4)
      : serve_(std::move(serve)), family_(family) {
    listener_ =
        ::socket(family == IpFamily::kV4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage here{};
    socklen_t length = family == IpFamily::kV4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (family == IpFamily::kV4) {
      sockaddr_in sin{};
      sin.sin_family = AF_INET;
      sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      std::memcpy(&here, &sin, sizeof sin);
    } else {
      sockaddr_in6 sin6{};
      sin6.sin6_family = AF_INET6;
      sin6.sin6_addr = in6addr_loopback;
      std::memcpy(&here, &sin6, sizeof sin6);
    }
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&here), length), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&here), &length);
    sockaddr_in sin{};
    std::memcpy(&sin, &here, sizeof sin);  // the port stands at the same place in both
    port_.number = ntohs(sin.sin_port);
    accepter_ = std::thread([this] { accept_all(); });
  }
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  ~FakeServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    accepter_.join();
    for (std::thread& thread : threads_) thread.join();
    ::close(listener_);
  }

  [[nodiscard]] Port port() const { return port_; }
  [[nodiscard]] IpAddress address() const {
    return IpAddress::parse(family_ == IpFamily::kV4 ? "127.0.0.1" : "::1").value();
  }
  [[nodiscard]] bool stopping() const { return stopping_; }

  // False when the other side has gone.
  static bool say(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t size = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }
  // What comes within the time, up to one read.
  static std::string hear(int fd, int timeout_ms = 1000) {
    const timeval time{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    std::array<char, 4096> data;
    const ssize_t size = ::recv(fd, data.data(), data.size(), 0);
    return {data.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  void accept_all() {
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      const timeval time{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
      threads_.emplace_back([this, fd] {
        serve_(fd, *this);
        ::close(fd);
      });
    }
  }

  Serve serve_;
  IpFamily family_;
  int listener_ = -1;
  Port port_;
  std::atomic<bool> stopping_ = false;
  std::thread accepter_;
  std::vector<std::thread> threads_;  // of the accepter; read when it has ended
};

}  // namespace bulkhead::identify
