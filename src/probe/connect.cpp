#include "probe/connect.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>

namespace bulkhead::probe {
namespace {

using Clock = std::chrono::steady_clock;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Target {
  sockaddr_storage address{};
  socklen_t length = 0;
};

Target to_sockaddr(IpAddress to, Port port) {
  Target out;
  if (to.is_v4()) {
    sockaddr_in sin{};
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port.number);
    std::memcpy(&sin.sin_addr, to.octets().data(), 4);
    std::memcpy(&out.address, &sin, sizeof sin);
    out.length = sizeof sin;
  } else {
    sockaddr_in6 sin6{};
    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = htons(port.number);
    std::memcpy(&sin6.sin6_addr, to.octets().data(), 16);
    std::memcpy(&out.address, &sin6, sizeof sin6);
    out.length = sizeof sin6;
  }
  return out;
}

// An ICMP error waits in the error queue even when the kernel keeps it as a soft error that
// connect() would not report.
std::optional<int> queued_error(int fd) {
  std::array<char, 512> data{};
  std::array<char, 512> control{};
  iovec part{data.data(), data.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return std::nullopt;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    sock_extended_err error{};
    if (c->cmsg_len < CMSG_LEN(sizeof error)) continue;
    std::memcpy(&error, CMSG_DATA(c), sizeof error);
    const bool icmp = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    if (icmp && error.ee_errno != EMSGSIZE) return static_cast<int>(error.ee_errno);
  }
  return std::nullopt;
}

std::string how_of(int error) {
  if (error == 0) return "accepted";
  if (error == ECONNREFUSED || error == ECONNRESET) return "refused";
  if (error == ETIMEDOUT) return "dropped";
  return "unreachable";
}

// Nothing lingers on the other side: the connection ends with a reset.
void close_hard(Descriptor socket) {
  const linger now{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

class Round {
 public:
  Round(collect::Broker& broker, const model::Snapshot& snapshot, std::span<const Attempt> attempts,
        const Limits& limits)
      : broker_(broker),
        snapshot_(snapshot),
        attempts_(attempts.first(std::min<std::size_t>(attempts.size(), limits.most))),
        limits_(limits),
        results_(attempts_.size()),
        tries_(attempts_.size(), 0),
        end_(Clock::now() + std::chrono::milliseconds(limits.all_ms)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  std::vector<std::optional<int>> run() {
    for (std::size_t i = 0; i < attempts_.size(); ++i) waiting_.push_back(i);
    while ((!waiting_.empty() || !live_.empty()) && Clock::now() < end_) {
      while (!waiting_.empty() && live_.size() < limits_.in_flight) {
        const std::size_t next = waiting_.front();
        waiting_.pop_front();
        start(next);
      }
      collect_events();
      expire();
    }
    return std::move(results_);
  }

 private:
  struct Live {
    std::size_t attempt;
    Descriptor socket;
    Clock::time_point until;
  };

  void start(std::size_t index) {
    const Attempt& attempt = attempts_[index];
    ++tries_[index];
    if (attempt.from.value >= snapshot_.namespaces.size()) return;
    const bool v6 = attempt.to.is_v6();
    auto opened = broker_.open_socket(snapshot_.namespaces[attempt.from.value].inode,
                                      v6 ? AF_INET6 : AF_INET, SOCK_STREAM);
    if (!opened) return;  // the namespace has gone: no observation
    Descriptor socket(*opened);
    const int on = 1;
    if (v6)
      ::setsockopt(socket.get(), SOL_IPV6, IPV6_RECVERR, &on, sizeof on);
    else
      ::setsockopt(socket.get(), SOL_IP, IP_RECVERR, &on, sizeof on);
    const Target target = to_sockaddr(attempt.to, attempt.port);
    const int rc =
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&target.address), target.length);
    if (rc == 0 || errno != EINPROGRESS) {
      finish(index, rc == 0 ? 0 : errno, std::move(socket));
      return;
    }
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLERR | EPOLLHUP;
    event.data.u64 = index;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) return;
    const auto patience =
        tries_[index] >= limits_.tries ? limits_.last_patience_ms : limits_.patience_ms;
    live_.push_back({index, std::move(socket), Clock::now() + std::chrono::milliseconds(patience)});
  }

  void finish(std::size_t index, int error, Descriptor socket) {
    results_[index] = error;
    close_hard(std::move(socket));
    if (error == ETIMEDOUT && tries_[index] < limits_.tries) waiting_.push_back(index);
  }

  void collect_events() {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 5);
    for (int i = 0; i < count; ++i) settle(events[static_cast<std::size_t>(i)].data.u64);
  }

  void settle(std::size_t index) {
    const auto at =
        std::ranges::find_if(live_, [index](const Live& l) { return l.attempt == index; });
    if (at == live_.end()) return;
    int error = 0;
    socklen_t length = sizeof error;
    if (auto queued = queued_error(at->socket.get()))
      error = *queued;
    else
      ::getsockopt(at->socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    Descriptor socket = std::move(at->socket);
    live_.erase(at);
    finish(index, error, std::move(socket));
  }

  void expire() {
    const auto now = Clock::now();
    for (std::size_t i = 0; i < live_.size();) {
      if (live_[i].until > now) {
        ++i;
        continue;
      }
      Live old = std::move(live_[i]);
      live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(i));
      finish(old.attempt, queued_error(old.socket.get()).value_or(ETIMEDOUT),
             std::move(old.socket));
    }
  }

  collect::Broker& broker_;
  const model::Snapshot& snapshot_;
  std::span<const Attempt> attempts_;
  const Limits& limits_;
  std::vector<std::optional<int>> results_;
  std::vector<std::uint32_t> tries_;
  Clock::time_point end_;
  Descriptor epoll_;
  std::deque<std::size_t> waiting_;
  std::vector<Live> live_;
};

}  // namespace

std::vector<model::Observation> connect_all(collect::Broker& broker,
                                            const model::Snapshot& snapshot,
                                            std::span<const Attempt> attempts, const Limits& limits,
                                            std::uint64_t now_ms) {
  const std::vector<std::optional<int>> results = Round(broker, snapshot, attempts, limits).run();
  std::vector<model::Observation> out;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::optional<int>& error = results[i];
    if (!error) continue;
    const Attempt& a = attempts[i];
    out.push_back({.vantage = a.vantage,
                   .from = a.from,
                   .to = a.to,
                   .port = a.port,
                   .protocol = IpProtocol::kTcp,
                   .how = how_of(*error),
                   .error = *error,
                   .taken_at_ms = now_ms});
  }
  return out;
}

}  // namespace bulkhead::probe
