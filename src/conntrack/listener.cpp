#include "conntrack/listener.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace bulkhead::conntrack {
namespace {

constexpr std::size_t kLargestDatagram = 64U << 10;
constexpr std::size_t kMostUntaken = 64U << 20;  // bytes
constexpr std::size_t kMostAtOnce = 1U << 20;    // bytes of one round, so that rounds stay short
constexpr int kRoundMs = 20;
constexpr int kLinkBuffer = 1 << 20;

std::unexpected<Error> failed(const std::string& what, int error) {
  return fail(ErrorCode::kUnavailable, what + ": " + std::generic_category().message(error));
}

Result<int> link_events() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return failed("no socket for links", errno);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kLinkBuffer, sizeof kLinkBuffer);
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  own.nl_groups = RTMGRP_LINK;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return failed("changes of links are not told", error);
}

}  // namespace

std::uint64_t now_ms() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  static const auto kWall = std::chrono::system_clock::now().time_since_epoch();
  static const auto kBegin = std::chrono::steady_clock::now();
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(kWall + (std::chrono::steady_clock::now() - kBegin)).count());
}

class Listener::Ear {
 public:
  Ear(int flows, int links) : flows_(flows), links_(links), until_(now_ms()) {
    // Signals are for the thread that waits for them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;
  ~Ear() {
    ended_ = true;
    thread_.join();
    ::close(flows_);
    ::close(links_);
  }

  Result<std::vector<Heard>> take(int wait_ms) {
    std::unique_lock lock(mutex_);
    came_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                   [this] { return !heard_.empty() || error_ != 0; });
    if (heard_.empty() && error_ != 0) return failed("connections are not told any more", error_);
    untaken_ = 0;
    return std::exchange(heard_, {});
  }
  [[nodiscard]] std::uint64_t until() const { return until_; }

 private:
  // Reads until there is nothing more; an errno that ends it all, or 0.
  int drain(int fd, Bytes& into, std::uint64_t& lost) {
    while (into.size() < kMostAtOnce) {
      const std::size_t before = into.size();
      into.resize(before + kLargestDatagram);
      sockaddr_nl from{};
      socklen_t size = sizeof from;
      const ssize_t count = ::recvfrom(fd, into.data() + before, kLargestDatagram, MSG_TRUNC,
                                       reinterpret_cast<sockaddr*>(&from), &size);
      const int error = errno;
      const bool fits = count >= 0 && static_cast<std::size_t>(count) <= kLargestDatagram;
      into.resize(before + (fits && from.nl_pid == 0 ? static_cast<std::size_t>(count) : 0));
      if (count >= 0 && !fits) ++lost;
      if (count >= 0) continue;
      if (error == EAGAIN) return 0;
      if (error == ENOBUFS) ++lost;
      if (error != ENOBUFS && error != EINTR) return error;
    }
    return 0;
  }

  void run() {
    while (!ended_) {
      pollfd both[] = {{flows_, POLLIN, 0}, {links_, POLLIN, 0}};
      const std::uint64_t begin = now_ms();  // all that was told before was heard
      ::poll(both, 2, kRoundMs);
      Heard heard;
      heard.when.from = until_;
      int error = drain(links_, heard.links, heard.links_lost);
      if (error == 0) error = drain(flows_, heard.flows, heard.flows_lost);
      heard.when.until = now_ms();
      const bool all = heard.flows.size() < kMostAtOnce && heard.links.size() < kMostAtOnce;
      keep(std::move(heard), error);
      if (all) until_ = begin;
      if (error != 0) return;
    }
  }

  void keep(Heard heard, int error) {
    const std::scoped_lock lock(mutex_);
    error_ = error;
    const bool any = !heard.flows.empty() || !heard.links.empty() || heard.flows_lost != 0 ||
                     heard.links_lost != 0;
    if (any) {
      const std::size_t size = heard.flows.size() + heard.links.size();
      if (untaken_ + size > kMostUntaken) {
        heard.flows.clear();
        heard.links.clear();
        heard.overrun = true;
      } else {
        untaken_ += size;
      }
      // One that was overrun and holds nothing joins the one before.
      if (heard.overrun && !heard_.empty() && heard_.back().overrun) {
        heard_.back().when.until = heard.when.until;
        heard_.back().flows_lost += heard.flows_lost;
        heard_.back().links_lost += heard.links_lost;
      } else {
        heard_.push_back(std::move(heard));
      }
    }
    if (any || error != 0) came_.notify_one();
  }

  int flows_, links_;
  std::atomic<bool> ended_ = false;
  std::atomic<std::uint64_t> until_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<Heard> heard_;
  std::size_t untaken_ = 0;
  int error_ = 0;
  std::thread thread_;
};

Listener::Listener(std::unique_ptr<Ear> ear) : ear_(std::move(ear)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener::~Listener() = default;

Result<Listener> Listener::start(int flow_events) {
  const auto links = link_events();
  if (!links) {
    ::close(flow_events);
    return std::unexpected(links.error());
  }
  return Listener(std::make_unique<Ear>(flow_events, *links));
}

Result<std::vector<Heard>> Listener::take(int wait_ms) {
  return ear_->take(wait_ms);
}

std::uint64_t Listener::heard_until() const {
  return ear_->until();
}

}  // namespace bulkhead::conntrack
