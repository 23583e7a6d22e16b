// One packet as the kernel's socket buffer sees it on its way, and the connection-tracking entry
// that belongs to it in one namespace. Everything a rule may ask about.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "model/network.h"

namespace bulkhead::trace {

enum class EtherType : std::uint16_t { kIpv4 = 0x0800, kArp = 0x0806, kIpv6 = 0x86dd };

// include/uapi/linux/if_packet.h
enum class PacketType : std::uint8_t { kHost = 0, kBroadcast = 1, kMulticast = 2, kOtherHost = 3 };

namespace tcp {
inline constexpr std::uint8_t kFin = 1, kSyn = 2, kRst = 4, kPsh = 8, kAck = 16, kUrg = 32;
}

struct Arp {
  std::uint16_t operation = 1;  // request 1, reply 2
  MacAddress sender_mac, target_mac;
  IpAddress sender_ip, target_ip;
  friend bool operator==(const Arp&, const Arp&) = default;
};

// The packet that an ICMP error quotes, as it is written inside it.
struct Quoted {
  IpAddress source, destination;
  IpProtocol protocol = IpProtocol::kTcp;
  Port source_port, destination_port;
  friend bool operator==(const Quoted&, const Quoted&) = default;
};

struct Packet {
  // Link layer
  MacAddress source_mac, destination_mac;
  EtherType ether_type = EtherType::kIpv4;
  std::optional<Arp> arp;
  // Network layer (not for ARP)
  IpAddress source, destination;
  IpProtocol protocol = IpProtocol::kTcp;
  std::uint8_t hop_limit = 64;  // TTL
  std::uint8_t tos = 0;         // IPv4 TOS, IPv6 traffic class
  std::uint16_t length = 60;    // layer-3 bytes: IPv4 total length, IPv6 header + payload
  // Transport layer
  Port source_port, destination_port;
  std::uint8_t tcp_flags = tcp::kSyn;
  std::uint8_t icmp_type = 0, icmp_code = 0;
  std::optional<Quoted> quoted;  // ICMP errors
  // What travels beside the bytes, within one namespace
  std::uint32_t mark = 0;
  PacketType type = PacketType::kHost;
  bool tagged = false;      // with a VLAN tag
  std::uint16_t vlan = 0;   // its number; receivers ignore 0
  bool has_socket = false;  // sent by a socket of this namespace (output, postrouting)
  std::uint32_t socket_uid = 0, socket_gid = 0;
  std::string_view socket_cgroup;  // path below /sys/fs/cgroup of that socket's maker, "" unknown

  [[nodiscard]] bool is_ip() const { return ether_type != EtherType::kArp; }
  [[nodiscard]] IpFamily family() const { return source.family(); }
  friend bool operator==(const Packet&, const Packet&) = default;
};

// include/uapi/linux/netfilter/nf_conntrack_common.h
enum class CtInfo : std::uint8_t {
  kEstablished,       // IP_CT_ESTABLISHED, original direction, reply seen
  kRelated,           // IP_CT_RELATED
  kNew,               // IP_CT_NEW
  kEstablishedReply,  // IP_CT_ESTABLISHED_REPLY
  kRelatedReply,      // IP_CT_RELATED_REPLY
};

struct Tuple {
  IpAddress source, destination;
  Port source_port, destination_port;
  IpProtocol protocol = IpProtocol::kTcp;
  friend bool operator==(const Tuple&, const Tuple&) = default;
};

struct ConnTrack {
  Tuple original, reply;
  bool snat = false, dnat = false;            // IPS_SRC_NAT, IPS_DST_NAT
  bool snat_done = false, dnat_done = false;  // IPS_*_NAT_DONE: NAT of that kind was decided
  bool seen_reply = false, assured = false, confirmed = false;
  std::uint32_t mark = 0;
  std::uint16_t zone = 0;
  friend bool operator==(const ConnTrack&, const ConnTrack&) = default;
};

// How conntrack sees one packet. `entry` null and not untracked: the packet is INVALID, or
// conntrack has not seen it (yet): nft reads both as "invalid" (nft_ct.c).
struct CtView {
  ConnTrack* entry = nullptr;  // owned by the walk
  CtInfo info = CtInfo::kNew;
  bool untracked = false;
};

}  // namespace bulkhead::trace
