#include "trace/filter_reject.h"

namespace bulkhead::trace::filtering {
namespace {

// icmp.c icmp_send() and icmpv6.c is_ineligible(): no error about an error.
bool is_icmp_error(const Packet& packet) {
  if (packet.protocol == IpProtocol::kIcmp && packet.source.is_v4()) {
    const std::uint8_t type = packet.icmp_type;
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
  }
  return packet.protocol == IpProtocol::kIcmpV6 && packet.source.is_v6() && packet.icmp_type < 128;
}

}  // namespace

Flow answer_reset(Run& run) {
  const Packet& packet = run.packet;
  if (!packet.is_ip() || packet.protocol != IpProtocol::kTcp ||
      (packet.tcp_flags & tcp::kRst) != 0) {
    return Flow::kDrop;
  }
  run.reject = RejectAnswer{true, 0, 0};
  return Flow::kReject;
}

Flow answer_icmp(Run& run, std::uint8_t code) {
  const Packet& packet = run.packet;
  if (!packet.is_ip() || is_icmp_error(packet)) return Flow::kDrop;
  const std::uint8_t type = packet.source.is_v4() ? 3 : 1;
  run.reject = RejectAnswer{false, type, code};
  return Flow::kReject;
}

}  // namespace bulkhead::trace::filtering
