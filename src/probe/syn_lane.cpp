#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "probe/descriptor.h"
#include "probe/lane.h"
#include "probe/socket_address.h"
#include "probe/syn_packet.h"

// A raw IPPROTO_TCP socket, connected to the target. The kernel makes the IP header, finds route
// and neighbour, and gives each packet from that address back to us behind the input hook: what the
// seat's own rules drop or translate is seen as connect() would see it, which a packet socket would
// not. Another socket only holds the source port, so that nobody else gets it; as it does not
// listen, the kernel ends what was accepted with a reset.
//
// Each round asks from a port of its own. A listener that has seen a SYN whose answer was lost
// answers the same SYN at most twice a second (tcp_check_req and __tcp_oow_rate_limited in
// net/ipv4/tcp_minisocks.c and tcp_input.c): asked again from there it would look silent.
namespace bulkhead::probe {
namespace {

constexpr std::size_t kBatch = 64;           // packets of one system call
constexpr std::size_t kShared = 4 * kBatch;  // from which on two threads send
constexpr std::size_t kRoom = 64 * kBatch;
constexpr std::size_t kMostPacket = 128;  // bytes that are looked at: two headers with options
constexpr std::uint32_t kRawToken = 0;

constexpr std::size_t kMostSources = RoundLimits{}.most;

// Only resets and acknowledgements to our ports come up. The segment begins behind an IPv4 header
// of any length, or at once.
bool attach_filter(int fd, IpFamily family, std::span<const SynPackets> sources) {
  constexpr std::uint32_t kResetOrAck = 0x14;
  const bool v4 = family == IpFamily::kV4;
  const auto load = [v4](std::uint16_t size, std::uint32_t at) {
    return sock_filter{static_cast<std::uint16_t>(BPF_LD | size | (v4 ? BPF_IND : BPF_ABS)), 0, 0,
                       at};
  };
  std::vector<sock_filter> code = {v4 ? sock_filter{BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0}
                                      : sock_filter{BPF_LDX | BPF_IMM, 0, 0, 0},
                                   load(BPF_H, 2)};
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto over = static_cast<std::uint8_t>(sources.size() - i);  // the rest, and the refusal
    code.push_back({BPF_JMP | BPF_JEQ | BPF_K, over, 0, sources[i].source_port().number});
  }
  code.push_back({BPF_RET | BPF_K, 0, 0, 0});
  code.push_back(load(BPF_B, 13));
  code.push_back({BPF_JMP | BPF_JSET | BPF_K, 0, 1, kResetOrAck});
  code.push_back({BPF_RET | BPF_K, 0, 0, 0xffff});
  code.push_back({BPF_RET | BPF_K, 0, 0, 0});
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// For a socket that only sends: nothing comes up.
void hear_nothing(int fd) {
  sock_filter code[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  const sock_fprog program{1, code};
  ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

std::unexpected<Error> errno_failure(const char* what, int error) {
  const ErrorCode code =
      error == EPERM || error == EACCES ? ErrorCode::kDenied : ErrorCode::kUnavailable;
  return fail(code, std::string(what) + ": errno " + std::to_string(error));
}

class SynLane : public Lane {
 public:
  static Result<std::unique_ptr<Lane>> make(SocketSource& sockets, std::size_t seat,
                                            const Destination& to, EventPort events,
                                            SecondHand* hand) {
    auto raw = sockets.open(seat, to.address.family(), SocketKind::kRawTcp);
    if (!raw) return std::unexpected(raw.error());
    Descriptor socket(*raw);
    SocketAddress target = to.at(Port{0});
    if (::connect(socket.get(), target.get(), target.length) != 0)
      return errno_failure("no route", errno);
    const auto local = local_address(socket.get());
    const auto source = local ? local->address() : std::nullopt;
    if (!source) return errno_failure("no source address", EADDRNOTAVAIL);
    SynKey key{};
    if (::getrandom(key.data(), sizeof key, 0) != static_cast<ssize_t>(sizeof key))
      return errno_failure("no key", EIO);
    queue_icmp_errors(socket.get(), to.address.family());
    auto lane = std::make_unique<SynLane>(sockets, seat, std::move(socket), *source, to, key, hand);
    if (auto added = lane->add_source(); !added) return std::unexpected(added.error());
    epoll_event event{};
    event.events = EPOLLIN | EPOLLERR;
    event.data.u64 = events.data(kRawToken);
    if (::epoll_ctl(events.epoll, EPOLL_CTL_ADD, lane->raw_.get(), &event) != 0)
      return errno_failure("no event", errno);
    return lane;
  }

  SynLane(SocketSource& sockets, std::size_t seat, Descriptor raw, const IpAddress& source,
          const Destination& to, const SynKey& key, SecondHand* hand)
      : sockets_(sockets),
        seat_(seat),
        raw_(std::move(raw)),
        source_(source),
        to_(to),
        key_(key),
        hand_(hand) {}

  [[nodiscard]] seen::Engine engine() const override { return seen::Engine::kSyn; }
  [[nodiscard]] std::size_t room() const override { return kRoom; }
  void expire(std::uint64_t /*now_us*/, std::uint64_t /*patience_us*/,
              std::vector<Heard>& /*heard*/) override {}
  [[nodiscard]] bool idle(std::uint64_t now_us, std::uint64_t patience_us) const override {
    return now_us >= last_us_ + patience_us;
  }

  [[nodiscard]] bool may_be_held() const override { return held_bytes(raw_.get()) != 0; }
  [[nodiscard]] std::uint64_t lost() const override { return drops_of(raw_.get()); }

  std::size_t ask(std::span<const Port> ports, std::uint64_t now_us,
                  std::vector<Heard>& heard) override {
    last_us_ = now_us;
    return ports.size() >= kShared && has_second_socket() ? ask_by_two(ports, heard)
                                                          : ask_by_one(ports, heard);
  }

  // With no port to be had, the earlier ones serve again.
  void begin_round() override {
    if (sources_.size() < kMostSources && add_source()) return;
    std::ranges::rotate(sources_, sources_.end() - 1);
  }

  void ready(std::uint32_t /*token*/, std::vector<Heard>& heard) override { receive(heard); }

 private:
  struct Sent {
    std::size_t count = 0;
    int error = 0;  // errno of the one behind them
  };

  std::size_t ask_by_one(std::span<const Port> ports, std::vector<Heard>& heard) {
    std::size_t taken = 0;
    while (taken < ports.size()) {
      const Sent sent =
          send(raw_.get(), ports.subspan(taken, std::min(kBatch, ports.size() - taken)));
      taken += sent.count;
      receive(heard);  // our own system call may have run the target, and its answers
      if (sent.count != 0) continue;
      if (is_shortage(sent.error)) return taken;
      // Either an ICMP error of an earlier SYN, told now and no more, or about this very one.
      const Sent again = send(raw_.get(), ports.subspan(taken, 1));
      if (again.count == 0) {
        if (is_shortage(again.error)) return taken;
        heard.push_back({ports[taken], refused_here(again.error)});
      }
      ++taken;
    }
    return taken;
  }

  // On a veth pair it is the sender's thread that runs the target. What one of both could not send
  // is asked by one alone; behind a shortage, some is asked twice.
  std::size_t ask_by_two(std::span<const Port> ports, std::vector<Heard>& heard) {
    const auto part = [&](std::size_t index) {
      return ports.subspan(index * kBatch, std::min(kBatch, ports.size() - index * kBatch));
    };
    std::array<std::size_t, kRoom / kBatch> sent{};
    ports = ports.first(std::min(ports.size(), kRoom));
    const std::size_t parts = (ports.size() + kBatch - 1) / kBatch;
    hand_->share(parts, [&](std::size_t index, SecondHand::Hand hand) {
      const bool own = hand == SecondHand::Hand::kOwn;
      sent.at(index) = send(own ? raw_.get() : second_.get(), part(index)).count;
      if (own) receive(heard);
    });
    receive(heard);
    for (std::size_t i = 0; i < parts; ++i) {
      const auto rest = part(i).subspan(sent.at(i));
      const std::size_t taken = ask_by_one(rest, heard);
      if (taken < rest.size()) return i * kBatch + sent.at(i) + taken;
    }
    return ports.size();
  }

  // For the other thread: one socket sends one packet at a time.
  bool has_second_socket() {
    if (hand_ == nullptr || tried_second_) return static_cast<bool>(second_);
    tried_second_ = true;
    if (!hand_->is_there()) return false;
    auto opened = sockets_.open(seat_, to_.address.family(), SocketKind::kRawTcp);
    if (!opened) return false;
    Descriptor socket(*opened);
    hear_nothing(socket.get());
    SocketAddress target = to_.at(Port{0});
    if (::connect(socket.get(), target.get(), target.length) != 0) return false;
    const auto local = local_address(socket.get());
    if (!local || local->address() != source_) return false;
    second_ = std::move(socket);
    return true;
  }

  // A new source port, which is asked from now on. What the earlier ones asked is still heard.
  Status add_source() {
    auto opened = sockets_.open(seat_, to_.address.family(), SocketKind::kTcp);
    if (!opened) return std::unexpected(opened.error());
    Descriptor holder(*opened);
    const SocketAddress hold =
        SocketAddress::of(source_, Port{0}, source_.is_link_local() ? to_.scope : 0);
    if (::bind(holder.get(), hold.get(), hold.length) != 0)
      return errno_failure("no source port", errno);
    const auto local = local_address(holder.get());
    if (!local) return errno_failure("no source port", errno);
    sources_.emplace_back(key_, SynPair{source_, to_.address, local->port()});
    if (!attach_filter(raw_.get(), to_.address.family(), sources_)) {
      sources_.pop_back();
      return errno_failure("no filter", errno);
    }
    holders_.push_back(std::move(holder));
    return {};
  }

  [[nodiscard]] Sent send(int socket, std::span<const Port> ports) const {
    std::array<SynBytes, kBatch> bytes;
    std::array<iovec, kBatch> parts{};
    std::array<mmsghdr, kBatch> messages{};
    for (std::size_t i = 0; i < ports.size(); ++i) {
      bytes[i] = sources_.back().make(ports[i]);
      parts[i] = {bytes[i].data(), bytes[i].size()};
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count =
        ::sendmmsg(socket, messages.data(), static_cast<unsigned>(ports.size()), MSG_DONTWAIT);
    return count < 0 ? Sent{0, errno} : Sent{static_cast<std::size_t>(count), 0};
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
    const ByteView segment =
        to_.address.family() == IpFamily::kV4 ? behind_ipv4_header(packet) : packet;
    for (const SynPackets& source : sources_) {
      const auto answer = source.read(segment);
      if (!answer) continue;
      heard.push_back({answer->port, answer->open ? Reply::open() : Reply::reset()});
      return;
    }
  }

  void errors(std::vector<Heard>& heard) const {
    std::array<std::uint8_t, kMostPacket> quote{};
    while (const auto icmp = next_icmp_error(raw_.get(), quote)) {
      const ByteView segment = ByteView(quote).first(std::min(icmp->quoted, kMostPacket));
      for (const SynPackets& source : sources_) {
        if (const auto port = source.read_quote(segment)) heard.push_back({*port, icmp->reply});
      }
    }
  }

  SocketSource& sockets_;
  std::size_t seat_;
  Descriptor raw_, second_;  // the second one only sends
  IpAddress source_;
  Destination to_;
  SynKey key_;
  std::vector<Descriptor> holders_;
  std::vector<SynPackets> sources_;  // the last one asks
  std::uint64_t last_us_ = 0;
  SecondHand* hand_;
  bool tried_second_ = false;
};

}  // namespace

Result<std::unique_ptr<Lane>> make_syn_lane(SocketSource& sockets, std::size_t seat,
                                            const Destination& to, EventPort events,
                                            SecondHand* hand) {
  return SynLane::make(sockets, seat, to, events, hand);
}

}  // namespace bulkhead::probe
