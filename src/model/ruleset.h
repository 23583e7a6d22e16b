// Packet filter rules of one network namespace as one typed form, whoever wrote them: native nft,
// iptables-nft, iptables-legacy. Plain values; parsers and printers are in ruleset/.
//
// Facts: include/uapi/linux/netfilter/nf_tables.h, x_tables.h, xt_*.h, ip_set.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"
#include "model/fields.h"
#include "model/xt.h"

namespace bulkhead::model {

// NFPROTO_*; the numbers are the kernel's.
enum class NfFamily : std::uint8_t {
  kInet = 1,
  kIp = 2,
  kArp = 3,
  kNetdev = 5,
  kBridge = 7,
  kIp6 = 10
};

enum class Hook : std::uint8_t {
  kPrerouting,
  kInput,
  kForward,
  kOutput,
  kPostrouting,
  kIngress,
  kEgress,
};

enum class VerdictKind : std::uint8_t {
  kAccept,
  kDrop,
  kContinue,
  kReturn,
  kJump,
  kGoto,
  kQueue,
  kStolen,
};

struct Verdict {
  VerdictKind kind = VerdictKind::kContinue;
  std::string chain;          // target of jump and goto (same table)
  std::uint16_t queue = 0;    // first queue number of kQueue
  bool queue_bypass = false;  // kQueue: accept when nobody listens
  BULKHEAD_FIELDS(BULKHEAD_F(kind) BULKHEAD_F(chain) BULKHEAD_F(queue) BULKHEAD_F(queue_bypass))
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// ------------------------------------------------------------------------------------- terms
// A term is a value computed from the packet (an expression that fills a register). Byte strings
// are as the kernel holds them in registers: payload in network order, meta, ct, mark and interface
// indexes in the order of the host that made the snapshot (Snapshot::little_endian), unless a
// ByteOrder term turns them. A term may have no value for a packet (no transport header, no
// conntrack entry): the rule then does not match (NFT_BREAK).

enum class PayloadBase : std::uint8_t { kLink, kNetwork, kTransport, kInner, kTunnel };

enum class MetaKey : std::uint8_t {
  kLength,
  kProtocol,
  kPriority,
  kMark,
  kIif,
  kOif,
  kIifname,
  kOifname,
  kIiftype,
  kOiftype,
  kSkuid,
  kSkgid,
  kNftrace,
  kRtClassid,
  kSecmark,
  kNfproto,
  kL4proto,
  kBridgeIifname,
  kBridgeOifname,
  kPkttype,
  kCpu,
  kIifgroup,
  kOifgroup,
  kCgroup,
  kRandom,
  kSecpath,
  kIifkind,
  kOifkind,
  kBridgeIifPvid,
  kBridgeIifVproto,
  kTimeNs,
  kTimeDay,
  kTimeHour,
  kSdif,
  kSdifname,
  kBridgeBroute,
  kOther,
};

enum class CtKey : std::uint8_t {
  kState,
  kDirection,
  kStatus,
  kMark,
  kSecmark,
  kExpiration,
  kHelper,
  kL3protocol,
  kSrc,
  kDst,
  kProtocol,
  kProtoSrc,
  kProtoDst,
  kLabels,
  kPackets,
  kBytes,
  kAvgpkt,
  kZone,
  kEventmask,
  kSrcIp,
  kDstIp,
  kSrcIp6,
  kDstIp6,
  kId,
  kOther,
};

enum class CtDirection : std::uint8_t { kOriginal, kReply };

enum class FibResult : std::uint8_t { kOif, kOifname, kAddrtype };
enum class RtKey : std::uint8_t { kClassid, kNexthop4, kNexthop6, kTcpmss, kXfrm, kOther };
enum class SocketKey : std::uint8_t { kTransparent, kMark, kWildcard, kCgroupv2, kOther };

struct Term;
using Terms = std::vector<Term>;  // children; where exactly one is needed, the size is 1

struct ConstantTerm {
  static constexpr std::string_view kKind = "constant";
  Bytes bytes;
  BULKHEAD_FIELDS(BULKHEAD_F(bytes))
  friend bool operator==(const ConstantTerm&, const ConstantTerm&) = default;
};
struct PayloadTerm {
  static constexpr std::string_view kKind = "payload";
  PayloadBase base = PayloadBase::kNetwork;
  std::uint32_t offset = 0;  // bytes
  std::uint32_t length = 0;  // bytes
  BULKHEAD_FIELDS(BULKHEAD_F(base) BULKHEAD_F(offset) BULKHEAD_F(length))
  friend bool operator==(const PayloadTerm&, const PayloadTerm&) = default;
};
struct MetaTerm {
  static constexpr std::string_view kKind = "meta";
  MetaKey key = MetaKey::kOther;
  std::uint32_t raw_key = 0;  // the kernel's number, so that kOther is named too
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(raw_key))
  friend bool operator==(const MetaTerm&, const MetaTerm&) = default;
};
struct CtTerm {
  static constexpr std::string_view kKind = "ct";
  CtKey key = CtKey::kOther;
  std::optional<CtDirection> direction;
  std::uint32_t raw_key = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(direction) BULKHEAD_F(raw_key))
  friend bool operator==(const CtTerm&, const CtTerm&) = default;
};
struct FibTerm {
  static constexpr std::string_view kKind = "fib";
  FibResult result = FibResult::kAddrtype;
  bool saddr = false, daddr = false, mark = false, iif = false, oif = false;
  bool present = false;  // NFTA_FIB_F_PRESENT: 1 when found, else 0
  BULKHEAD_FIELDS(BULKHEAD_F(result) BULKHEAD_F(saddr) BULKHEAD_F(daddr) BULKHEAD_F(mark)
                      BULKHEAD_F(iif) BULKHEAD_F(oif) BULKHEAD_F(present))
  friend bool operator==(const FibTerm&, const FibTerm&) = default;
};
struct RtTerm {
  static constexpr std::string_view kKind = "rt";
  RtKey key = RtKey::kOther;
  std::uint32_t raw_key = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(raw_key))
  friend bool operator==(const RtTerm&, const RtTerm&) = default;
};
struct SocketTerm {
  static constexpr std::string_view kKind = "socket";
  SocketKey key = SocketKey::kOther;
  std::uint32_t level = 0;  // kCgroupv2
  std::uint32_t raw_key = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(level) BULKHEAD_F(raw_key))
  friend bool operator==(const SocketTerm&, const SocketTerm&) = default;
};
// IPv6 extension header, TCP option, IPv4 option (NFT_EXTHDR_OP_*: 0 ipv6, 1 tcpopt, 2 ipv4, ...).
struct ExthdrTerm {
  static constexpr std::string_view kKind = "exthdr";
  std::uint32_t op = 0;
  std::uint8_t type = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  bool present = false;
  BULKHEAD_FIELDS(BULKHEAD_F(op) BULKHEAD_F(type) BULKHEAD_F(offset) BULKHEAD_F(length)
                      BULKHEAD_F(present))
  friend bool operator==(const ExthdrTerm&, const ExthdrTerm&) = default;
};
// (operand & mask) ^ xor, byte by byte; mask and xor are as long as the operand.
struct BitwiseTerm {
  static constexpr std::string_view kKind = "bitwise";
  Terms operand;
  Bytes mask;
  Bytes exclusive_or;
  BULKHEAD_FIELDS(BULKHEAD_F(operand) BULKHEAD_F(mask) BULKHEAD_F(exclusive_or))
  friend bool operator==(const BitwiseTerm&, const BitwiseTerm&) = default;
};
// Two registers joined: kernels from 6.13 on (NFT_BITWISE_AND, OR, XOR).
enum class BooleanOp : std::uint8_t { kAnd, kOr, kXor };
struct BooleanTerm {
  static constexpr std::string_view kKind = "boolean";
  BooleanOp op = BooleanOp::kAnd;
  Terms operands;  // two
  BULKHEAD_FIELDS(BULKHEAD_F(op) BULKHEAD_F(operands))
  friend bool operator==(const BooleanTerm&, const BooleanTerm&) = default;
};
struct ShiftTerm {  // 32-bit words in host order
  static constexpr std::string_view kKind = "shift";
  Terms operand;
  bool left = false;
  std::uint32_t count = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(operand) BULKHEAD_F(left) BULKHEAD_F(count))
  friend bool operator==(const ShiftTerm&, const ShiftTerm&) = default;
};
struct ByteOrderTerm {  // turns host to network order or back: the same on the bytes
  static constexpr std::string_view kKind = "byteorder";
  Terms operand;
  std::uint32_t size = 0;    // of one number: 2, 4 or 8 bytes
  std::uint32_t length = 0;  // of the whole
  BULKHEAD_FIELDS(BULKHEAD_F(operand) BULKHEAD_F(size) BULKHEAD_F(length))
  friend bool operator==(const ByteOrderTerm&, const ByteOrderTerm&) = default;
};
// Registers in sequence, each field padded with zeros to 4 bytes, as nft lays them out.
struct ConcatTerm {
  static constexpr std::string_view kKind = "concat";
  Terms parts;
  BULKHEAD_FIELDS(BULKHEAD_F(parts))
  friend bool operator==(const ConcatTerm&, const ConcatTerm&) = default;
};
// The data of the element of map `set` that has this key; no value when there is none.
struct MapTerm {
  static constexpr std::string_view kKind = "map";
  std::string set;  // name within the table (anonymous ones have one too)
  Terms key;
  std::uint32_t slice_offset =
      0;  // bytes of the data that this term stands for (concatenated data)
  std::uint32_t slice_length = 0;  // 0: all
  BULKHEAD_FIELDS(BULKHEAD_F(set) BULKHEAD_F(key) BULKHEAD_F(slice_offset) BULKHEAD_F(slice_length))
  friend bool operator==(const MapTerm&, const MapTerm&) = default;
};
// Any value below `modulus` plus `offset`, in host order: numgen and the hashes. A *may*.
struct ArbitraryTerm {
  static constexpr std::string_view kKind = "arbitrary";
  std::string source;  // "numgen", "jhash", "symhash", "random"
  std::uint32_t modulus = 0;
  std::uint32_t offset = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(modulus) BULKHEAD_F(offset))
  friend bool operator==(const ArbitraryTerm&, const ArbitraryTerm&) = default;
};
struct OpaqueTerm {  // not understood
  static constexpr std::string_view kKind = "opaque";
  std::string what;
  Bytes raw;
  BULKHEAD_FIELDS(BULKHEAD_F(what) BULKHEAD_F(raw))
  friend bool operator==(const OpaqueTerm&, const OpaqueTerm&) = default;
};

struct Term {
  std::variant<ConstantTerm, PayloadTerm, MetaTerm, CtTerm, FibTerm, RtTerm, SocketTerm, ExthdrTerm,
               BitwiseTerm, BooleanTerm, ShiftTerm, ByteOrderTerm, ConcatTerm, MapTerm,
               ArbitraryTerm, OpaqueTerm>
      node;
  BULKHEAD_FIELDS(BULKHEAD_F(node))
  friend bool operator==(const Term&, const Term&) = default;
};

// -------------------------------------------------------------------------------- statements

enum class CompareOp : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual
};

// memcmp order on the term's bytes (nft_cmp.c). `right` may be shorter than the term: then only the
// first bytes count ("eth*" is the three bytes of iifname that it names).
struct Compare {
  static constexpr std::string_view kKind = "compare";
  Term left;
  CompareOp op = CompareOp::kEqual;
  Bytes right;
  BULKHEAD_FIELDS(BULKHEAD_F(left) BULKHEAD_F(op) BULKHEAD_F(right))
  friend bool operator==(const Compare&, const Compare&) = default;
};
struct InRange {  // both ends included (nft_range.c)
  static constexpr std::string_view kKind = "range";
  Term left;
  bool inverted = false;
  Bytes first;
  Bytes last;
  BULKHEAD_FIELDS(BULKHEAD_F(left) BULKHEAD_F(inverted) BULKHEAD_F(first) BULKHEAD_F(last))
  friend bool operator==(const InRange&, const InRange&) = default;
};
struct InSet {
  static constexpr std::string_view kKind = "lookup";
  Term key;
  std::string set;
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(set) BULKHEAD_F(inverted))
  friend bool operator==(const InSet&, const InSet&) = default;
};
struct VerdictMap {  // not found: the rule ends, the chain goes on
  static constexpr std::string_view kKind = "vmap";
  Term key;
  std::string set;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(set))
  friend bool operator==(const VerdictMap&, const VerdictMap&) = default;
};
struct Decide {  // an immediate verdict
  static constexpr std::string_view kKind = "verdict";
  Verdict verdict;
  BULKHEAD_FIELDS(BULKHEAD_F(verdict))
  friend bool operator==(const Decide&, const Decide&) = default;
};
struct SetMeta {
  static constexpr std::string_view kKind = "set-meta";
  MetaKey key = MetaKey::kMark;
  Term value;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(value))
  friend bool operator==(const SetMeta&, const SetMeta&) = default;
};
struct SetCt {
  static constexpr std::string_view kKind = "set-ct";
  CtKey key = CtKey::kMark;
  Term value;
  std::optional<CtDirection> direction;
  BULKHEAD_FIELDS(BULKHEAD_F(key) BULKHEAD_F(value) BULKHEAD_F(direction))
  friend bool operator==(const SetCt&, const SetCt&) = default;
};
struct SetPayload {
  static constexpr std::string_view kKind = "set-payload";
  PayloadTerm target;
  Term value;
  BULKHEAD_FIELDS(BULKHEAD_F(target) BULKHEAD_F(value))
  friend bool operator==(const SetPayload&, const SetPayload&) = default;
};
enum class NatKind : std::uint8_t { kSnat, kDnat, kMasquerade, kRedirect };
// Absent addresses and ports are kept as they are. *_max absent: a single value.
struct Nat {
  static constexpr std::string_view kKind = "nat";
  NatKind kind = NatKind::kDnat;
  std::optional<IpFamily> family;  // kSnat and kDnat
  std::optional<Term> address, address_max, port, port_max;
  std::uint32_t flags = 0;  // NF_NAT_RANGE_*
  BULKHEAD_FIELDS(BULKHEAD_F(kind) BULKHEAD_F(family) BULKHEAD_F(address) BULKHEAD_F(address_max)
                      BULKHEAD_F(port) BULKHEAD_F(port_max) BULKHEAD_F(flags))
  friend bool operator==(const Nat&, const Nat&) = default;
};
enum class RejectKind : std::uint8_t { kIcmp, kIcmpx, kTcpReset };
struct Reject {
  static constexpr std::string_view kKind = "reject";
  RejectKind kind = RejectKind::kIcmp;
  std::uint8_t code = 0;  // kIcmp: ICMP(v6) code of the packet's family; kIcmpx: NFT_REJECT_ICMPX_*
  BULKHEAD_FIELDS(BULKHEAD_F(kind) BULKHEAD_F(code))
  friend bool operator==(const Reject&, const Reject&) = default;
};
struct Notrack {
  static constexpr std::string_view kKind = "notrack";
  BULKHEAD_FIELDS(static_cast<void>(self); static_cast<void>(visit);)
  friend bool operator==(const Notrack&, const Notrack&) = default;
};
struct Tproxy {
  static constexpr std::string_view kKind = "tproxy";
  std::optional<Term> address, port;
  BULKHEAD_FIELDS(BULKHEAD_F(address) BULKHEAD_F(port))
  friend bool operator==(const Tproxy&, const Tproxy&) = default;
};
struct Forward {  // netdev: fwd and dup; `duplicate` goes on, the other ends here
  static constexpr std::string_view kKind = "fwd";
  bool duplicate = false;
  std::optional<Term> device, address;
  BULKHEAD_FIELDS(BULKHEAD_F(duplicate) BULKHEAD_F(device) BULKHEAD_F(address))
  friend bool operator==(const Forward&, const Forward&) = default;
};
// limit, quota, connlimit, last, random match...: whether it matches depends on what came before.
struct May {
  static constexpr std::string_view kKind = "may";
  std::string what;    // "limit", "quota", "connlimit"
  std::string detail;  // as nft prints it: "rate 10/second"
  bool inverted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(what) BULKHEAD_F(detail) BULKHEAD_F(inverted))
  friend bool operator==(const May&, const May&) = default;
};
// Adds to, updates or deletes from a set; always matches unless the set is full.
struct UpdateSet {
  static constexpr std::string_view kKind = "dynset";
  std::string set;
  std::uint32_t op = 0;  // NFT_DYNSET_OP_*
  Term key;
  std::optional<Term> data;
  BULKHEAD_FIELDS(BULKHEAD_F(set) BULKHEAD_F(op) BULKHEAD_F(key) BULKHEAD_F(data))
  friend bool operator==(const UpdateSet&, const UpdateSet&) = default;
};
// counter, log, trace, objref counter...: no influence on the packet's way.
struct Observe {
  static constexpr std::string_view kKind = "observe";
  std::string what;    // "counter", "log", "nflog", "objref"
  std::string detail;  // printable
  std::optional<std::uint64_t> packets, bytes;
  BULKHEAD_FIELDS(BULKHEAD_F(what) BULKHEAD_F(detail) BULKHEAD_F(packets) BULKHEAD_F(bytes))
  friend bool operator==(const Observe&, const Observe&) = default;
};
// The fixed part of an iptables entry (struct ipt_ip / ip6t_ip6), legacy tables only.
struct XtHeader {
  static constexpr std::string_view kKind = "xt-header";
  std::optional<IpAddress> source, source_mask, destination, destination_mask;
  bool source_inverted = false, destination_inverted = false;
  std::string in_interface, out_interface;  // a trailing '+' stands for any rest
  bool in_inverted = false, out_inverted = false;
  std::optional<IpProtocol> protocol;
  bool protocol_inverted = false;
  bool fragment = false, fragment_inverted = false;  // IPv4: second and later fragments
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(source_mask) BULKHEAD_F(source_inverted)
                      BULKHEAD_F(destination) BULKHEAD_F(destination_mask)
                      BULKHEAD_F(destination_inverted) BULKHEAD_F(in_interface)
                      BULKHEAD_F(in_inverted) BULKHEAD_F(out_interface) BULKHEAD_F(out_inverted)
                      BULKHEAD_F(protocol) BULKHEAD_F(protocol_inverted) BULKHEAD_F(fragment)
                      BULKHEAD_F(fragment_inverted))
  friend bool operator==(const XtHeader&, const XtHeader&) = default;
};
struct XtMatch {
  static constexpr std::string_view kKind = "xt-match";
  std::string name;
  std::uint32_t revision = 0;
  xt::Match info;
  Bytes raw;  // the kernel's blob, kept when `info` is xt::Opaque
  BULKHEAD_FIELDS(BULKHEAD_F(name) BULKHEAD_F(revision) BULKHEAD_F(info) BULKHEAD_F(raw))
  friend bool operator==(const XtMatch&, const XtMatch&) = default;
};
struct XtTarget {
  static constexpr std::string_view kKind = "xt-target";
  std::string name;
  std::uint32_t revision = 0;
  xt::Target info;
  Bytes raw;
  BULKHEAD_FIELDS(BULKHEAD_F(name) BULKHEAD_F(revision) BULKHEAD_F(info) BULKHEAD_F(raw))
  friend bool operator==(const XtTarget&, const XtTarget&) = default;
};
struct OpaqueStatement {  // an expression that is not understood
  static constexpr std::string_view kKind = "opaque";
  std::string what;
  Bytes raw;
  BULKHEAD_FIELDS(BULKHEAD_F(what) BULKHEAD_F(raw))
  friend bool operator==(const OpaqueStatement&, const OpaqueStatement&) = default;
};

using Statement = std::variant<Compare, InRange, InSet, VerdictMap, Decide, SetMeta, SetCt,
                               SetPayload, Nat, Reject, Notrack, Tproxy, Forward, May, UpdateSet,
                               Observe, XtHeader, XtMatch, XtTarget, OpaqueStatement>;

// ------------------------------------------------------------------------------------ tables

struct Rule {
  std::uint64_t handle = 0;  // nft: the kernel's; legacy: 1-based position in its chain
  std::vector<Statement> statements;
  std::string comment;  // nft userdata or xt comment match
  BULKHEAD_FIELDS(BULKHEAD_F(handle) BULKHEAD_F(statements) BULKHEAD_F(comment))
  friend bool operator==(const Rule&, const Rule&) = default;
};

enum class ChainType : std::uint8_t { kFilter, kNat, kRoute };

// Where the kernel's own hooks stand (include/uapi/linux/netfilter_ipv4.h, enum
// nf_ip_hook_priorities; netfilter_ipv6.h has the same).
namespace priority {
inline constexpr std::int32_t kConntrack = -200, kNatDestination = -100, kNatSource = 100;
}

struct BaseChain {
  Hook hook = Hook::kInput;
  ChainType type = ChainType::kFilter;
  std::int32_t priority = 0;
  VerdictKind policy = VerdictKind::kAccept;  // kAccept or kDrop
  std::vector<std::string> devices;           // ingress and egress
  BULKHEAD_FIELDS(BULKHEAD_F(hook) BULKHEAD_F(type) BULKHEAD_F(priority) BULKHEAD_F(policy)
                      BULKHEAD_F(devices))
  friend bool operator==(const BaseChain&, const BaseChain&) = default;
};

struct Chain {
  std::string name;
  std::uint64_t handle = 0;
  std::optional<BaseChain> base;
  std::vector<Rule> rules;
  BULKHEAD_FIELDS(BULKHEAD_F(name) BULKHEAD_F(handle) BULKHEAD_F(base) BULKHEAD_F(rules))
  friend bool operator==(const Chain&, const Chain&) = default;
};

// Intervals are always [first, last], both ends included, whatever back end the kernel used;
// a single value has first == last. Concatenated keys: field by field (SetDef::field_lengths), each
// padded with zeros to 4 bytes; where field_lengths is empty, first == last and all bytes count.
struct SetElement {
  Bytes first;
  Bytes last;
  bool catch_all = false;
  std::optional<Bytes> data;                // maps to values
  std::optional<Verdict> verdict;           // verdict maps
  std::optional<std::uint64_t> expires_ms;  // left when the snapshot was taken
  std::optional<std::uint64_t> packets;     // that its own counter has seen; absent: it has none
  std::string comment;
  BULKHEAD_FIELDS(BULKHEAD_F(first) BULKHEAD_F(last) BULKHEAD_F(catch_all) BULKHEAD_F(data)
                      BULKHEAD_F(verdict) BULKHEAD_F(expires_ms) BULKHEAD_F(packets)
                          BULKHEAD_F(comment))
  friend bool operator==(const SetElement&, const SetElement&) = default;
};

struct SetDef {
  std::string name;
  std::uint64_t handle = 0;
  std::uint32_t flags = 0;       // NFT_SET_*
  std::uint32_t key_type = 0;    // nft's datatype numbers: printing only
  std::uint32_t key_length = 0;  // bytes
  std::uint32_t data_type = 0;   // 0xffffff00: verdict
  std::uint32_t data_length = 0;
  std::vector<std::uint32_t> field_lengths;  // of a concatenated key, unpadded bytes
  std::vector<SetElement> elements;
  std::string comment;
  BULKHEAD_FIELDS(BULKHEAD_F(name) BULKHEAD_F(handle) BULKHEAD_F(flags) BULKHEAD_F(key_type)
                      BULKHEAD_F(key_length) BULKHEAD_F(data_type) BULKHEAD_F(data_length)
                      BULKHEAD_F(field_lengths) BULKHEAD_F(elements) BULKHEAD_F(comment))
  friend bool operator==(const SetDef&, const SetDef&) = default;
};

enum class TableBackend : std::uint8_t { kNftables, kLegacy };

// A legacy table ("filter" of iptables-legacy) is a Table with backend kLegacy whose built-in
// chains are base chains with the hooks and priorities of netfilter_ipv4.h.
struct Table {
  TableBackend backend = TableBackend::kNftables;
  NfFamily family = NfFamily::kInet;
  std::string name;
  std::uint64_t handle = 0;
  bool dormant = false;
  bool owned = false;  // NFT_TABLE_F_OWNER
  std::vector<Chain> chains;
  std::vector<SetDef> sets;
  std::string comment;
  BULKHEAD_FIELDS(BULKHEAD_F(backend) BULKHEAD_F(family) BULKHEAD_F(name) BULKHEAD_F(handle)
                      BULKHEAD_F(dormant) BULKHEAD_F(owned) BULKHEAD_F(chains) BULKHEAD_F(sets)
                      BULKHEAD_F(comment))
  friend bool operator==(const Table&, const Table&) = default;
};

// One entry of an ipset: what a set type does not have is absent. Port 0 with protocol 0 is a
// value.
struct IpSetEntry {
  std::optional<Prefix> prefix;           // first dimension that is an address
  std::optional<IpAddress> last_address;  // ranges (bitmap:ip, hash:*)
  std::optional<Prefix> prefix2;          // hash:net,net and hash:ip,port,net
  std::optional<MacAddress> mac;
  std::optional<std::uint8_t> protocol;
  std::optional<Port> port, last_port;
  std::optional<std::uint32_t> mark;
  std::string interface;   // hash:net,iface
  std::string member_set;  // list:set
  bool nomatch = false;
  std::optional<std::uint32_t> timeout_s;
  BULKHEAD_FIELDS(BULKHEAD_F(prefix) BULKHEAD_F(last_address) BULKHEAD_F(prefix2) BULKHEAD_F(mac)
                      BULKHEAD_F(protocol) BULKHEAD_F(port) BULKHEAD_F(last_port) BULKHEAD_F(mark)
                      BULKHEAD_F(interface) BULKHEAD_F(member_set) BULKHEAD_F(nomatch)
                      BULKHEAD_F(timeout_s))
  friend bool operator==(const IpSetEntry&, const IpSetEntry&) = default;
};

struct IpSet {
  std::string name;
  std::uint32_t index = 0;  // the number by which xt_set blobs name it
  std::string type;         // "hash:ip,port"
  std::uint8_t revision = 0;
  std::optional<IpFamily> family;
  std::optional<std::uint32_t> netmask_length;  // hash:ip netmask
  std::uint32_t mark_mask = 0xffffffff;
  std::vector<IpSetEntry> entries;
  BULKHEAD_FIELDS(BULKHEAD_F(name) BULKHEAD_F(index) BULKHEAD_F(type) BULKHEAD_F(revision)
                      BULKHEAD_F(family) BULKHEAD_F(netmask_length) BULKHEAD_F(mark_mask)
                      BULKHEAD_F(entries))
  friend bool operator==(const IpSet&, const IpSet&) = default;
};

struct Ruleset {
  std::optional<std::uint32_t> generation;  // of nf_tables; absent when it could not be read
  std::vector<Table> tables;
  std::vector<IpSet> ipsets;
  BULKHEAD_FIELDS(BULKHEAD_F(generation) BULKHEAD_F(tables) BULKHEAD_F(ipsets))
  friend bool operator==(const Ruleset&, const Ruleset&) = default;
};

}  // namespace bulkhead::model
