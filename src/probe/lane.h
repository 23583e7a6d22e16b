// One way of asking the ports of one address from one seat. The event loop owns the clock and the
// epoll descriptor; a lane owns its sockets.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "probe/rounds.h"
#include "probe/second_hand.h"
#include "probe/socket_address.h"
#include "probe/socket_source.h"

namespace bulkhead::probe {

struct Heard {
  Port port;
  Reply reply;
};

// Whom a lane asks. A link-local address belongs to an interface, of the seat's own by its index
// (sin6_scope_id); 0: none.
struct Destination {
  // Not explicit: most addresses need no interface.
  Destination(const IpAddress& to, std::uint32_t on = 0) : address(to), scope(on) {}
  IpAddress address;
  std::uint32_t scope;
  [[nodiscard]] SocketAddress at(Port port) const {
    return SocketAddress::of(address, port, scope);
  }
};

// Where a lane's sockets report events: data.u64 is `id` << 32 | the lane's own token.
struct EventPort {
  int epoll = -1;
  std::uint32_t id = 0;
  [[nodiscard]] std::uint64_t data(std::uint32_t token) const {
    return std::uint64_t{id} << 32 | token;
  }
};

// What is said to a UDP port, so that a service answers which says nothing to empty datagrams.
using UdpPayloads = std::map<Port, std::vector<std::string>>;

class Lane {
 public:
  virtual ~Lane() = default;
  [[nodiscard]] virtual seen::Engine engine() const = 0;
  // How many may be asked now.
  [[nodiscard]] virtual std::size_t room() const = 0;
  // Asks `ports` from the front; how many were taken. The rest was not sent and is to be asked
  // again later. What is known at once is appended to `heard`.
  [[nodiscard]] virtual std::size_t ask(std::span<const Port> ports, std::uint64_t now_us,
                                        std::vector<Heard>& heard) = 0;
  // What has not answered is asked once more from here on.
  virtual void begin_round() {}
  // Events are there for this token.
  virtual void ready(std::uint32_t token, std::vector<Heard>& heard) = 0;
  // Gives up what was asked more than `patience_us` ago.
  virtual void expire(std::uint64_t now_us, std::uint64_t patience_us,
                      std::vector<Heard>& heard) = 0;
  // Whether everything that was asked has been answered or given up.
  [[nodiscard]] virtual bool idle(std::uint64_t now_us, std::uint64_t patience_us) const = 0;
  // Whether it may be that some of what was asked still waits to be sent, as for a neighbour's
  // address.
  [[nodiscard]] virtual bool may_be_held() const { return true; }
  // Packets so far that were dropped in our own queue.
  [[nodiscard]] virtual std::uint64_t lost() const = 0;
};

// Non-blocking connect(), one socket for each port under way; sockets are used again. No byte of
// payload is sent, and what was accepted ends with a reset. `most`: sockets at once.
[[nodiscard]] Result<std::unique_ptr<Lane>> make_connect_lane(SocketSource& sockets,
                                                              std::size_t seat,
                                                              const Destination& to,
                                                              std::size_t most, EventPort events);

// Half-open: SYNs from a raw socket, whose sequence numbers say which question is answered; nothing
// is kept for a port under way. The seat's own kernel ends what was accepted with a reset.
// kDenied without CAP_NET_RAW there; kUnavailable with the errno's text when there is no route.
// `hand` (may be null, outlives the lane) sends half of what is asked when that is much.
[[nodiscard]] Result<std::unique_ptr<Lane>> make_syn_lane(SocketSource& sockets, std::size_t seat,
                                                          const Destination& to, EventPort events,
                                                          SecondHand* hand = nullptr);

// Datagrams to each port, from one socket: those that `payloads` (may be null, outlives the lane)
// has for it, else one that is empty.
[[nodiscard]] Result<std::unique_ptr<Lane>> make_udp_lane(SocketSource& sockets, std::size_t seat,
                                                          const Destination& to, EventPort events,
                                                          const UdpPayloads* payloads = nullptr);

}  // namespace bulkhead::probe
