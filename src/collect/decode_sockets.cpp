#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "collect/netlink_view.h"
#include "collect/sockdiag.h"

namespace bulkhead::collect {
namespace {

constexpr std::uint8_t kListen = 10;  // include/net/tcp_states.h

Port port_of(std::uint16_t network_order) {
  std::array<std::uint8_t, 2> bytes;
  std::memcpy(bytes.data(), &network_order, 2);
  return Port{static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1])};
}

IpAddress address_of(std::uint8_t family, const __be32 (&words)[4]) {
  std::array<std::uint8_t, 16> octets;
  std::memcpy(octets.data(), words, 16);
  if (family == AF_INET6) return IpAddress::v6(octets);
  return IpAddress::v4(octets[0], octets[1], octets[2], octets[3]);
}

Result<model::Socket> decode_socket(ByteView body, IpProtocol protocol) {
  Cursor cursor(body);
  const auto message = cursor.structure<inet_diag_msg>();
  if (!message) return fail(ErrorCode::kInvalidInput, "socket message cut short");
  if (message->idiag_family != AF_INET && message->idiag_family != AF_INET6) {
    return fail(ErrorCode::kInvalidInput, "socket of an unknown family");
  }
  const auto table = AttributeTable<INET_DIAG_MAX>::parse(cursor.rest());
  if (!table) return within("socket", table.error());
  model::Socket out;
  out.protocol = protocol;
  out.address = address_of(message->idiag_family, message->id.idiag_src);
  out.port = port_of(message->id.idiag_sport);
  out.v6_only = as_u8((*table)[INET_DIAG_SKV6ONLY]).value_or(0) != 0;
  out.bound_to = IfIndex{message->id.idiag_if};
  out.inode = message->idiag_inode;
  out.uid = message->idiag_uid;
  if (message->id.idiag_dport != 0) {
    out.peer = address_of(message->idiag_family, message->id.idiag_dst);
    out.peer_port = port_of(message->id.idiag_dport);
  }
  return out;
}

}  // namespace

Result<std::vector<model::Socket>> decode_sockets(ByteView dump, IpProtocol protocol) {
  std::vector<model::Socket> out;
  NetlinkMessages messages(dump);
  while (const auto message = messages.next()) {
    if (message->type != SOCK_DIAG_BY_FAMILY) continue;
    auto socket = decode_socket(message->body, protocol);
    if (!socket) return std::unexpected(socket.error());
    out.push_back(*std::move(socket));
  }
  if (messages.broken()) return fail(ErrorCode::kInvalidInput, "socket dump cut short");
  return out;
}

// ------------------------------------------------------------------------------------------ text

namespace {

std::string_view word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view out = line.substr(0, line.find(' '));
  line.remove_prefix(out.size());
  return out;
}

template <class T>
bool parse_number(std::string_view text, T& value, int base) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return end.ec == std::errc() && end.ptr == text.data() + text.size() && !text.empty();
}

// "0100007F:1F90": each group of eight digits is a word in the host's order.
bool parse_endpoint(std::string_view text, IpFamily family, IpAddress& address, Port& port) {
  const std::size_t words = family == IpFamily::kV4 ? 1 : 4;
  if (text.size() != words * 8 + 5 || text[words * 8] != ':') return false;
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 0; i < words; ++i) {
    std::uint32_t value = 0;
    if (!parse_number(text.substr(i * 8, 8), value, 16)) return false;
    std::memcpy(octets.data() + i * 4, &value, 4);
  }
  address = family == IpFamily::kV6 ? IpAddress::v6(octets)
                                    : IpAddress::v4(octets[0], octets[1], octets[2], octets[3]);
  return parse_number(text.substr(words * 8 + 1), port.number, 16);
}

// sl local remote state queues timer retransmits uid timeout inode ...
bool parse_line(std::string_view line, IpFamily family, model::Socket& out, std::uint8_t& state) {
  IpAddress remote;
  Port remote_port;
  word(line);
  if (!parse_endpoint(word(line), family, out.address, out.port)) return false;
  if (!parse_endpoint(word(line), family, remote, remote_port)) return false;
  if (!parse_number(word(line), state, 16)) return false;
  word(line), word(line), word(line);
  if (!parse_number(word(line), out.uid, 10)) return false;
  word(line);
  if (!parse_number(word(line), out.inode, 10)) return false;
  if (remote_port.number != 0) {
    out.peer = remote;
    out.peer_port = remote_port;
  }
  return true;
}

}  // namespace

Result<std::vector<model::Socket>> parse_socket_text(std::string_view text, IpFamily family,
                                                     IpProtocol protocol) {
  std::vector<model::Socket> out;
  bool header = true;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (std::exchange(header, false)) continue;
    model::Socket socket;
    socket.protocol = protocol;
    std::uint8_t state = 0;
    if (!parse_line(line, family, socket, state)) {
      return fail(ErrorCode::kInvalidInput,
                  "socket line not understood: " + escape_text(line, 120));
    }
    if (protocol == IpProtocol::kTcp && state != kListen) continue;
    out.push_back(std::move(socket));
  }
  return out;
}

}  // namespace bulkhead::collect
