#include "probe/self_check.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string>

#include "probe/clock.h"
#include "probe/descriptor.h"
#include "probe/lane.h"
#include "probe/socket_address.h"

namespace bulkhead::probe {
namespace {

constexpr std::uint64_t kPatienceUs = 300'000;
constexpr int kTries = 3;

// A port that is held and does not listen, or one that does.
struct OwnPort {
  Descriptor socket;
  Port port;
};

Result<OwnPort> own_port(SocketSource& sockets, std::size_t seat, const IpAddress& at,
                         bool listening) {
  auto opened = sockets.open(seat, at.family(), SocketKind::kTcp);
  if (!opened) return std::unexpected(opened.error());
  OwnPort out{Descriptor(*opened), {}};
  const SocketAddress any = SocketAddress::of(at, Port{0});
  if (::bind(out.socket.get(), any.get(), any.length) != 0)
    return fail(ErrorCode::kUnavailable, "its loopback address cannot be used");
  if (listening && ::listen(out.socket.get(), 16) != 0)
    return fail(ErrorCode::kUnavailable, "nothing can listen there");
  const auto local = local_address(out.socket.get());
  if (!local) return fail(ErrorCode::kUnavailable, "its loopback address cannot be used");
  out.port = local->port();
  return out;
}

struct Seen {
  std::optional<seen::State> listener, closed;
};

void note(std::vector<Heard>& heard, std::array<Port, 2> ports, Seen& seen) {
  for (const Heard& h : heard) (h.port == ports[0] ? seen.listener : seen.closed) = h.reply.state;
  heard.clear();
}

void ask_both(Lane& lane, int epoll, std::array<Port, 2> ports, Seen& seen) {
  for (int turn = 0; turn < kTries && !(seen.listener && seen.closed); ++turn) {
    std::vector<Heard> heard;
    const std::uint64_t begin = now_us();
    static_cast<void>(lane.ask(ports, begin, heard));
    note(heard, ports, seen);
    while (now_us() < begin + kPatienceUs && !(seen.listener && seen.closed)) {
      std::array<epoll_event, 8> events{};
      const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), 20);
      for (int i = 0; i < count; ++i)
        lane.ready(static_cast<std::uint32_t>(events[static_cast<std::size_t>(i)].data.u64), heard);
      note(heard, ports, seen);
    }
    lane.expire(now_us() + kPatienceUs, kPatienceUs, heard);
  }
}

std::string said(const std::optional<seen::State>& state) {
  return state ? std::string(to_string(*state)) : std::string("silent");
}

// What is wrong; empty: nothing.
std::string check(SocketSource& sockets, std::size_t seat, const IpAddress& at,
                  seen::Engine engine) {
  auto listener = own_port(sockets, seat, at, true);
  if (!listener) return listener.error().message;
  auto closed = own_port(sockets, seat, at, false);
  if (!closed) return closed.error().message;
  const Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return "no event queue";
  const EventPort events{epoll.get(), 0};
  auto lane = engine == seen::Engine::kSyn ? make_syn_lane(sockets, seat, at, events)
                                           : make_connect_lane(sockets, seat, at, 4, events);
  if (!lane) return lane.error().message;
  Seen seen;
  ask_both(**lane, epoll.get(), {listener->port, closed->port}, seen);
  if (seen.listener == seen::State::kOpen && seen.closed == seen::State::kClosed) return {};
  return "a listener of our own is " + said(seen.listener) + " and a closed port " +
         said(seen.closed);
}

}  // namespace

seen::SeatCheck check_seat(SocketSource& sockets, std::size_t seat, IpFamily family, bool raw) {
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  const IpAddress at = family == IpFamily::kV4 ? IpAddress::v4(127, 0, 0, 1) : IpAddress::v6(one);
  seen::SeatCheck out;
  std::string not_raw = "not wanted";
  if (raw) not_raw = check(sockets, seat, at, seen::Engine::kSyn);
  if (not_raw.empty()) {
    out.passed = true;
    out.engine = seen::Engine::kSyn;
    return out;
  }
  const std::string not_connect = check(sockets, seat, at, seen::Engine::kConnect);
  out.engine = seen::Engine::kConnect;
  out.passed = not_connect.empty();
  out.why = out.passed ? not_raw : not_connect;
  return out;
}

}  // namespace bulkhead::probe
