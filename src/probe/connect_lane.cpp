#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>

#include "probe/descriptor.h"
#include "probe/lane.h"
#include "probe/socket_address.h"

// A TCP socket can connect again after connect(AF_UNSPEC) (tcp_disconnect() in net/ipv4/tcp.c), so
// that the privileged half is asked once for each socket and not for each port. An established
// connection gets a reset by it; a source port that was chosen for the last one is given up.
namespace bulkhead::probe {
namespace {

using seen::Proof;
using seen::State;

void disconnect(int fd) {
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  static_cast<void>(::connect(fd, &none, sizeof none));
  std::array<std::uint8_t, 64> quote{};
  while (next_icmp_error(fd, quote)) {
  }
  static_cast<void>(take_error(fd));
}

// To a port of the ephemeral range of one's own address, a connection can meet itself: its source
// port is its destination then (simultaneous open). Nobody listens there.
bool met_itself(int fd) {
  const auto local = local_address(fd), peer = peer_address(fd);
  return local && peer && local->port() == peer->port() && local->address() == peer->address();
}

class ConnectLane : public Lane {
 public:
  ConnectLane(SocketSource& sockets, std::size_t seat, const Destination& to, std::size_t most,
              EventPort events)
      : sockets_(sockets),
        seat_(seat),
        to_(to),
        most_(std::max<std::size_t>(most, 1)),
        events_(events) {}

  Status begin() {
    if (grow()) return {};
    return fail(ErrorCode::kUnavailable, why_not_);
  }

  [[nodiscard]] seen::Engine engine() const override { return seen::Engine::kConnect; }
  [[nodiscard]] std::size_t room() const override { return most_ - (slots_.size() - free_.size()); }
  [[nodiscard]] std::uint64_t lost() const override { return 0; }  // the kernel keeps each answer
  [[nodiscard]] bool idle(std::uint64_t /*now_us*/, std::uint64_t /*patience_us*/) const override {
    return free_.size() == slots_.size();
  }

  std::size_t ask(std::span<const Port> ports, std::uint64_t now_us,
                  std::vector<Heard>& heard) override {
    for (std::size_t i = 0; i < ports.size(); ++i) {
      if (free_.empty() && !grow()) return i;
      if (!start(ports[i], now_us, heard)) return i;
    }
    return ports.size();
  }

  void ready(std::uint32_t token, std::vector<Heard>& heard) override {
    if (token >= slots_.size() || !slots_[token].used) return;
    Slot& slot = slots_[token];
    std::array<std::uint8_t, 64> quote{};
    if (const auto icmp = next_icmp_error(slot.socket.get(), quote)) {
      finish(token, icmp->reply, heard);
      return;
    }
    const int error = take_error(slot.socket.get());
    if (error == ECONNREFUSED || error == ECONNRESET) {
      finish(token, Reply::reset(), heard);
    } else if (error != 0) {
      finish(token, {State::kFiltered, Proof::kIcmp, error}, heard);
    } else if (const auto peer = peer_address(slot.socket.get())) {
      if (met_itself(slot.socket.get()))
        finish(token, {State::kUnknown, Proof::kNoSocket, EADDRINUSE}, heard);
      else
        finish(token, Reply::open(), heard);
    }
  }

  void expire(std::uint64_t now_us, std::uint64_t patience_us,
              std::vector<Heard>& /*heard*/) override {
    while (!order_.empty()) {
      const auto [token, turn] = order_.front();
      const Slot& slot = slots_[token];
      const bool current = slot.used && slot.turn == turn;
      if (current && slot.asked_us + patience_us > now_us) return;
      order_.pop_front();
      if (current) give_back(token);
    }
  }

 private:
  struct Slot {
    Descriptor socket;
    Port port;
    std::uint64_t asked_us = 0;
    std::uint64_t turn = 0;
    bool used = false;
  };

  bool grow() {
    if (slots_.size() >= most_) return false;
    auto opened = sockets_.open(seat_, to_.address.family(), SocketKind::kTcp);
    if (!opened) return stop_growing(opened.error().message);
    Descriptor socket(*opened);
    queue_icmp_errors(socket.get(), to_.address.family());
    epoll_event event{};
    event.events = EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET;
    event.data.u64 = events_.data(static_cast<std::uint32_t>(slots_.size()));
    if (::epoll_ctl(events_.epoll, EPOLL_CTL_ADD, socket.get(), &event) != 0)
      return stop_growing("epoll takes no more sockets");
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.push_back({std::move(socket), {}, 0, 0, false});
    return true;
  }

  // From now on with the sockets that there are.
  bool stop_growing(std::string why) {
    why_not_ = std::move(why);
    most_ = std::max<std::size_t>(slots_.size(), 1);
    return false;
  }

  // False: it could not be asked, and is to be asked later.
  bool start(Port port, std::uint64_t now_us, std::vector<Heard>& heard) {
    const std::uint32_t token = free_.back();
    Slot& slot = slots_[token];
    const SocketAddress target = to_.at(port);
    const int rc = ::connect(slot.socket.get(), target.get(), target.length);
    const int error = rc == 0 ? 0 : errno;
    const bool others_wait = free_.size() < slots_.size();
    if (is_shortage(error)) {
      disconnect(slot.socket.get());
      if (others_wait) return false;
      heard.push_back({port, refused_here(error)});
      return true;
    }
    free_.pop_back();
    slot.port = port;
    slot.asked_us = now_us;
    slot.turn = ++turn_;
    slot.used = true;
    order_.emplace_back(token, slot.turn);
    if (error == EINPROGRESS) return true;
    if (error == 0)
      ready(token, heard);
    else if (error == ECONNREFUSED || error == ECONNRESET)
      finish(token, Reply::reset(), heard);
    else
      finish(token, refused_here(error), heard);
    return true;
  }

  void finish(std::uint32_t token, const Reply& reply, std::vector<Heard>& heard) {
    heard.push_back({slots_[token].port, reply});
    give_back(token);
  }

  void give_back(std::uint32_t token) {
    disconnect(slots_[token].socket.get());
    slots_[token].used = false;
    free_.push_back(token);
  }

  SocketSource& sockets_;
  std::size_t seat_;
  Destination to_;
  std::size_t most_;
  EventPort events_;
  std::string why_not_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::deque<std::pair<std::uint32_t, std::uint64_t>> order_;  // as they were asked
  std::uint64_t turn_ = 0;
};

}  // namespace

Result<std::unique_ptr<Lane>> make_connect_lane(SocketSource& sockets, std::size_t seat,
                                                const Destination& to, std::size_t most,
                                                EventPort events) {
  auto lane = std::make_unique<ConnectLane>(sockets, seat, to, most, events);
  if (Status status = lane->begin(); !status) return std::unexpected(status.error());
  return lane;
}

}  // namespace bulkhead::probe
