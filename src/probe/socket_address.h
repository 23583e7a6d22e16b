// Addresses and errors of sockets, as values of ours.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <span>

#include "base/address.h"
#include "probe/rounds.h"

namespace bulkhead::probe {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);

  // `scope`: the interface of a link-local address, by its index; 0: none.
  [[nodiscard]] static SocketAddress of(const IpAddress& address, Port port,
                                        std::uint32_t scope = 0);
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] std::optional<IpAddress> address() const;  // nullopt: of no IP socket
  [[nodiscard]] Port port() const;
};

[[nodiscard]] std::optional<SocketAddress> local_address(int fd);
[[nodiscard]] std::optional<SocketAddress> peer_address(int fd);

// One ICMP error that came for a packet of ours.
struct IcmpError {
  Reply reply;
  int error = 0;                // as connect() would report it
  std::optional<Port> port;     // the destination's, of sockets that are not connected
  std::optional<IpAddress> to;  // that packet's destination
  std::size_t quoted = 0;       // bytes of the packet behind its IP header, in the buffer
};
// The next error of the queue (IP_RECVERR); nullopt when it is empty. Errors of our own kernel that
// are no ICMP, and "too big", are skipped. What was quoted is written to the front of `quote`.
[[nodiscard]] std::optional<IcmpError> next_icmp_error(int fd, std::span<std::uint8_t> quote);

// ICMP errors are queued from now on, those included that do not end a connection attempt.
void queue_icmp_errors(int fd, IpFamily family);

// sk_drops: packets so far for which the queue had no room (net/core/sock.c). What a filter sends
// away is not counted.
[[nodiscard]] std::uint64_t drops_of(int fd);
// Bytes of packets of a raw socket that have not left the sending side: held for a neighbour whose
// address is not known yet, or in a device's queue. nullopt: not told (raw_ioctl in
// net/ipv4/raw.c).
[[nodiscard]] std::optional<std::size_t> held_bytes(int fd);

// Takes and clears SO_ERROR.
[[nodiscard]] int take_error(int fd);

// What send() or connect() said at once, without a packet that came back.
[[nodiscard]] Reply refused_here(int error);
// No socket, port or memory just now: nothing was sent, and later it may be.
[[nodiscard]] bool is_shortage(int error);

}  // namespace bulkhead::probe
