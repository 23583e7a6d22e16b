#include "ruleset/print_fields.h"

#include <array>

namespace bulkhead::ruleset {
namespace {

using D = Datatype;
using H = Header;

constexpr auto kFields = std::to_array<Field>({
    {H::kEther, 0, 48, "ether daddr", D::kEther},
    {H::kEther, 48, 48, "ether saddr", D::kEther},
    {H::kEther, 96, 16, "ether type", D::kEtherType},
    {H::kVlan, 112, 3, "vlan pcp", D::kInteger},
    {H::kVlan, 115, 1, "vlan dei", D::kInteger},
    {H::kVlan, 116, 12, "vlan id", D::kInteger},
    {H::kVlan, 128, 16, "vlan type", D::kEtherType},
    {H::kIp, 0, 4, "ip version", D::kInteger},
    {H::kIp, 4, 4, "ip hdrlength", D::kInteger},
    {H::kIp, 8, 6, "ip dscp", D::kDscp},
    {H::kIp, 14, 2, "ip ecn", D::kEcn},
    {H::kIp, 16, 16, "ip length", D::kInteger},
    {H::kIp, 32, 16, "ip id", D::kInteger},
    {H::kIp, 48, 16, "ip frag-off", D::kInteger},
    {H::kIp, 64, 8, "ip ttl", D::kInteger},
    {H::kIp, 72, 8, "ip protocol", D::kProtocol},
    {H::kIp, 80, 16, "ip checksum", D::kInteger},
    {H::kIp, 96, 32, "ip saddr", D::kIpv4},
    {H::kIp, 128, 32, "ip daddr", D::kIpv4},
    {H::kIp6, 0, 4, "ip6 version", D::kInteger},
    {H::kIp6, 4, 6, "ip6 dscp", D::kDscp},
    {H::kIp6, 10, 2, "ip6 ecn", D::kEcn},
    {H::kIp6, 12, 20, "ip6 flowlabel", D::kInteger},
    {H::kIp6, 32, 16, "ip6 length", D::kInteger},
    {H::kIp6, 48, 8, "ip6 nexthdr", D::kProtocol},
    {H::kIp6, 56, 8, "ip6 hoplimit", D::kInteger},
    {H::kIp6, 64, 128, "ip6 saddr", D::kIpv6},
    {H::kIp6, 192, 128, "ip6 daddr", D::kIpv6},
    {H::kArp, 0, 16, "arp htype", D::kInteger},
    {H::kArp, 16, 16, "arp ptype", D::kEtherType},
    {H::kArp, 32, 8, "arp hlen", D::kInteger},
    {H::kArp, 40, 8, "arp plen", D::kInteger},
    {H::kArp, 48, 16, "arp operation", D::kArpOperation},
    {H::kArp, 64, 48, "arp saddr ether", D::kEther},
    {H::kArp, 112, 32, "arp saddr ip", D::kIpv4},
    {H::kArp, 144, 48, "arp daddr ether", D::kEther},
    {H::kArp, 192, 32, "arp daddr ip", D::kIpv4},
    {H::kTransport, 0, 16, "th sport", D::kService},
    {H::kTransport, 16, 16, "th dport", D::kService},
    {H::kTcp, 0, 16, "tcp sport", D::kService},
    {H::kTcp, 16, 16, "tcp dport", D::kService},
    {H::kTcp, 32, 32, "tcp sequence", D::kInteger},
    {H::kTcp, 64, 32, "tcp ackseq", D::kInteger},
    {H::kTcp, 96, 4, "tcp doff", D::kInteger},
    {H::kTcp, 100, 4, "tcp reserved", D::kInteger},
    {H::kTcp, 104, 8, "tcp flags", D::kTcpFlags},
    {H::kTcp, 112, 16, "tcp window", D::kInteger},
    {H::kTcp, 128, 16, "tcp checksum", D::kInteger},
    {H::kTcp, 144, 16, "tcp urgptr", D::kInteger},
    {H::kUdp, 0, 16, "udp sport", D::kService},
    {H::kUdp, 16, 16, "udp dport", D::kService},
    {H::kUdp, 32, 16, "udp length", D::kInteger},
    {H::kUdp, 48, 16, "udp checksum", D::kInteger},
    {H::kUdpLite, 0, 16, "udplite sport", D::kService},
    {H::kUdpLite, 16, 16, "udplite dport", D::kService},
    {H::kDccp, 0, 16, "dccp sport", D::kService},
    {H::kDccp, 16, 16, "dccp dport", D::kService},
    {H::kSctp, 0, 16, "sctp sport", D::kService},
    {H::kSctp, 16, 16, "sctp dport", D::kService},
    {H::kSctp, 32, 32, "sctp vtag", D::kInteger},
    {H::kIcmp, 0, 8, "icmp type", D::kIcmpType},
    {H::kIcmp, 8, 8, "icmp code", D::kIcmpCode},
    {H::kIcmp, 16, 16, "icmp checksum", D::kInteger},
    {H::kIcmp, 32, 16, "icmp id", D::kInteger},
    {H::kIcmp, 48, 16, "icmp sequence", D::kInteger},
    {H::kIcmp6, 0, 8, "icmpv6 type", D::kIcmp6Type},
    {H::kIcmp6, 8, 8, "icmpv6 code", D::kIcmp6Code},
    {H::kIcmp6, 16, 16, "icmpv6 checksum", D::kInteger},
    {H::kIcmp6, 32, 16, "icmpv6 id", D::kInteger},
    {H::kIcmp6, 48, 16, "icmpv6 sequence", D::kInteger},
    {H::kEsp, 0, 32, "esp spi", D::kInteger},
    {H::kEsp, 32, 32, "esp sequence", D::kInteger},
    {H::kAh, 0, 8, "ah nexthdr", D::kProtocol},
    {H::kAh, 32, 32, "ah spi", D::kInteger},
    {H::kComp, 0, 8, "comp nexthdr", D::kProtocol},
    {H::kIgmp, 0, 8, "igmp type", D::kIgmpType},
    {H::kIgmp, 32, 32, "igmp group", D::kIpv4},
    {H::kFrag, 0, 8, "frag nexthdr", D::kProtocol},
    {H::kFrag, 16, 13, "frag frag-off", D::kInteger},
    {H::kFrag, 31, 1, "frag more-fragments", D::kInteger},
    {H::kFrag, 32, 32, "frag id", D::kInteger},
});

}  // namespace

const Field* find_field(Header header, std::uint32_t bit, std::uint32_t bits) {
  for (const Field& field : kFields) {
    if (field.header == header && field.bit == bit && field.bits <= bits) return &field;
  }
  return nullptr;
}

const Field* find_exact_field(Header header, std::uint32_t bit, std::uint32_t bits) {
  const Field* field = find_field(header, bit, bits);
  return field != nullptr && field->bits == bits ? field : nullptr;
}

Header transport_header(std::uint8_t protocol) {
  switch (protocol) {
    case 1: return Header::kIcmp;
    case 2: return Header::kIgmp;
    case 6: return Header::kTcp;
    case 17: return Header::kUdp;
    case 33: return Header::kDccp;
    case 50: return Header::kEsp;
    case 51: return Header::kAh;
    case 58: return Header::kIcmp6;
    case 108: return Header::kComp;
    case 132: return Header::kSctp;
    case 136: return Header::kUdpLite;
  }
  return Header::kNone;
}

}  // namespace bulkhead::ruleset
