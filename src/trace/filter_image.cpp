#include "trace/filter_image.h"

#include <algorithm>

namespace bulkhead::trace::filtering {
namespace {

constexpr std::string_view kWhy = "bytes of the packet that a snapshot does not know";

// Its target follows the eight bytes of ICMPv6 (RFC 4861, 4.3 and 4.4); options are not known.
bool is_neighbour_discovery(const Packet& packet) {
  constexpr std::uint8_t kSolicitation = 135, kAdvertisement = 136;
  return packet.protocol == IpProtocol::kIcmpV6 && packet.arp && packet.arp->target_ip.is_v6() &&
         (packet.icmp_type == kSolicitation || packet.icmp_type == kAdvertisement);
}

}  // namespace

bool has_ports(IpProtocol protocol) {
  return protocol == IpProtocol::kTcp || protocol == IpProtocol::kUdp ||
         protocol == IpProtocol::kUdpLite || protocol == IpProtocol::kSctp ||
         protocol == IpProtocol::kDccp;
}

Image::Image(const Packet& packet) {
  put(0, packet.destination_mac.octets());
  put(6, packet.source_mac.octets());
  if (packet.tagged) {
    put(12, 0x8100, 2);
    put(14, packet.vlan, 2);  // of no priority
    network_ = kLinkBytes + kTagBytes;
  }
  put(network_ - 2, static_cast<std::uint16_t>(packet.ether_type), 2);
  if (!packet.is_ip()) {
    if (packet.arp) put_arp(*packet.arp);
    known_ = transport_ = end_ = network_ + 28;
    if (!packet.arp) unknown(network_, 28);
    return;
  }
  if (packet.source.is_v4()) {
    put_ipv4(packet);
  } else {
    put_ipv6(packet);
  }
  put_transport(packet);
}

void Image::put(std::size_t at, std::uint64_t number, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    bytes_[at + i] = static_cast<std::uint8_t>(number >> (8 * (width - 1 - i)));
  }
}

void Image::put(std::size_t at, std::span<const std::uint8_t> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at));
}

void Image::unknown(std::size_t at, std::size_t count, std::uint8_t bits) {
  for (std::size_t i = at; i < at + count; ++i) doubt_[i] = bits;
}

void Image::put_arp(const Arp& arp) {  // RFC 826, Ethernet and IPv4
  put(network_, 0x0001'0800'0604ULL, 6);
  put(network_ + 6, arp.operation, 2);
  put(network_ + 8, arp.sender_mac.octets());
  put(network_ + 14, arp.sender_ip.octets().first(4));
  put(network_ + 18, arp.target_mac.octets());
  put(network_ + 24, arp.target_ip.octets().first(4));
}

void Image::put_ipv4(const Packet& packet) {  // RFC 791, no options, never a fragment
  put(network_, 0x45, 1);
  put(network_ + 1, packet.tos, 1);
  put(network_ + 2, packet.length, 2);
  unknown(network_ + 4, 2);        // identification
  unknown(network_ + 6, 1, 0x40);  // "do not fragment" depends on path MTU discovery
  put(network_ + 8, packet.hop_limit, 1);
  put(network_ + 9, static_cast<std::uint8_t>(packet.protocol), 1);
  unknown(network_ + 10, 2);  // checksum
  put(network_ + 12, packet.source.octets());
  put(network_ + 16, packet.destination.octets().first(4));
  transport_ = network_ + 20;
}

void Image::put_ipv6(const Packet& packet) {  // RFC 8200, no extension headers
  const int payload = std::max(0, int{packet.length} - 40);
  put(network_, 0x6000U | static_cast<unsigned>(packet.tos) << 4, 2);
  unknown(network_ + 1, 1, 0x0f);  // flow label
  unknown(network_ + 2, 2);
  put(network_ + 4, static_cast<std::uint64_t>(payload), 2);
  put(network_ + 6, static_cast<std::uint8_t>(packet.protocol), 1);
  put(network_ + 7, packet.hop_limit, 1);
  put(network_ + 8, packet.source.octets());
  put(network_ + 24, packet.destination.octets());
  transport_ = network_ + 40;
}

void Image::put_transport(const Packet& packet) {
  known_ = transport_;
  const bool icmp = packet.protocol == IpProtocol::kIcmp || packet.protocol == IpProtocol::kIcmpV6;
  if (has_ports(packet.protocol)) {
    put(transport_, packet.source_port.number, 2);
    put(transport_ + 2, packet.destination_port.number, 2);
    known_ += 4;
  }
  if (packet.protocol == IpProtocol::kTcp) {  // RFC 9293
    unknown(transport_ + 4, 8);               // sequence and acknowledgement numbers
    unknown(transport_ + 12, 1, 0xf0);        // data offset: depends on the options sent
    put(transport_ + 13, packet.tcp_flags, 1);
    unknown(transport_ + 14, 4);  // window, checksum
    put(transport_ + 18, 0, 2);   // urgent pointer: unused by ordinary connections
    known_ = transport_ + 20;
  } else if (packet.protocol == IpProtocol::kUdp) {  // RFC 768
    const std::size_t header = transport_ - network_;
    put(transport_ + 4, packet.length > header ? packet.length - header : 8, 2);
    unknown(transport_ + 6, 2);
    known_ = transport_ + 8;
  } else if (icmp) {
    put(transport_, packet.icmp_type, 1);
    put(transport_ + 1, packet.icmp_code, 1);
    unknown(transport_ + 2, 6);
    known_ = transport_ + 8;
    if (is_neighbour_discovery(packet)) {
      put(known_, packet.arp->target_ip.octets());
      known_ += 16;
    }
  }
  end_ = std::max(known_, network_ + packet.length);
}

std::size_t Image::start(model::PayloadBase base) const {
  switch (base) {
    case model::PayloadBase::kLink: return 0;
    case model::PayloadBase::kNetwork: return network_;
    case model::PayloadBase::kTransport:
    case model::PayloadBase::kInner:
    case model::PayloadBase::kTunnel: break;
  }
  return transport_;
}

bool Image::read(model::PayloadBase base, std::uint32_t offset, std::uint32_t length,
                 Value& out) const {
  const std::size_t from = start(base) + std::size_t{offset};
  if (length > Value::kMost || from + length > end_) return false;
  out.size = length;
  for (std::size_t i = 0; i < length; ++i) {
    const bool laid_out = from + i < known_;
    out.bytes[i] = laid_out ? bytes_[from + i] : std::uint8_t{0};
    out.doubt[i] = laid_out ? doubt_[from + i] : std::uint8_t{0xff};
    if (out.doubt[i] != 0) out.doubtful = true;
  }
  if (out.doubtful) out.why = kWhy;
  return true;
}

Image::Written Image::write(model::PayloadBase base, std::uint32_t offset, const Value& value) {
  const std::size_t from = start(base) + std::size_t{offset};
  if (from + value.size > end_) return Written::kOutside;
  for (std::size_t i = 0; i < value.size && from + i < known_; ++i) {
    const std::uint8_t doubt = value.doubtful ? value.doubt[i] : std::uint8_t{0};
    if ((doubt & ~doubt_[from + i]) != 0) return Written::kDoubt;
    bytes_[from + i] = value.bytes[i];
  }
  return Written::kDone;
}

void Image::store(Packet& packet) const {
  const auto number = [this](std::size_t at, std::size_t width) {
    return big_endian_number(std::span(bytes_).subspan(at, width));
  };
  packet.destination_mac = MacAddress::from_octets(std::span(bytes_).first(6)).value();
  packet.source_mac = MacAddress::from_octets(std::span(bytes_).subspan(6, 6)).value();
  if (!packet.is_ip()) return;
  const bool v4 = packet.source.is_v4();
  const std::size_t width = v4 ? 4 : 16;
  const std::size_t source = network_ + (v4 ? 12 : 8);
  packet.source = IpAddress::from_octets(std::span(bytes_).subspan(source, width)).value();
  packet.destination =
      IpAddress::from_octets(std::span(bytes_).subspan(source + width, width)).value();
  packet.tos = static_cast<std::uint8_t>(v4 ? number(network_ + 1, 1) : number(network_, 2) >> 4);
  packet.hop_limit = bytes_[network_ + (v4 ? 8 : 7)];
  if (has_ports(packet.protocol)) {
    packet.source_port.number = static_cast<std::uint16_t>(number(transport_, 2));
    packet.destination_port.number = static_cast<std::uint16_t>(number(transport_ + 2, 2));
  }
  if (packet.protocol == IpProtocol::kTcp) packet.tcp_flags = bytes_[transport_ + 13];
}

}  // namespace bulkhead::trace::filtering
