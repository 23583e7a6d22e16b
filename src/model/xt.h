// Matches and targets of x_tables, decoded from their kernel blobs.
//
// Facts: include/uapi/linux/netfilter/xt_*.h, netfilter_ipv4/ipt_*.h, netfilter_ipv6/ip6t_*.h.
// `inverted` turns the whole match; where single parts can be inverted, each has its own flag.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.h"
#include "model/fields.h"

namespace bulkhead::model::xt {

struct PortRange {  // both ends included
  Port first;
  Port last{65535};
  BULKHEAD_FIELDS(BULKHEAD_F(first) BULKHEAD_F(last))
  friend bool operator==(const PortRange&, const PortRange&) = default;
};

struct Tcp {
  static constexpr std::string_view kKind = "tcp";
  PortRange source, destination;
  bool source_inverted = false, destination_inverted = false;
  std::uint8_t flag_mask = 0, flag_value = 0;  // (flags & mask) == value
  bool flags_inverted = false;
  std::uint8_t option = 0;  // 0: any
  bool option_inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(source_inverted) BULKHEAD_F(destination)
                      BULKHEAD_F(destination_inverted) BULKHEAD_F(flag_mask) BULKHEAD_F(flag_value)
                      BULKHEAD_F(flags_inverted) BULKHEAD_F(option) BULKHEAD_F(option_inverted))
  friend bool operator==(const Tcp&, const Tcp&) = default;
};
struct Udp {  // also udplite
  static constexpr std::string_view kKind = "udp";
  PortRange source, destination;
  bool source_inverted = false, destination_inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(source_inverted) BULKHEAD_F(destination)
                      BULKHEAD_F(destination_inverted))
  friend bool operator==(const Udp&, const Udp&) = default;
};
struct Icmp {  // icmp and icmp6; type 0xff of icmp is any
  static constexpr std::string_view kKind = "icmp";
  std::uint8_t type = 0xff, code_first = 0, code_last = 0xff;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(type) BULKHEAD_F(code_first) BULKHEAD_F(code_last) BULKHEAD_F(inverted))
  friend bool operator==(const Icmp&, const Icmp&) = default;
};
enum class MultiportSide : std::uint8_t { kSource, kDestination, kEither };
struct Multiport {
  static constexpr std::string_view kKind = "multiport";
  MultiportSide side = MultiportSide::kDestination;
  std::vector<PortRange> ports;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(side) BULKHEAD_F(ports) BULKHEAD_F(inverted))
  friend bool operator==(const Multiport&, const Multiport&) = default;
};
struct Comment {
  static constexpr std::string_view kKind = "comment";
  std::string text;
  BULKHEAD_FIELDS(BULKHEAD_F(text))
  friend bool operator==(const Comment&, const Comment&) = default;
};
struct AddressMask {
  IpAddress address, mask;
  BULKHEAD_FIELDS(BULKHEAD_F(address) BULKHEAD_F(mask))
  friend bool operator==(const AddressMask&, const AddressMask&) = default;
};
// conntrack and state (which is conntrack with only `state`). state_mask has the
// XT_CONNTRACK_STATE_* bits: INVALID 1, ESTABLISHED 2, RELATED 4, NEW 8, SNAT 64, DNAT 128,
// UNTRACKED 256. Each part that is present must hold; *_inverted turns that part.
struct Conntrack {
  static constexpr std::string_view kKind = "conntrack";
  std::optional<std::uint16_t> state_mask;
  std::optional<std::uint8_t> protocol;
  std::optional<AddressMask> original_source, original_destination, reply_source, reply_destination;
  std::optional<std::uint16_t> status_mask;  // IPS_*
  std::optional<std::uint32_t> expires_min, expires_max;
  std::optional<PortRange> original_source_port, original_destination_port, reply_source_port,
      reply_destination_port;
  std::optional<bool> direction_original;
  bool state_inverted = false, protocol_inverted = false, original_source_inverted = false,
       original_destination_inverted = false, reply_source_inverted = false,
       reply_destination_inverted = false, status_inverted = false, expires_inverted = false,
       original_source_port_inverted = false, original_destination_port_inverted = false,
       reply_source_port_inverted = false, reply_destination_port_inverted = false;
  BULKHEAD_FIELDS(
      BULKHEAD_F(state_mask) BULKHEAD_F(state_inverted) BULKHEAD_F(protocol)
      BULKHEAD_F(protocol_inverted) BULKHEAD_F(original_source) BULKHEAD_F(original_source_inverted)
      BULKHEAD_F(original_destination) BULKHEAD_F(original_destination_inverted)
      BULKHEAD_F(reply_source) BULKHEAD_F(reply_source_inverted) BULKHEAD_F(reply_destination)
      BULKHEAD_F(reply_destination_inverted) BULKHEAD_F(status_mask) BULKHEAD_F(status_inverted)
      BULKHEAD_F(expires_min) BULKHEAD_F(expires_max) BULKHEAD_F(expires_inverted)
      BULKHEAD_F(original_source_port) BULKHEAD_F(original_source_port_inverted)
      BULKHEAD_F(original_destination_port) BULKHEAD_F(original_destination_port_inverted)
      BULKHEAD_F(reply_source_port) BULKHEAD_F(reply_source_port_inverted)
      BULKHEAD_F(reply_destination_port) BULKHEAD_F(reply_destination_port_inverted)
      BULKHEAD_F(direction_original))
  friend bool operator==(const Conntrack&, const Conntrack&) = default;
};
struct Mac {
  static constexpr std::string_view kKind = "mac";
  MacAddress source;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(inverted))
  friend bool operator==(const Mac&, const Mac&) = default;
};
// Masks have bit (1 << RTN_*): UNICAST 1, LOCAL 2, BROADCAST 3, ANYCAST 4, MULTICAST 5, BLACKHOLE
// 6, UNREACHABLE 7, PROHIBIT 8.
struct Addrtype {
  static constexpr std::string_view kKind = "addrtype";
  std::uint16_t source_mask = 0, destination_mask = 0;  // 0: not asked
  bool source_inverted = false, destination_inverted = false;
  bool limit_in = false, limit_out = false;
  BULKHEAD_FIELDS(BULKHEAD_F(source_mask) BULKHEAD_F(source_inverted) BULKHEAD_F(destination_mask)
                      BULKHEAD_F(destination_inverted) BULKHEAD_F(limit_in) BULKHEAD_F(limit_out))
  friend bool operator==(const Addrtype&, const Addrtype&) = default;
};
struct AddressRange {  // both ends included
  IpAddress first, last;
  BULKHEAD_FIELDS(BULKHEAD_F(first) BULKHEAD_F(last))
  friend bool operator==(const AddressRange&, const AddressRange&) = default;
};
struct Iprange {
  static constexpr std::string_view kKind = "iprange";
  std::optional<AddressRange> source, destination;
  bool source_inverted = false, destination_inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(source_inverted) BULKHEAD_F(destination)
                      BULKHEAD_F(destination_inverted))
  friend bool operator==(const Iprange&, const Iprange&) = default;
};
struct Pkttype {
  static constexpr std::string_view kKind = "pkttype";
  std::uint32_t type = 0;  // PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(type) BULKHEAD_F(inverted))
  friend bool operator==(const Pkttype&, const Pkttype&) = default;
};
struct Mark {  // mark, connmark: (mark & mask) == value
  static constexpr std::string_view kKind = "mark";
  bool connection = false;
  std::uint32_t value = 0, mask = 0xffffffff;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(connection) BULKHEAD_F(value) BULKHEAD_F(mask) BULKHEAD_F(inverted))
  friend bool operator==(const Mark&, const Mark&) = default;
};
struct IdRange {
  std::uint32_t first = 0, last = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(first) BULKHEAD_F(last))
  friend bool operator==(const IdRange&, const IdRange&) = default;
};
struct Owner {
  static constexpr std::string_view kKind = "owner";
  std::optional<IdRange> uid, gid;
  bool uid_inverted = false, gid_inverted = false;
  bool socket_exists = false, socket_exists_inverted = false;
  bool supplementary_groups = false;
  BULKHEAD_FIELDS(BULKHEAD_F(uid) BULKHEAD_F(uid_inverted) BULKHEAD_F(gid) BULKHEAD_F(gid_inverted)
                      BULKHEAD_F(socket_exists) BULKHEAD_F(socket_exists_inverted)
                      BULKHEAD_F(supplementary_groups))
  friend bool operator==(const Owner&, const Owner&) = default;
};
struct Set {  // match: is in; `dimension_source[i]`: dimension i is taken from the source side
  static constexpr std::string_view kKind = "set";
  std::uint32_t index = 0;  // IpSet::index
  std::vector<bool> dimension_source;
  bool inverted = false;
  bool return_nomatch = false;
  bool counters_asked = false;  // packets/bytes conditions: a *may*
  BULKHEAD_FIELDS(BULKHEAD_F(index) BULKHEAD_F(dimension_source) BULKHEAD_F(inverted)
                      BULKHEAD_F(return_nomatch) BULKHEAD_F(counters_asked))
  friend bool operator==(const Set&, const Set&) = default;
};
enum class HopOp : std::uint8_t { kEqual, kNotEqual, kLess, kGreater };
struct Hop {  // ttl and hl
  static constexpr std::string_view kKind = "ttl";
  HopOp op = HopOp::kEqual;
  std::uint8_t value = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(op) BULKHEAD_F(value))
  friend bool operator==(const Hop&, const Hop&) = default;
};
struct Rpfilter {
  static constexpr std::string_view kKind = "rpfilter";
  bool loose = false, validmark = false, accept_local = false, inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(loose) BULKHEAD_F(validmark) BULKHEAD_F(accept_local) BULKHEAD_F(inverted))
  friend bool operator==(const Rpfilter&, const Rpfilter&) = default;
};
// Names end with '+' where the mask leaves the rest open.
struct Physdev {
  static constexpr std::string_view kKind = "physdev";
  std::optional<std::string> in, out;
  bool in_inverted = false, out_inverted = false;
  bool is_bridged = false, is_bridged_inverted = false, is_in = false, is_in_inverted = false,
       is_out = false, is_out_inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(in) BULKHEAD_F(in_inverted) BULKHEAD_F(out) BULKHEAD_F(out_inverted)
                      BULKHEAD_F(is_bridged) BULKHEAD_F(is_bridged_inverted) BULKHEAD_F(is_in)
                      BULKHEAD_F(is_in_inverted) BULKHEAD_F(is_out) BULKHEAD_F(is_out_inverted))
  friend bool operator==(const Physdev&, const Physdev&) = default;
};
struct Length {  // layer-3 length, both ends included
  static constexpr std::string_view kKind = "length";
  std::uint16_t first = 0, last = 0xffff;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(first) BULKHEAD_F(last) BULKHEAD_F(inverted))
  friend bool operator==(const Length&, const Length&) = default;
};
struct Dscp {  // dscp (mask 0xfc, value << 2) and tos
  static constexpr std::string_view kKind = "tos";
  std::uint8_t value = 0, mask = 0xff;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(value) BULKHEAD_F(mask) BULKHEAD_F(inverted))
  friend bool operator==(const Dscp&, const Dscp&) = default;
};
struct Helper {
  static constexpr std::string_view kKind = "helper";
  std::string name;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(name) BULKHEAD_F(inverted))
  friend bool operator==(const Helper&, const Helper&) = default;
};
// limit, hashlimit, recent, connlimit, statistic, time, string, quota, connbytes, rateest, cpu,
// bpf, u32...: both outcomes are possible, and the answer names them.
struct May {
  static constexpr std::string_view kKind = "may";
  std::string detail;  // printable, as iptables-save writes it when known
  BULKHEAD_FIELDS(BULKHEAD_F(detail))
  friend bool operator==(const May&, const May&) = default;
};
struct Opaque {  // not understood: XtMatch::raw has the bytes
  static constexpr std::string_view kKind = "opaque";
  BULKHEAD_FIELDS(static_cast<void>(self); static_cast<void>(visit);)
  friend bool operator==(const Opaque&, const Opaque&) = default;
};

using Match =
    std::variant<Opaque, Tcp, Udp, Icmp, Multiport, Comment, Conntrack, Mac, Addrtype, Iprange,
                 Pkttype, Mark, Owner, Set, Hop, Rpfilter, Physdev, Length, Dscp, Helper, May>;

// ---------------------------------------------------------------------------------- targets

// A built-in verdict or a jump of a legacy table ("standard target"). nft tables use Decide
// instead.
enum class StandardVerdict : std::uint8_t { kAccept, kDrop, kReturn, kQueue, kJump, kGoto };
struct Standard {
  static constexpr std::string_view kKind = "standard";
  StandardVerdict verdict = StandardVerdict::kAccept;
  std::string chain;  // kJump, kGoto
  BULKHEAD_FIELDS(BULKHEAD_F(verdict) BULKHEAD_F(chain))
  friend bool operator==(const Standard&, const Standard&) = default;
};
struct RejectTarget {
  static constexpr std::string_view kKind = "reject";
  bool tcp_reset = false;
  bool echo_reply = false;     // never sent by kernels of today: silent
  std::uint8_t icmp_code = 0;  // of ICMP type 3 or ICMPv6 type 1
  BULKHEAD_FIELDS(BULKHEAD_F(tcp_reset) BULKHEAD_F(echo_reply) BULKHEAD_F(icmp_code))
  friend bool operator==(const RejectTarget&, const RejectTarget&) = default;
};
enum class NatTargetKind : std::uint8_t { kDnat, kSnat, kMasquerade, kRedirect, kNetmap };
struct NatTarget {
  static constexpr std::string_view kKind = "nat";
  NatTargetKind kind = NatTargetKind::kDnat;
  std::optional<AddressRange> addresses;  // kNetmap: first = network, last = its last address
  std::optional<PortRange> ports;
  std::optional<Port> base_port;  // NF_NAT_RANGE_PROTO_OFFSET (revision 2)
  std::uint32_t flags = 0;        // NF_NAT_RANGE_*
  BULKHEAD_FIELDS(BULKHEAD_F(kind) BULKHEAD_F(addresses) BULKHEAD_F(ports) BULKHEAD_F(base_port)
                      BULKHEAD_F(flags))
  friend bool operator==(const NatTarget&, const NatTarget&) = default;
};
struct MarkTarget {  // mark = (mark & ~mask) ^ value
  static constexpr std::string_view kKind = "mark";
  std::uint32_t value = 0, mask = 0xffffffff;
  BULKHEAD_FIELDS(BULKHEAD_F(value) BULKHEAD_F(mask))
  friend bool operator==(const MarkTarget&, const MarkTarget&) = default;
};
enum class ConnmarkMode : std::uint8_t { kSet, kSave, kRestore };
struct ConnmarkTarget {  // xt_connmark.c; shift_bits 0 unless revision 2
  static constexpr std::string_view kKind = "connmark";
  ConnmarkMode mode = ConnmarkMode::kSet;
  std::uint32_t ct_mark = 0, ct_mask = 0xffffffff, nf_mask = 0xffffffff;
  bool shift_right = false;
  std::uint8_t shift_bits = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(mode) BULKHEAD_F(ct_mark) BULKHEAD_F(ct_mask) BULKHEAD_F(nf_mask)
                      BULKHEAD_F(shift_right) BULKHEAD_F(shift_bits))
  friend bool operator==(const ConnmarkTarget&, const ConnmarkTarget&) = default;
};
struct CtTarget {  // CT and NOTRACK
  static constexpr std::string_view kKind = "ct";
  bool notrack = false;
  std::uint16_t zone = 0;
  std::string helper;
  BULKHEAD_FIELDS(BULKHEAD_F(notrack) BULKHEAD_F(zone) BULKHEAD_F(helper))
  friend bool operator==(const CtTarget&, const CtTarget&) = default;
};
struct TproxyTarget {
  static constexpr std::string_view kKind = "tproxy";
  std::optional<IpAddress> address;
  Port port;
  std::uint32_t mark_value = 0, mark_mask = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(address) BULKHEAD_F(port) BULKHEAD_F(mark_value) BULKHEAD_F(mark_mask))
  friend bool operator==(const TproxyTarget&, const TproxyTarget&) = default;
};
struct QueueTarget {
  static constexpr std::string_view kKind = "nfqueue";
  std::uint16_t queue = 0;
  bool bypass = false;
  BULKHEAD_FIELDS(BULKHEAD_F(queue) BULKHEAD_F(bypass))
  friend bool operator==(const QueueTarget&, const QueueTarget&) = default;
};
// LOG, NFLOG, TRACE, TCPMSS, CHECKSUM, CLASSIFY, TTL, HL, DSCP, TOS, SECMARK, AUDIT, SET, ...: the
// packet goes on to the next rule and no answer of ours depends on what they do.
struct PassTarget {
  static constexpr std::string_view kKind = "pass";
  std::string detail;
  BULKHEAD_FIELDS(BULKHEAD_F(detail))
  friend bool operator==(const PassTarget&, const PassTarget&) = default;
};

using Target = std::variant<Opaque, Standard, RejectTarget, NatTarget, MarkTarget, ConnmarkTarget,
                            CtTarget, TproxyTarget, QueueTarget, PassTarget>;

}  // namespace bulkhead::model::xt
