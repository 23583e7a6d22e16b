#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "probe/descriptor.h"
#include "probe/lane.h"
#include "probe/socket_address.h"

namespace bulkhead::probe {
namespace {

constexpr int kMostAtOnce = 4096;  // answers taken before others have their turn

class UdpLane : public Lane {
 public:
  UdpLane(Descriptor socket, const Destination& to, const UdpPayloads* payloads)
      : socket_(std::move(socket)), to_(to), payloads_(payloads) {}

  [[nodiscard]] seen::Engine engine() const override { return seen::Engine::kUdp; }
  [[nodiscard]] std::size_t room() const override { return 16; }
  [[nodiscard]] std::uint64_t lost() const override { return drops_of(socket_.get()); }
  void expire(std::uint64_t /*now_us*/, std::uint64_t /*patience_us*/,
              std::vector<Heard>& /*heard*/) override {}
  [[nodiscard]] bool idle(std::uint64_t now_us, std::uint64_t patience_us) const override {
    return now_us >= last_us_ + patience_us;
  }

  std::size_t ask(std::span<const Port> ports, std::uint64_t now_us,
                  std::vector<Heard>& heard) override {
    last_us_ = now_us;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      int error = send(ports[i]);
      if (error != 0 && !is_shortage(error)) {
        receive(heard);  // an ICMP error of an earlier datagram, told now and no more?
        error = send(ports[i]);
      }
      if (is_shortage(error)) return i;
      if (error != 0) heard.push_back({ports[i], refused_here(error)});
    }
    return ports.size();
  }

  void ready(std::uint32_t /*token*/, std::vector<Heard>& heard) override { receive(heard); }

 private:
  int send(Port port) {
    const auto said = payloads_ == nullptr ? UdpPayloads::const_iterator{} : payloads_->find(port);
    if (payloads_ == nullptr || said == payloads_->end()) return send(port, {});
    for (const std::string& payload : said->second) {
      if (const int error = send(port, payload); error != 0) return error;
    }
    return 0;
  }

  [[nodiscard]] int send(Port port, std::string_view payload) const {
    const SocketAddress target = to_.at(port);
    const ssize_t count = ::sendto(socket_.get(), payload.data(), payload.size(), MSG_DONTWAIT,
                                   target.get(), target.length);
    return count < 0 ? errno : 0;
  }

  void receive(std::vector<Heard>& heard) {
    for (int i = 0; i < kMostAtOnce; ++i) {
      SocketAddress from;
      std::array<std::uint8_t, 1> byte{};
      const ssize_t count = ::recvfrom(socket_.get(), byte.data(), byte.size(), MSG_DONTWAIT,
                                       from.get(), &from.length);
      if (count < 0) {
        if (errno == EAGAIN) break;
        continue;  // a pending error, which stands in the error queue as well
      }
      if (from.address() == to_.address) heard.push_back({from.port(), Reply::open()});
    }
    std::array<std::uint8_t, 64> quote{};
    while (const auto icmp = next_icmp_error(socket_.get(), quote)) {
      if (icmp->port && icmp->to == to_.address) heard.push_back({*icmp->port, icmp->reply});
    }
  }

  Descriptor socket_;
  Destination to_;
  const UdpPayloads* payloads_;
  std::uint64_t last_us_ = 0;
};

}  // namespace

Result<std::unique_ptr<Lane>> make_udp_lane(SocketSource& sockets, std::size_t seat,
                                            const Destination& to, EventPort events,
                                            const UdpPayloads* payloads) {
  auto opened = sockets.open(seat, to.address.family(), SocketKind::kUdp);
  if (!opened) return std::unexpected(opened.error());
  Descriptor socket(*opened);
  queue_icmp_errors(socket.get(), to.address.family());
  epoll_event event{};
  event.events = EPOLLIN | EPOLLERR;
  event.data.u64 = events.data(0);
  if (::epoll_ctl(events.epoll, EPOLL_CTL_ADD, socket.get(), &event) != 0)
    return fail(ErrorCode::kUnavailable, "epoll takes no more sockets");
  return std::make_unique<UdpLane>(std::move(socket), to, payloads);
}

}  // namespace bulkhead::probe
