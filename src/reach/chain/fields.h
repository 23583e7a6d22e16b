// The fields of the packets whose reach is computed: what a rule or a route may ask of a packet, as
// fields of one packet::Layout per address family, shared by all namespaces of a network.
//
// A quantity is what the kernel sees as one number: an address, a port, the mark. It lies in one
// field or in several, the most significant first: an IPv6 address in two of 64 bits; mark and
// connection mark in groups of bits that no mask separates, since a mask with bits left open above
// would else need an interval for each of their settings.
//
// Numbers: addresses, ports and the rest as people write them (host order of the number). kIif,
// kOif, kPhysIn and kPhysOut: 0 is "no interface", n is the n-th interface of the namespace at hand
// by name (links.h). kPacketType: PACKET_*. kCtInfo: CtInfo below. kCtStatus: IPS_*.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/address.h"
#include "model/ruleset.h"
#include "packet/layout.h"

namespace bulkhead::reach {

enum class Quantity : std::uint8_t {
  kIif,
  kOif,
  kPhysIn,  // port of a bridge, known to br_netfilter and to physdev alone
  kPhysOut,
  kBridged,  // 1: br_netfilter shows a switched packet to the IP hooks
  kSource,
  kDestination,
  kSourceMac,
  kDestinationMac,
  kProtocol,
  kSourcePort,  // protocols that have ports
  kDestinationPort,
  kIcmpType,  // ICMP and ICMPv6
  kIcmpCode,
  kTcpFlags,
  kTos,
  kHopLimit,
  kLength,  // layer 3
  kPacketType,
  kMark,
  kHasSocket,  // 1: a socket of this namespace sent it
  kUid,        // of that socket
  kGid,
  kCtInfo,
  kCtStatus,
  kCtMark,
  kCtZone,
  kCtProtocol,  // the entry's tuples
  kCtOriginalSource,
  kCtOriginalDestination,
  kCtOriginalSourcePort,
  kCtOriginalDestinationPort,
  kCtReplySource,
  kCtReplyDestination,
  kCtReplySourcePort,
  kCtReplyDestinationPort,
  kCount,
};
inline constexpr std::size_t kQuantities = static_cast<std::size_t>(Quantity::kCount);

// How connection tracking sees a packet. Up to kUntracked there is no entry. From kEstablished on
// it is enum ip_conntrack_info plus 2.
enum class CtInfo : std::uint8_t {
  kNone,  // not seen (yet), or invalid: rules call both invalid
  kUntracked,
  kEstablished,
  kRelated,
  kNew,
  kEstablishedReply,
  kRelatedReply,
};
inline constexpr std::uint64_t kLastCtInfo = 6;

namespace ct_status {  // include/uapi/linux/netfilter/nf_conntrack_common.h
inline constexpr std::uint64_t kSeenReply = 2, kAssured = 4, kConfirmed = 8, kSourceNat = 16,
                               kDestinationNat = 32, kSourceNatDone = 128,
                               kDestinationNatDone = 256;
}

// The masks under which rules look at marks or change them: what separates their bits.
class MarkMasks {
 public:
  void add(std::uint32_t mask) { cuts_ |= mask ^ (mask >> 1); }
  void add(const model::Ruleset& rules, bool little_endian);
  // True when bits `bit` and `bit` + 1 are to be told apart.
  [[nodiscard]] bool cut_below(unsigned bit) const { return (cuts_ >> bit & 1U) != 0; }

 private:
  std::uint32_t cuts_ = 0;  // bit i: masks separate bit i from bit i + 1
};

// A MAC address as a number: 48 bits, the first octet on top.
[[nodiscard]] std::uint64_t number_of(MacAddress mac);

class Fields {
 public:
  struct Part {  // `bits` wide, of which the lowest is bit `low` of the quantity
    packet::FieldId field;
    unsigned bits = 0;
    unsigned low = 0;
  };

  // `marks`: of all rulesets and routing rules that are asked together.
  [[nodiscard]] static Fields make(IpFamily family, const MarkMasks& marks);

  [[nodiscard]] IpFamily family() const { return family_; }
  [[nodiscard]] unsigned bits(Quantity quantity) const;
  [[nodiscard]] std::span<const Part> parts(Quantity quantity) const;  // most significant first
  [[nodiscard]] packet::FieldId only(Quantity quantity) const;         // a quantity in one field
  [[nodiscard]] const packet::Layout& layout() const { return layout_; }
  [[nodiscard]] std::span<const packet::Field> fields() const { return fields_; }
  // Orders of the fields, the one to try first first (packet::build_in_orders).
  [[nodiscard]] std::span<const std::vector<packet::FieldId>> orders() const { return orders_; }

  // The quantity's number in a packet; of an IPv6 address see address().
  [[nodiscard]] std::uint64_t get(const packet::Packet& packet, Quantity quantity) const;
  void set(packet::Packet& packet, Quantity quantity, std::uint64_t number) const;
  [[nodiscard]] IpAddress address(const packet::Packet& packet, Quantity quantity) const;
  void set_address(packet::Packet& packet, Quantity quantity, const IpAddress& address) const;
  [[nodiscard]] MacAddress mac(const packet::Packet& packet, Quantity quantity) const;

 private:
  Fields(IpFamily family, std::vector<packet::Field> fields,
         std::vector<std::vector<packet::FieldId>> orders, packet::Layout layout);

  IpFamily family_;
  std::vector<packet::Field> fields_;
  std::vector<std::vector<packet::FieldId>> orders_;
  packet::Layout layout_;
  std::vector<std::vector<Part>> parts_;  // by quantity
};

}  // namespace bulkhead::reach
