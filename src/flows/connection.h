// A connection as the kernel tracks it: who dialled whom, and who served after all translation.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>

#include "base/address.h"

namespace bulkhead::flows {

struct Ends {
  IpAddress source, destination;
  Port source_port, destination_port;
  friend auto operator<=>(const Ends&, const Ends&) = default;
};

// Between which instants something happened (Unix time, ms): all that is read from two sockets at
// once has no order.
struct Moment {
  std::uint64_t from = 0, until = 0;
};

enum class Turn : std::uint8_t { kBegins, kIsThere, kEnds };

// `asked` is the first packet as it was sent, `answer` that of its reply: its source served.
struct Connection {
  Turn turn = Turn::kBegins;
  std::uint32_t id = 0;
  std::uint16_t zone = 0;  // of conntrack
  IpProtocol protocol = IpProtocol::kTcp;
  Ends asked, answer;
  bool answered = false;  // TCP: the handshake was finished; else a reply was seen
  bool unclear = false;   // picked up in its middle, or expected by a helper: nobody dialled it
  std::uint8_t tcp_state = 0;           // of conntrack: 3 is established
  std::optional<std::uint32_t> left_s;  // until it is forgotten without a packet
  std::uint64_t began_ms = 0;           // Unix time; 0: the kernel does not say
};

// After how many seconds without a packet the kernel forgets a connection: TCP by its state, UDP
// without an answer and with one. Absent: not known.
struct Timeouts {
  std::array<std::optional<std::uint64_t>, 12> tcp;
  std::array<std::optional<std::uint64_t>, 2> udp;
  [[nodiscard]] std::optional<std::uint64_t> of(const Connection& c) const {
    if (c.protocol == IpProtocol::kUdp) return udp[c.answered ? 1 : 0];
    return c.protocol == IpProtocol::kTcp && c.tcp_state < tcp.size() ? tcp[c.tcp_state]
                                                                      : std::nullopt;
  }
};

}  // namespace bulkhead::flows
