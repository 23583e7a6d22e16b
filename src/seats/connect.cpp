#include "seats/connect.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <optional>

#include "probe/descriptor.h"
#include "probe/socket_address.h"

namespace bulkhead::seats {
namespace {

using probe::Descriptor;
using probe::next_icmp_error;
using probe::queue_icmp_errors;
using probe::SocketAddress;
using Clock = std::chrono::steady_clock;

// An ICMP error waits in the error queue even when the kernel keeps it as a soft error that
// connect() would not report.
std::optional<int> queued_error(int fd) {
  std::array<std::uint8_t, 64> quote{};
  const auto icmp = next_icmp_error(fd, quote);
  return icmp ? std::optional(icmp->error) : std::nullopt;
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
    queue_icmp_errors(socket.get(), attempt.to.family());
    const SocketAddress target = SocketAddress::of(attempt.to, attempt.port);
    const int rc = ::connect(socket.get(), target.get(), target.length);
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

  // Silence is a result only once it was met with full patience.
  void finish(std::size_t index, int error, Descriptor socket) {
    close_hard(std::move(socket));
    if (error == ETIMEDOUT && tries_[index] < limits_.tries)
      waiting_.push_back(index);
    else
      results_[index] = error;
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

}  // namespace bulkhead::seats
