#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/bytes.h"
#include "probe/descriptor.h"
#include "probe/lane.h"
#include "probe/socket_address.h"
#include "probe/syn_packet.h"

// A raw IPPROTO_TCP socket, connected to the target. The kernel makes the IP header, finds route
// and neighbour, and gives each packet from that address back to us behind the input hook: what the
// seat's own rules drop or translate is seen as connect() would see it, which a packet socket would
// not. A second socket only holds the source port, so that nobody else gets it; as it does not
// listen, the kernel ends what was accepted with a reset.
namespace bulkhead::probe {
namespace {

using scan::Proof;
using scan::State;

constexpr std::size_t kBatch = 64;        // packets of one system call
constexpr std::size_t kMostPacket = 128;  // bytes that are looked at: two headers with options
constexpr std::uint32_t kRawToken = 0;

// Only resets and acknowledgements to our port come up: the segment begins `header` bytes in, or
// behind an IPv4 header of any length.
bool attach_filter(int fd, IpFamily family, Port port) {
  constexpr std::uint32_t kResetOrAck = 0x14;
  const bool v4 = family == IpFamily::kV4;
  const auto load = [v4](std::uint16_t size, std::uint32_t at) {
    return sock_filter{static_cast<std::uint16_t>(BPF_LD | size | (v4 ? BPF_IND : BPF_ABS)), 0, 0,
                       at};
  };
  std::array<sock_filter, 7> code = {{
      v4 ? sock_filter{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0}
         : sock_filter{BPF_LDX | BPF_IMM, 0, 0, 0},
      load(BPF_H, 2),
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, port.number},
      load(BPF_B, 13),
      {BPF_JMP | BPF_JSET | BPF_K, 0, 1, kResetOrAck},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
  const sock_fprog program{code.size(), code.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

std::unexpected<Error> errno_failure(const char* what, int error) {
  const ErrorCode code =
      error == EPERM || error == EACCES ? ErrorCode::kDenied : ErrorCode::kUnavailable;
  return fail(code, std::string(what) + ": errno " + std::to_string(error));
}

class SynLane : public Lane {
 public:
  static Result<std::unique_ptr<Lane>> make(SocketSource& sockets, std::size_t seat,
                                            const IpAddress& to, EventPort events) {
    auto raw = sockets.open(seat, to.family(), SocketKind::kRawTcp);
    if (!raw) return std::unexpected(raw.error());
    Descriptor socket(*raw);
    auto holder = sockets.open(seat, to.family(), SocketKind::kTcp);
    if (!holder) return std::unexpected(holder.error());
    Descriptor port_holder(*holder);
    SocketAddress target = SocketAddress::of(to, Port{0});
    if (::connect(socket.get(), target.get(), target.length) != 0)
      return errno_failure("no route", errno);
    auto local = local_address(socket.get());
    const auto source = local ? local->address() : std::nullopt;
    if (!source) return errno_failure("no source address", EADDRNOTAVAIL);
    const SocketAddress hold = SocketAddress::of(*source, Port{0});
    if (::bind(port_holder.get(), hold.get(), hold.length) != 0)
      return errno_failure("no source port", errno);
    local = local_address(port_holder.get());
    SynKey key{};
    if (!local || ::getrandom(key.data(), sizeof key, 0) != static_cast<ssize_t>(sizeof key))
      return errno_failure("no key", EIO);
    queue_icmp_errors(socket.get(), to.family());
    if (!attach_filter(socket.get(), to.family(), local->port()))
      return errno_failure("no filter", errno);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLERR;
    event.data.u64 = events.data(kRawToken);
    if (::epoll_ctl(events.epoll, EPOLL_CTL_ADD, socket.get(), &event) != 0)
      return errno_failure("no event", errno);
    return std::make_unique<SynLane>(std::move(socket), std::move(port_holder),
                                     SynPackets(key, {*source, to, local->port()}), to.family());
  }

  SynLane(Descriptor raw, Descriptor port_holder, const SynPackets& packets, IpFamily family)
      : raw_(std::move(raw)),
        port_holder_(std::move(port_holder)),
        packets_(packets),
        family_(family) {}

  [[nodiscard]] scan::Engine engine() const override { return scan::Engine::kSyn; }
  [[nodiscard]] std::size_t room() const override { return kBatch; }
  void expire(std::uint64_t /*now_us*/, std::uint64_t /*patience_us*/,
              std::vector<Heard>& /*heard*/) override {}
  [[nodiscard]] bool idle(std::uint64_t now_us, std::uint64_t patience_us) const override {
    return now_us >= last_us_ + patience_us;
  }

  [[nodiscard]] std::uint64_t lost() const override { return drops_of(raw_.get()); }

  std::size_t ask(std::span<const Port> ports, std::uint64_t now_us,
                  std::vector<Heard>& heard) override {
    last_us_ = now_us;
    std::size_t taken = 0;
    while (taken < ports.size()) {
      const std::size_t sent = send(ports.subspan(taken, std::min(kBatch, ports.size() - taken)));
      taken += sent;
      receive(heard);  // our own system call may have run the target, and its answers
      if (sent != 0) continue;
      const int error = errno_;
      if (is_shortage(error)) return taken;
      // Either an ICMP error of an earlier SYN, told now and no more, or about this very one.
      if (send(ports.subspan(taken, 1)) == 0) {
        if (is_shortage(errno_)) return taken;
        heard.push_back({ports[taken], refused_here(errno_)});
      }
      ++taken;
    }
    return taken;
  }

  void ready(std::uint32_t /*token*/, std::vector<Heard>& heard) override { receive(heard); }

 private:
  std::size_t send(std::span<const Port> ports) {
    std::array<SynBytes, kBatch> bytes;
    std::array<iovec, kBatch> parts{};
    std::array<mmsghdr, kBatch> messages{};
    for (std::size_t i = 0; i < ports.size(); ++i) {
      bytes[i] = packets_.make(ports[i]);
      parts[i] = {bytes[i].data(), bytes[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count =
        ::sendmmsg(raw_.get(), messages.data(), static_cast<unsigned>(ports.size()), MSG_DONTWAIT);
    errno_ = count < 0 ? errno : 0;
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }

  void receive(std::vector<Heard>& heard) {
    for (int turn = 0; turn < 1024; ++turn) {
      std::array<std::array<std::uint8_t, kMostPacket>, kBatch> bytes;
      std::array<iovec, kBatch> parts{};
      std::array<mmsghdr, kBatch> messages{};
      for (std::size_t i = 0; i < kBatch; ++i) {
        parts[i] = {bytes[i].data(), bytes[i].size()};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
      }
      const int count = ::recvmmsg(raw_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
      for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        read(ByteView(bytes[at]).first(std::min<std::size_t>(messages[at].msg_len, kMostPacket)),
             heard);
      }
      if (count < static_cast<int>(kBatch)) break;
    }
    errors(heard);
  }

  void read(ByteView packet, std::vector<Heard>& heard) const {
    const ByteView segment = family_ == IpFamily::kV4 ? behind_ipv4_header(packet) : packet;
    const auto answer = packets_.read(segment);
    if (answer) heard.push_back({answer->port, answer->open ? Reply::open() : Reply::reset()});
  }

  void errors(std::vector<Heard>& heard) const {
    std::array<std::uint8_t, kMostPacket> quote{};
    while (const auto icmp = next_icmp_error(raw_.get(), quote)) {
      const auto port =
          packets_.read_quote(ByteView(quote).first(std::min(icmp->quoted, kMostPacket)));
      if (port) heard.push_back({*port, icmp->reply});
    }
  }

  Descriptor raw_, port_holder_;
  SynPackets packets_;
  IpFamily family_;
  std::uint64_t last_us_ = 0;
  int errno_ = 0;
};

}  // namespace

Result<std::unique_ptr<Lane>> make_syn_lane(SocketSource& sockets, std::size_t seat,
                                            const IpAddress& to, EventPort events) {
  return SynLane::make(sockets, seat, to, events);
}

}  // namespace bulkhead::probe
