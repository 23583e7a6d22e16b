// Values that rules ask of a packet: nft_meta.c, nft_payload.c, nft_ct.c, nft_rt.c, nft_socket.c,
// nft_exthdr.c, nft_bitwise.c, nft_byteorder.c, nft_lookup.c. (fib: filter_fib.cpp)
#include "trace/filter_term.h"

#include <algorithm>

namespace bulkhead::trace::filtering {
namespace {

using model::CtKey;
using model::MetaKey;

constexpr std::size_t kNameBytes = 16;  // IFNAMSIZ

bool store_host(const Run& run, Value& out, std::uint64_t number, std::size_t width = 4) {
  out.set_host(number, width, run.program.little_endian);
  return true;
}

bool store_byte(Value& out, std::uint8_t byte) {
  out.set_big_endian(byte, 1);
  return true;
}

bool store_text(Value& out, std::string_view text) {
  out.size = kNameBytes;
  std::copy_n(text.begin(), std::min(text.size(), kNameBytes - 1), out.bytes.begin());
  return true;
}

bool not_known(Value& out, std::size_t width, std::string_view why) {
  out.set_unknown(width, why);
  return true;
}

bool in_vrf(const model::Link* link) {
  return link != nullptr && link->kind == "vrf";
}

// skb->dev, of which NFT_META_IFTYPE ("meta iiftype") asks: the outgoing device once the packet was
// handed to it.
const model::Link* device_of_packet(const Run& run) {
  switch (run.point) {
    case FilterPoint::kIpPostrouting:
    case FilterPoint::kBridgeForward:
    case FilterPoint::kBridgeOutput:
    case FilterPoint::kBridgePostrouting:
    case FilterPoint::kArpOutput:
    case FilterPoint::kNetdevEgress: return run.context.out;
    case FilterPoint::kIpPrerouting:
    case FilterPoint::kIpInput:
    case FilterPoint::kIpForward:
    case FilterPoint::kIpOutput:
    case FilterPoint::kBridgePrerouting:
    case FilterPoint::kBridgeInput:
    case FilterPoint::kArpInput:
    case FilterPoint::kArpForward:
    case FilterPoint::kNetdevIngress:
    case FilterPoint::kInetIngress: break;
  }
  return run.context.in;
}

bool meta_interface(const Run& run, MetaKey key, Value& out) {
  const bool incoming = key == MetaKey::kIif || key == MetaKey::kIifname ||
                        key == MetaKey::kIiftype || key == MetaKey::kIifgroup ||
                        key == MetaKey::kIifkind;
  const model::Link* link = incoming ? run.context.in : run.context.out;
  if (key == MetaKey::kIif || key == MetaKey::kOif) {
    return store_host(run, out, link == nullptr ? 0 : link->index.value);
  }
  if (key == MetaKey::kIifname || key == MetaKey::kOifname) {
    return store_text(out, link == nullptr ? std::string_view() : std::string_view(link->name));
  }
  if (key == MetaKey::kIiftype) {
    const model::Link* device = device_of_packet(run);
    return device != nullptr && store_host(run, out, device->hw_type, 2);
  }
  if (link == nullptr) return false;
  if (key == MetaKey::kOiftype) return store_host(run, out, link->hw_type, 2);
  if (key == MetaKey::kIifgroup || key == MetaKey::kOifgroup)
    return store_host(run, out, link->group);
  return !link->kind.empty() && store_text(out, link->kind);
}

// Bytes of an ARP message for IPv4. A machine of the model sends no more (arp_create() pads
// nothing); what comes over a real wire may be padded.
constexpr std::uint16_t kBareArp = 28;

bool meta_owner(const Run& run, std::uint32_t id, Value& out) {
  return run.packet.has_socket && store_host(run, out, id);
}

bool evaluate_meta(Run& run, const model::MetaTerm& term, Value& out) {
  const Packet& packet = run.packet;
  switch (term.key) {
    case MetaKey::kLength:
      if (!packet.is_ip() && (packet.length != kBareArp || run.point == FilterPoint::kNetdevEgress))
        return not_known(out, 4, "meta length of a frame that is not IP");
      return store_host(run, out,
                        packet.length + (run.point == FilterPoint::kNetdevEgress ? 14U : 0U));
    case MetaKey::kProtocol:
      out.set_big_endian(static_cast<std::uint16_t>(packet.ether_type), 2);
      return true;
    case MetaKey::kMark: return store_host(run, out, packet.mark);
    case MetaKey::kIif:
    case MetaKey::kOif:
    case MetaKey::kIifname:
    case MetaKey::kOifname:
    case MetaKey::kIiftype:
    case MetaKey::kOiftype:
    case MetaKey::kIifgroup:
    case MetaKey::kOifgroup:
    case MetaKey::kIifkind:
    case MetaKey::kOifkind: return meta_interface(run, term.key, out);
    case MetaKey::kSkuid: return meta_owner(run, packet.socket_uid, out);
    case MetaKey::kSkgid: return meta_owner(run, packet.socket_gid, out);
    case MetaKey::kNfproto: return store_byte(out, run.protocol_family());
    case MetaKey::kL4proto:
      return run.knows_transport() && store_byte(out, static_cast<std::uint8_t>(packet.protocol));
    case MetaKey::kPkttype: return store_byte(out, static_cast<std::uint8_t>(packet.type));
    case MetaKey::kNftrace: return store_byte(out, 0);
    case MetaKey::kSdif:
      if (in_vrf(run.context.in)) return not_known(out, 4, "meta sdif");
      return store_host(run, out, 0);
    case MetaKey::kSdifname:
      if (in_vrf(run.context.in)) return not_known(out, kNameBytes, "meta sdifname");
      return store_text(out, "");
    case MetaKey::kCgroup:
      return packet.has_socket && not_known(out, 4, "meta cgroup (the class of the socket)");
    case MetaKey::kPriority: return not_known(out, 4, "meta priority");
    case MetaKey::kRtClassid: return not_known(out, 4, "meta rtclassid");
    case MetaKey::kSecmark: return not_known(out, 4, "meta secmark");
    case MetaKey::kCpu: return not_known(out, 4, "meta cpu");
    case MetaKey::kRandom: return not_known(out, 4, "meta random");
    case MetaKey::kSecpath: return not_known(out, 1, "meta ipsec");
    case MetaKey::kTimeNs: return not_known(out, 8, "meta time");
    case MetaKey::kTimeDay: return not_known(out, 1, "meta day");
    case MetaKey::kTimeHour: return not_known(out, 4, "meta hour");
    case MetaKey::kBridgeIifname:
    case MetaKey::kBridgeOifname: return not_known(out, kNameBytes, "meta ibrname/obrname");
    case MetaKey::kBridgeIifPvid:
    case MetaKey::kBridgeIifVproto: return not_known(out, 2, "VLAN of a bridge port");
    case MetaKey::kBridgeBroute: return store_byte(out, 0);
    case MetaKey::kOther: break;
  }
  return not_known(out, Value::kMost, "a meta key that is not understood");
}

bool ct_address(const IpAddress& address, bool any_family, IpFamily wanted, Value& out) {
  if (!any_family && address.family() != wanted) return false;
  out.set(address.octets());
  return true;
}

bool ct_tuple(const ConnTrack& entry, const model::CtTerm& term, Value& out) {
  const Tuple& tuple = term.direction == model::CtDirection::kReply ? entry.reply : entry.original;
  const auto port = [&](Port number) {
    out.set_big_endian(number.number, 2);
    return true;
  };
  if (term.key == CtKey::kSrc) return ct_address(tuple.source, true, IpFamily::kV4, out);
  if (term.key == CtKey::kDst) return ct_address(tuple.destination, true, IpFamily::kV4, out);
  if (term.key == CtKey::kSrcIp) return ct_address(tuple.source, false, IpFamily::kV4, out);
  if (term.key == CtKey::kDstIp) return ct_address(tuple.destination, false, IpFamily::kV4, out);
  if (term.key == CtKey::kSrcIp6) return ct_address(tuple.source, false, IpFamily::kV6, out);
  if (term.key == CtKey::kDstIp6) return ct_address(tuple.destination, false, IpFamily::kV6, out);
  return port(term.key == CtKey::kProtoSrc ? tuple.source_port : tuple.destination_port);
}

bool evaluate_ct(Run& run, const model::CtTerm& term, Value& out) {
  constexpr std::uint8_t kAfInet = 2, kAfInet6 = 10;
  if (term.key == CtKey::kState) return store_host(run, out, run.ct_state_bit());
  const ConnTrack* entry = run.entry();
  if (entry == nullptr) return false;
  switch (term.key) {
    case CtKey::kState: break;
    case CtKey::kDirection:
      return store_byte(out, run.context.ct->info >= CtInfo::kEstablishedReply);
    case CtKey::kStatus: return store_host(run, out, Run::ct_status(*entry));
    case CtKey::kMark: return store_host(run, out, entry->mark);
    case CtKey::kL3protocol:
      return store_byte(out, entry->original.source.is_v4() ? kAfInet : kAfInet6);
    case CtKey::kProtocol:
      return store_byte(out, static_cast<std::uint8_t>(entry->original.protocol));
    case CtKey::kZone: return store_host(run, out, entry->zone, 2);
    case CtKey::kSrc:
    case CtKey::kDst:
    case CtKey::kSrcIp:
    case CtKey::kDstIp:
    case CtKey::kSrcIp6:
    case CtKey::kDstIp6:
    case CtKey::kProtoSrc:
    case CtKey::kProtoDst: return ct_tuple(*entry, term, out);
    case CtKey::kHelper: return false;  // of an expected connection only
    case CtKey::kSecmark: return not_known(out, 4, "ct secmark");
    case CtKey::kExpiration: return not_known(out, 4, "ct expiration");
    case CtKey::kLabels: return not_known(out, 16, "ct label");
    case CtKey::kPackets:
    case CtKey::kBytes:
    case CtKey::kAvgpkt: return not_known(out, 8, "ct packets or bytes");
    case CtKey::kEventmask: return not_known(out, 4, "ct event");
    case CtKey::kId: return not_known(out, 4, "ct id");
    case CtKey::kOther: break;
  }
  return not_known(out, Value::kMost, "a ct key that is not understood");
}

bool evaluate_rt(Run& run, const model::RtTerm& term, Value& out) {
  const IpAddress& hop = run.context.next_hop ? *run.context.next_hop : run.packet.destination;
  const bool routed = run.context.out != nullptr;
  switch (term.key) {
    case model::RtKey::kNexthop4:
      if (!routed || !run.packet.destination.is_v4()) return false;
      if (!hop.is_v4()) return not_known(out, 4, "rt nexthop through IPv6");
      out.set(hop.octets());
      return true;
    case model::RtKey::kNexthop6:
      if (!routed || !hop.is_v6()) return false;
      out.set(hop.octets());
      return true;
    case model::RtKey::kClassid: return routed && not_known(out, 4, "rt classid");
    case model::RtKey::kTcpmss: return routed && not_known(out, 2, "rt mtu");
    case model::RtKey::kXfrm: return routed && not_known(out, 1, "rt ipsec");
    case model::RtKey::kOther: break;
  }
  return not_known(out, Value::kMost, "an rt key that is not understood");
}

// nft_exthdr.c. No extension header or IPv4 option is ever in the packets that are walked; which
// TCP options a SYN carries depends on the sender's settings.
bool evaluate_exthdr(const Run& run, const model::ExthdrTerm& term, Value& out) {
  constexpr std::uint32_t kIpv6 = 0, kTcp = 1, kIpv4 = 2;
  const std::size_t width = term.present ? 1 : term.length;
  if (term.op == kIpv6 || term.op == kIpv4) {
    if (run.packet.is_ip() && run.packet.source.is_v4() != (term.op == kIpv4)) return false;
    return term.present && store_byte(out, 0);
  }
  if (term.op == kTcp && (!run.knows_transport() || run.packet.protocol != IpProtocol::kTcp)) {
    return term.present && store_byte(out, 0);
  }
  return not_known(out, width, "options of the transport header");
}

bool evaluate_payload(Run& run, const model::PayloadTerm& term, Value& out) {
  switch (term.base) {
    case model::PayloadBase::kLink:
      if (!run.has_mac_header()) return false;
      break;
    case model::PayloadBase::kNetwork: break;
    case model::PayloadBase::kTransport:
      if (!run.knows_transport()) return false;
      break;
    case model::PayloadBase::kInner:
    case model::PayloadBase::kTunnel:
      return not_known(out, term.length, "what a packet carries inside");
  }
  return run.image().read(term.base, term.offset, term.length, out);
}

// A value below the modulus: every one that it can be is tried when they are few.
bool evaluate_arbitrary(Run& run, const TermCode& code, const model::ArbitraryTerm& term,
                        Value& out) {
  constexpr std::uint32_t kMostTried = 8;
  const std::string_view why = run.program.text(code.text);
  if (term.modulus == 0 || term.modulus > kMostTried) return not_known(out, 4, why);
  std::uint32_t number = 0;
  while (number + 1 < term.modulus && !run.pick(why)) ++number;
  return store_host(run, out, number + term.offset);
}

bool evaluate_socket(const model::SocketTerm& term, Value& out) {
  const std::size_t width = term.key == model::SocketKey::kCgroupv2 ? 8
                            : term.key == model::SocketKey::kMark   ? 4
                                                                    : 1;
  return not_known(out, width, "the socket that a packet belongs to");
}

struct Evaluate {
  Run& run;
  const TermCode& code;
  Value& out;

  [[nodiscard]] bool child(std::uint32_t index, Value& value) const {
    return index < code.children && run.evaluate(code.first_child + index, value);
  }

  bool operator()(const model::ConstantTerm& term) const {
    out.set(term.bytes);
    return true;
  }
  bool operator()(const model::PayloadTerm& term) const { return evaluate_payload(run, term, out); }
  bool operator()(const model::MetaTerm& term) const { return evaluate_meta(run, term, out); }
  bool operator()(const model::CtTerm& term) const { return evaluate_ct(run, term, out); }
  bool operator()(const model::FibTerm& term) const { return evaluate_fib(run, term, out); }
  bool operator()(const model::RtTerm& term) const { return evaluate_rt(run, term, out); }
  bool operator()(const model::SocketTerm& term) const { return evaluate_socket(term, out); }
  bool operator()(const model::ExthdrTerm& term) const { return evaluate_exthdr(run, term, out); }

  bool operator()(const model::BitwiseTerm& term) const {
    if (!child(0, out)) return false;
    for (std::size_t i = 0; i < out.size; ++i) {
      const std::uint8_t mask = i < term.mask.size() ? term.mask[i] : std::uint8_t{0xff};
      const std::uint8_t flip =
          i < term.exclusive_or.size() ? term.exclusive_or[i] : std::uint8_t{0};
      out.bytes[i] = static_cast<std::uint8_t>((out.bytes[i] & mask) ^ flip);
      out.doubt[i] = static_cast<std::uint8_t>(out.doubt[i] & mask);
    }
    return true;
  }

  bool operator()(const model::BooleanTerm& term) const {
    Value other;
    if (!child(0, out) || !child(1, other)) return false;
    out.size = std::min(out.size, other.size);
    for (std::size_t i = 0; i < out.size; ++i) {
      const unsigned a = out.bytes[i], b = other.bytes[i];
      out.bytes[i] = static_cast<std::uint8_t>(term.op == model::BooleanOp::kAnd  ? a & b
                                               : term.op == model::BooleanOp::kOr ? a | b
                                                                                  : a ^ b);
      out.doubt[i] = static_cast<std::uint8_t>(out.doubt[i] | other.doubt[i]);
    }
    if (other.doubtful) {
      out.doubtful = true;
      out.why = other.why;
    }
    return true;
  }

  bool operator()(const model::ShiftTerm& term) const {  // nft_bitwise.c: carries across words
    if (!child(0, out)) return false;
    if (out.doubtful || term.count >= 32) return not_known(out, out.size, "a shifted value");
    const bool little = run.program.little_endian;
    const std::size_t words = (out.size + 3) / 4;
    std::array<std::uint32_t, Value::kMost / 4> word{};
    for (std::size_t i = 0; i < words * 4; ++i) {
      word[i / 4] |= std::uint32_t{out.bytes[i]} << (8 * (little ? i % 4 : 3 - i % 4));
    }
    std::array<std::uint32_t, Value::kMost / 4> moved{};
    std::uint32_t carry = 0;
    for (std::size_t n = 0; n < words; ++n) {
      const std::size_t i = term.left ? words - 1 - n : n;
      moved[i] = carry | (term.left ? word[i] << term.count : word[i] >> term.count);
      carry = term.count == 0 ? 0
              : term.left     ? word[i] >> (32 - term.count)
                              : word[i] << (32 - term.count);
    }
    for (std::size_t i = 0; i < out.size; ++i) {
      out.bytes[i] = static_cast<std::uint8_t>(moved[i / 4] >> (8 * (little ? i % 4 : 3 - i % 4)));
    }
    return true;
  }

  bool operator()(const model::ByteOrderTerm& term) const {
    if (!child(0, out)) return false;
    if (!run.program.little_endian || term.size < 2 || term.size > 8) return true;
    // A register is wider than what was loaded into it: the rest is zero.
    out.size = std::min<std::size_t>(std::max<std::size_t>(out.size, term.length), Value::kMost);
    for (std::size_t at = 0; at + term.size <= out.size; at += term.size) {
      std::reverse(out.bytes.begin() + static_cast<std::ptrdiff_t>(at),
                   out.bytes.begin() + static_cast<std::ptrdiff_t>(at + term.size));
      std::reverse(out.doubt.begin() + static_cast<std::ptrdiff_t>(at),
                   out.doubt.begin() + static_cast<std::ptrdiff_t>(at + term.size));
    }
    return true;
  }

  bool operator()(const model::ConcatTerm&) const {
    for (std::uint32_t i = 0; i < code.children; ++i) {
      Value part;
      if (!child(i, part)) return false;
      const std::size_t padded = (part.size + 3) / 4 * 4;
      if (out.size + padded > Value::kMost) return not_known(out, Value::kMost, "too long a key");
      run.note_key_part(i, out.size);
      std::memcpy(out.bytes.data() + out.size, part.bytes.data(), part.size);
      if (part.doubtful) {
        std::memcpy(out.doubt.data() + out.size, part.doubt.data(), part.size);
        out.doubtful = true;
        out.why = part.why;
      }
      out.size += padded;
    }
    return true;
  }

  bool operator()(const model::MapTerm& term) const {
    Value key;
    if (!child(0, key)) return false;
    if (code.set == kNone) return not_known(out, Value::kMost, run.program.text(code.text));
    const SetCode& set = run.program.sets[code.set];
    const SetCode::Found found = set.find(key);
    if (found.doubt)
      return not_known(out, Value::kMost, key.doubtful ? key.why : run.program.text(code.text));
    if (set.filled_by_rules) return not_known(out, Value::kMost, set.why_filled);
    if (found.element == nullptr) return false;
    const auto& data = found.element->element->data;
    if (!data) return not_known(out, Value::kMost, run.program.text(code.text));
    ByteView bytes = *data;
    if (term.slice_offset > bytes.size())
      return not_known(out, Value::kMost, run.program.text(code.text));
    bytes = bytes.subspan(term.slice_offset);
    if (term.slice_length != 0)
      bytes = bytes.first(std::min<std::size_t>(bytes.size(), term.slice_length));
    out.set(bytes);
    return true;
  }

  bool operator()(const model::ArbitraryTerm& term) const {
    return evaluate_arbitrary(run, code, term, out);
  }
  bool operator()(const model::OpaqueTerm&) const {
    return not_known(out, Value::kMost, run.program.text(code.text));
  }
};

}  // namespace

bool Run::evaluate(std::uint32_t term, Value& out) {
  const TermCode& code = program.terms[term];
  if (!is_key_) each_record([&](EndReads& record) { reads_term(term, record); });
  if (program.fast && code.field != Field::kCount && fields.has(code.field)) {
    out.set_big_endian(fields[code.field] >> (8U * (code.field_width - code.field_bytes)),
                       code.field_bytes);
    return true;
  }
  if (code.term == nullptr) {
    out.set_unknown(Value::kMost, "an expression that is nested too deep");
    return true;
  }
  return std::visit(Evaluate{*this, code, out}, code.term->node);
}

}  // namespace bulkhead::trace::filtering
