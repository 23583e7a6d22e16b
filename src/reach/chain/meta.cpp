// meta and ct expressions: net/netfilter/nft_meta.c, nft_meta_bridge.c, nft_ct.c.
#include <algorithm>
#include <array>
#include <string_view>

#include "reach/chain/context.h"

namespace bulkhead::reach::chains {
namespace {

using model::CtKey;
using model::MetaKey;
using packet::IntervalSet;

constexpr std::size_t kNameBytes = 16;  // IFNAMSIZ

// Tables of functions of one field: the keys of Context::tables behind the payload lengths.
enum class Kind : unsigned {
  kNameHigh = 0x10000,
  kNameLow,
  kIndex,
  kType,
  kGroup,
  kKindHigh,
  kKindLow,
  kCtState,
  kCtDirection,
  kEgressLength,
};

// The bits of function(x), where x is the number of the quantity.
template <class Function>
Bits function_of(const Here& here, Quantity quantity, Kind kind, std::uint64_t domain,
                 unsigned bits, Function function) {
  const Bits now = here.bits(quantity);
  if (const auto x = constant_of(now)) return constant_bits(function(*x), bits);
  // The quantity may lie in the field of another one of the same kind (a reply's interfaces).
  const bool whole = std::all_of(now.begin(), now.end(), [&](const Bit& b) {
    return b.is_field() && !b.flip && b.source == now[0].source;
  });
  const packet::FieldId field{static_cast<std::uint8_t>(now[0].source)};
  if (!whole || here.context.fields.layout().bits(field) != now.size()) {
    return Bits(bits, Bit::unknown());
  }
  const auto key = std::pair(static_cast<unsigned>(kind), unsigned{field.index});
  auto at = here.context.tables.find(key);
  if (at == here.context.tables.end()) {
    std::vector<std::uint64_t> values(domain);
    for (std::uint64_t x = 0; x < domain; ++x) values[x] = function(x);
    at = here.context.tables.emplace(key, here.context.sources.add(field, std::move(values), bits))
             .first;
  }
  Bits out;
  for (unsigned i = bits; i-- > 0;)
    out.push_back({at->second, static_cast<std::uint8_t>(i), false});
  return out;
}

std::uint64_t half_of_text(std::string_view text, bool low) {
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t at = i + (low ? 8 : 0);
    const bool there = at < text.size() && at < kNameBytes - 1;
    out = out << 8 | (there ? static_cast<std::uint8_t>(text[at]) : 0U);
  }
  return out;
}

// A text of 16 bytes that belongs to an interface.
template <class Text>
Bits text_of(const Here& here, Quantity device, Kind high, Kind low, Text text) {
  const Links& links = here.context.links;
  Bits out = function_of(here, device, high, links.numbers(), 64,
                         [&](std::uint64_t n) { return half_of_text(text(links.link(n)), false); });
  const Bits rest = function_of(here, device, low, links.numbers(), 64, [&](std::uint64_t n) {
    return half_of_text(text(links.link(n)), true);
  });
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

// skb->dev: the outgoing device once the packet was handed to it.
Quantity device_of_packet(HookPoint point) {
  switch (point) {
    case HookPoint::kIpPostrouting:
    case HookPoint::kBridgeForward:
    case HookPoint::kBridgeOutput:
    case HookPoint::kBridgePostrouting:
    case HookPoint::kArpOutput:
    case HookPoint::kNetdevEgress: return Quantity::kOif;
    case HookPoint::kIpPrerouting:
    case HookPoint::kIpInput:
    case HookPoint::kIpForward:
    case HookPoint::kIpOutput:
    case HookPoint::kBridgePrerouting:
    case HookPoint::kBridgeInput:
    case HookPoint::kNetdevIngress:
    case HookPoint::kInetIngress:
    case HookPoint::kArpInput:
    case HookPoint::kArpForward: break;
  }
  return Quantity::kIif;
}

Result<Cases> interface(const Here& here, MetaKey key) {
  const Links& links = here.context.links;
  const bool incoming = key == MetaKey::kIif || key == MetaKey::kIifname ||
                        key == MetaKey::kIifgroup || key == MetaKey::kIifkind;
  Quantity device = incoming ? Quantity::kIif : Quantity::kOif;
  if (key == MetaKey::kIiftype) device = device_of_packet(here.context.point);
  const auto number = [&](Kind kind, unsigned bits, auto member) {
    return function_of(here, device, kind, links.numbers(), bits, [&](std::uint64_t n) {
      const model::Link* link = links.link(n);
      return link == nullptr ? std::uint64_t{0} : std::uint64_t{member(*link)};
    });
  };
  const Cube there = here.where(device, links.all());
  switch (key) {
    case MetaKey::kIif:
    case MetaKey::kOif:
      return one_case(host_value(
          here, number(Kind::kIndex, 32, [](const model::Link& l) { return l.index.value; })));
    case MetaKey::kIifname:
    case MetaKey::kOifname:
      return one_case({text_of(here, device, Kind::kNameHigh, Kind::kNameLow,
                               [](const model::Link* l) {
                                 return l == nullptr ? std::string_view()
                                                     : std::string_view(l->name);
                               }),
                       {}});
    case MetaKey::kIiftype:
    case MetaKey::kOiftype:
      return one_case(
          host_value(here, number(Kind::kType, 16, [](const model::Link& l) { return l.hw_type; }),
                     2),
          there);
    case MetaKey::kIifgroup:
    case MetaKey::kOifgroup:
      return one_case(
          host_value(here, number(Kind::kGroup, 32, [](const model::Link& l) { return l.group; })),
          there);
    default: break;  // iifkind, oifkind
  }
  const Cube has_kind = here.where(device, links.where([](const model::Link* link) {
    return link != nullptr && !link->kind.empty();
  }));
  return one_case({text_of(here, device, Kind::kKindHigh, Kind::kKindLow,
                           [](const model::Link* l) {
                             return l == nullptr ? std::string_view() : std::string_view(l->kind);
                           }),
                   {}},
                  has_kind);
}

// NFPROTO_* as nft_pf() gives it.
std::uint8_t protocol_family(const Context& context) {
  constexpr std::uint8_t kIpv4 = 2, kArp = 3, kNetdev = 5, kBridge = 7, kIpv6 = 10;
  const HookPoint point = context.point;
  if (point >= HookPoint::kArpInput) return kArp;
  if (context.is_ip_point() || point == HookPoint::kInetIngress)
    return context.v4() ? kIpv4 : kIpv6;
  return point == HookPoint::kNetdevIngress || point == HookPoint::kNetdevEgress ? kNetdev
                                                                                 : kBridge;
}

Cube has_socket(const Here& here) {
  return here.where(Quantity::kHasSocket, IntervalSet::single(1));
}

// What is known of a packet whose incoming interface is in no VRF.
Result<Cases> sdif(const Here& here, Value otherwise, std::size_t bytes, std::string_view why) {
  const auto in_vrf = here.context.links.where(
      [](const model::Link* link) { return link != nullptr && link->kind == "vrf"; });
  Cases out = one_case(unknown_value(bytes, here.reason(why)), here.where(Quantity::kIif, in_vrf));
  out.push_back({here.where(Quantity::kIif, in_vrf.complement(16)), {std::move(otherwise)}});
  return out;
}

// Bytes of an ARP message for IPv4. A machine of the model sends no more (arp_create() pads
// nothing); what comes over a real wire may be padded.
constexpr std::uint64_t kBareArp = 28;

Result<Cases> length(const Here& here) {
  if (here.context.arp()) {
    const Value unknown = unknown_value(4, here.reason("meta length of a frame that is not IP"));
    if (here.context.point == HookPoint::kNetdevEgress) return one_case(unknown);
    const auto bare = IntervalSet::single(kBareArp);
    Cases out = one_case(unknown, here.where(Quantity::kLength, bare.complement(16)));
    out.push_back(
        {here.where(Quantity::kLength, bare), {host_value(here, here.bits(Quantity::kLength))}});
    return out;
  }
  if (here.context.point != HookPoint::kNetdevEgress) {
    return one_case(host_value(here, here.bits(Quantity::kLength)));
  }
  return one_case(
      host_value(here, function_of(here, Quantity::kLength, Kind::kEgressLength, 0x10000, 32,
                                   [](std::uint64_t n) { return n + 14; })));
}

struct NotKnown {
  MetaKey key;
  std::size_t bytes;
  std::string_view why;
};
constexpr std::array<NotKnown, 13> kMetaNotKnown = {{
    {MetaKey::kPriority, 4, "meta priority"},
    {MetaKey::kRtClassid, 4, "meta rtclassid"},
    {MetaKey::kSecmark, 4, "meta secmark"},
    {MetaKey::kCpu, 4, "meta cpu"},
    {MetaKey::kRandom, 4, "meta random"},
    {MetaKey::kSecpath, 1, "meta ipsec"},
    {MetaKey::kTimeNs, 8, "meta time"},
    {MetaKey::kTimeDay, 1, "meta day"},
    {MetaKey::kTimeHour, 4, "meta hour"},
    {MetaKey::kBridgeIifname, kNameBytes, "meta ibrname"},
    {MetaKey::kBridgeOifname, kNameBytes, "meta obrname"},
    {MetaKey::kBridgeIifPvid, 2, "VLAN of a bridge port"},
    {MetaKey::kBridgeIifVproto, 2, "VLAN of a bridge port"},
}};

std::uint16_t ether_type(const Context& context) {
  if (context.arp()) return 0x0806;
  return context.v4() ? 0x0800 : 0x86dd;
}

}  // namespace

Result<Cases> evaluate_meta(const Here& here, const model::MetaTerm& term) {
  switch (term.key) {
    case MetaKey::kLength: return length(here);
    case MetaKey::kProtocol:
      return one_case(number_value(constant_bits(ether_type(here.context), 16), 2));
    case MetaKey::kMark: return one_case(host_value(here, here.bits(Quantity::kMark)));
    case MetaKey::kIif:
    case MetaKey::kOif:
    case MetaKey::kIifname:
    case MetaKey::kOifname:
    case MetaKey::kIiftype:
    case MetaKey::kOiftype:
    case MetaKey::kIifgroup:
    case MetaKey::kOifgroup:
    case MetaKey::kIifkind:
    case MetaKey::kOifkind: return interface(here, term.key);
    case MetaKey::kSkuid:
      return one_case(host_value(here, here.bits(Quantity::kUid)), has_socket(here));
    case MetaKey::kSkgid:
      return one_case(host_value(here, here.bits(Quantity::kGid)), has_socket(here));
    case MetaKey::kNfproto:
      return one_case(number_value(constant_bits(protocol_family(here.context), 8), 1));
    case MetaKey::kL4proto:
      if (here.context.arp()) return Cases{};
      return one_case(number_value(here.bits(Quantity::kProtocol), 1));
    case MetaKey::kPkttype: return one_case(number_value(here.bits(Quantity::kPacketType), 1));
    case MetaKey::kNftrace:
    case MetaKey::kBridgeBroute: return one_case(number_value({}, 1));
    case MetaKey::kSdif: return sdif(here, number_value({}, 4), 4, "meta sdif");
    case MetaKey::kSdifname:
      return sdif(here, number_value({}, kNameBytes), kNameBytes, "meta sdifname");
    case MetaKey::kCgroup:
      return one_case(unknown_value(4, here.reason("meta cgroup (the class of the socket)")),
                      has_socket(here));
    default: break;
  }
  for (const NotKnown& row : kMetaNotKnown) {
    if (row.key == term.key) return one_case(unknown_value(row.bytes, here.reason(row.why)));
  }
  return one_case(unknown_value(64, here.reason("a meta key that is not understood")));
}

namespace {

// NF_CT_STATE_BIT, nf_conntrack_common.h.
std::uint64_t state_bit(std::uint64_t info) {
  constexpr std::uint64_t kInvalid = 1, kUntracked = 64;
  if (info == static_cast<std::uint64_t>(CtInfo::kNone)) return kInvalid;
  if (info == static_cast<std::uint64_t>(CtInfo::kUntracked)) return kUntracked;
  return std::uint64_t{1} << ((info - static_cast<std::uint64_t>(CtInfo::kEstablished)) % 3 + 1);
}

Quantity tuple_quantity(CtKey key, bool reply) {
  switch (key) {
    case CtKey::kSrc:
    case CtKey::kSrcIp:
    case CtKey::kSrcIp6: return reply ? Quantity::kCtReplySource : Quantity::kCtOriginalSource;
    case CtKey::kDst:
    case CtKey::kDstIp:
    case CtKey::kDstIp6:
      return reply ? Quantity::kCtReplyDestination : Quantity::kCtOriginalDestination;
    case CtKey::kProtoSrc:
      return reply ? Quantity::kCtReplySourcePort : Quantity::kCtOriginalSourcePort;
    default: break;  // kProtoDst
  }
  return reply ? Quantity::kCtReplyDestinationPort : Quantity::kCtOriginalDestinationPort;
}

// nullopt: of the other family, no value.
std::optional<Value> tuple_value(const Here& here, const model::CtTerm& term) {
  const bool v4 = here.context.v4();
  const bool wants_v4 = term.key == CtKey::kSrcIp || term.key == CtKey::kDstIp;
  const bool wants_v6 = term.key == CtKey::kSrcIp6 || term.key == CtKey::kDstIp6;
  if ((wants_v4 && !v4) || (wants_v6 && v4)) return std::nullopt;
  const bool port = term.key == CtKey::kProtoSrc || term.key == CtKey::kProtoDst;
  const Quantity quantity = tuple_quantity(term.key, term.direction == model::CtDirection::kReply);
  return number_value(here.bits(quantity), port ? 2 : v4 ? 4 : 16);
}

Result<Cases> ct_unknown(const Here& here, std::size_t bytes, std::string_view why) {
  return one_case(unknown_value(bytes, here.reason(why)), here.has_entry());
}

}  // namespace

Result<Cases> evaluate_ct(const Here& here, const model::CtTerm& term) {
  constexpr std::uint64_t kAfInet = 2, kAfInet6 = 10;
  const Cube entry = here.has_entry();
  switch (term.key) {
    case CtKey::kState:
      return one_case(host_value(here, function_of(here, Quantity::kCtInfo, Kind::kCtState,
                                                   kLastCtInfo + 1, 8, state_bit)));
    case CtKey::kDirection:
      return one_case(
          number_value(function_of(here, Quantity::kCtInfo, Kind::kCtDirection, kLastCtInfo + 1, 1,
                                   [](std::uint64_t info) {
                                     return info >= static_cast<std::uint64_t>(
                                                        CtInfo::kEstablishedReply)
                                                ? std::uint64_t{1}
                                                : std::uint64_t{0};
                                   }),
                       1),
          entry);
    case CtKey::kStatus: return one_case(host_value(here, here.bits(Quantity::kCtStatus)), entry);
    case CtKey::kMark: return one_case(host_value(here, here.bits(Quantity::kCtMark)), entry);
    case CtKey::kL3protocol:
      return one_case(number_value(constant_bits(here.context.v4() ? kAfInet : kAfInet6, 8), 1),
                      entry);
    case CtKey::kProtocol:
      return one_case(number_value(here.bits(Quantity::kCtProtocol), 1), entry);
    case CtKey::kZone: return one_case(host_value(here, here.bits(Quantity::kCtZone), 2), entry);
    case CtKey::kSrc:
    case CtKey::kDst:
    case CtKey::kSrcIp:
    case CtKey::kDstIp:
    case CtKey::kSrcIp6:
    case CtKey::kDstIp6:
    case CtKey::kProtoSrc:
    case CtKey::kProtoDst: {
      auto value = tuple_value(here, term);
      return value ? one_case(*std::move(value), entry) : Cases{};
    }
    case CtKey::kHelper: return Cases{};  // of an expected connection only
    case CtKey::kSecmark: return ct_unknown(here, 4, "ct secmark");
    case CtKey::kExpiration: return ct_unknown(here, 4, "ct expiration");
    case CtKey::kLabels: return ct_unknown(here, 16, "ct label");
    case CtKey::kPackets:
    case CtKey::kBytes:
    case CtKey::kAvgpkt: return ct_unknown(here, 8, "ct packets or bytes");
    case CtKey::kEventmask: return ct_unknown(here, 4, "ct event");
    case CtKey::kId: return ct_unknown(here, 4, "ct id");
    case CtKey::kOther: break;
  }
  return ct_unknown(here, 64, "a ct key that is not understood");
}

}  // namespace bulkhead::reach::chains
