#include "probe/socket_address.h"

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace bulkhead::probe {

using seen::Proof;
using seen::State;

SocketAddress SocketAddress::of(const IpAddress& address, Port port, std::uint32_t scope) {
  SocketAddress out;
  if (address.is_v4()) {
    sockaddr_in sin{};
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port.number);
    std::memcpy(&sin.sin_addr, address.octets().data(), 4);
    std::memcpy(&out.storage, &sin, sizeof sin);
    out.length = sizeof sin;
  } else {
    sockaddr_in6 sin6{};
    sin6.sin6_family = AF_INET6;
    sin6.sin6_port = htons(port.number);
    sin6.sin6_scope_id = scope;
    std::memcpy(&sin6.sin6_addr, address.octets().data(), 16);
    std::memcpy(&out.storage, &sin6, sizeof sin6);
    out.length = sizeof sin6;
  }
  return out;
}

std::optional<IpAddress> SocketAddress::address() const {
  std::array<std::uint8_t, 16> octets{};
  if (storage.ss_family == AF_INET) {
    sockaddr_in sin{};
    std::memcpy(&sin, &storage, sizeof sin);
    std::memcpy(octets.data(), &sin.sin_addr, 4);
    return IpAddress::v4(octets[0], octets[1], octets[2], octets[3]);
  }
  if (storage.ss_family != AF_INET6) return std::nullopt;
  sockaddr_in6 sin6{};
  std::memcpy(&sin6, &storage, sizeof sin6);
  std::memcpy(octets.data(), &sin6.sin6_addr, 16);
  return IpAddress::v6(octets);
}

Port SocketAddress::port() const {
  // sin_port and sin6_port stand at the same place.
  sockaddr_in sin{};
  std::memcpy(&sin, &storage, sizeof sin);
  return Port{ntohs(sin.sin_port)};
}

std::optional<SocketAddress> local_address(int fd) {
  SocketAddress out;
  if (::getsockname(fd, out.get(), &out.length) != 0) return std::nullopt;
  return out;
}

std::optional<SocketAddress> peer_address(int fd) {
  SocketAddress out;
  if (::getpeername(fd, out.get(), &out.length) != 0) return std::nullopt;
  return out;
}

namespace {

bool is_port_unreachable(const sock_extended_err& error) {
  if (error.ee_origin == SO_EE_ORIGIN_ICMP)
    return error.ee_type == ICMP_DEST_UNREACH && error.ee_code == ICMP_PORT_UNREACH;
  return error.ee_type == ICMPV6_DEST_UNREACH && error.ee_code == ICMPV6_PORT_UNREACH;
}

// nullopt: not an ICMP error, or one that says nothing of the port.
std::optional<IcmpError> read_error(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == SOL_IPV6 && c->cmsg_type == IPV6_RECVERR;
    sock_extended_err error{};
    if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof error)) continue;
    std::memcpy(&error, CMSG_DATA(c), sizeof error);
    const bool icmp = error.ee_origin == SO_EE_ORIGIN_ICMP || error.ee_origin == SO_EE_ORIGIN_ICMP6;
    if (!icmp || error.ee_errno == EMSGSIZE) continue;
    IcmpError out;
    out.error = static_cast<int>(error.ee_errno);
    out.reply = is_port_unreachable(error) ? Reply{State::kClosed, Proof::kPortUnreachable, 0}
                                           : Reply{State::kFiltered, Proof::kIcmp, out.error};
    return out;
  }
  return std::nullopt;
}

}  // namespace

std::optional<IcmpError> next_icmp_error(int fd, std::span<std::uint8_t> quote) {
  constexpr int kMostSkipped = 4096;
  for (int skipped = 0; skipped < kMostSkipped; ++skipped) {
    alignas(cmsghdr) std::array<std::uint8_t, 512> control{};
    SocketAddress to;
    iovec part{quote.data(), quote.size()};
    msghdr message{};
    message.msg_name = &to.storage;
    message.msg_namelen = sizeof to.storage;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (count < 0) return std::nullopt;
    auto out = read_error(message);
    if (!out) continue;
    out->quoted = static_cast<std::size_t>(count);
    if (message.msg_namelen > 0) {
      out->to = to.address();
      out->port = to.port();
    }
    return out;
  }
  return std::nullopt;
}

void queue_icmp_errors(int fd, IpFamily family) {
  const int on = 1;
  if (family == IpFamily::kV6)
    ::setsockopt(fd, SOL_IPV6, IPV6_RECVERR, &on, sizeof on);
  else
    ::setsockopt(fd, SOL_IP, IP_RECVERR, &on, sizeof on);
}

std::uint64_t drops_of(int fd) {
  std::array<std::uint32_t, 16> info{};
  socklen_t length = sizeof info;
  constexpr std::size_t kDrops = 8;  // SK_MEMINFO_DROPS
  if (::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &length) != 0) return 0;
  return length > kDrops * sizeof info[0] ? info[kDrops] : 0;
}

std::optional<std::size_t> held_bytes(int fd) {
  int bytes = 0;
  if (::ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0) return std::nullopt;
  return static_cast<std::size_t>(bytes);
}

int take_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

Reply refused_here(int error) {
  if (is_shortage(error)) return {State::kUnknown, Proof::kNoSocket, error};
  return {State::kFiltered, Proof::kSendRefused, error};
}

bool is_shortage(int error) {
  return error == EAGAIN || error == EADDRNOTAVAIL || error == ENOBUFS || error == ENOMEM ||
         error == EMFILE || error == ENFILE || error == EADDRINUSE;
}

}  // namespace bulkhead::probe
