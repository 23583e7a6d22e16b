#include "ruleset/register_length.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

constexpr std::uint32_t kNameLength = 16;  // IFNAMSIZ

std::optional<std::uint32_t> first_of(const Terms& terms, NfFamily family) {
  if (terms.empty()) return std::nullopt;
  return register_length(terms.front(), family);
}

struct LengthOf {
  NfFamily family;
  using Length = std::optional<std::uint32_t>;

  Length operator()(const ConstantTerm& t) const {
    return static_cast<std::uint32_t>(t.bytes.size());
  }
  Length operator()(const PayloadTerm& t) const { return t.length; }
  Length operator()(const MetaTerm& t) const { return meta_length(t.key); }
  Length operator()(const CtTerm& t) const { return ct_length(t.key, family); }
  Length operator()(const FibTerm& t) const { return fib_length(t); }
  Length operator()(const RtTerm& t) const { return rt_length(t.key); }
  Length operator()(const SocketTerm& t) const { return socket_length(t.key); }
  Length operator()(const ExthdrTerm& t) const { return t.present ? 1 : t.length; }
  Length operator()(const BitwiseTerm& t) const {
    return static_cast<std::uint32_t>(t.mask.size());
  }
  Length operator()(const BooleanTerm& t) const { return first_of(t.operands, family); }
  Length operator()(const ShiftTerm& t) const { return first_of(t.operand, family); }
  Length operator()(const ByteOrderTerm& t) const { return t.length; }
  Length operator()(const ConcatTerm& t) const {
    std::uint32_t sum = 0;
    for (const Term& part : t.parts) {
      const auto length = register_length(part, family);
      if (!length) return std::nullopt;
      sum += (*length + 3) / 4 * 4;
    }
    return sum;
  }
  Length operator()(const MapTerm& t) const {
    if (t.slice_length == 0) return std::nullopt;
    return t.slice_length;
  }
  Length operator()(const ArbitraryTerm&) const { return 4; }
  Length operator()(const OpaqueTerm&) const { return std::nullopt; }
};

}  // namespace

// nft_meta.c, nft_meta_get_init.
std::uint32_t meta_length(MetaKey key) {
  switch (key) {
    case MetaKey::kNfproto:
    case MetaKey::kL4proto:
    case MetaKey::kPkttype:
    case MetaKey::kNftrace:
    case MetaKey::kTimeDay:
    case MetaKey::kSecpath:
    case MetaKey::kBridgeBroute: return 1;
    case MetaKey::kProtocol:
    case MetaKey::kIiftype:
    case MetaKey::kOiftype:
    case MetaKey::kBridgeIifPvid:
    case MetaKey::kBridgeIifVproto: return 2;
    case MetaKey::kTimeNs: return 8;
    case MetaKey::kIifname:
    case MetaKey::kOifname:
    case MetaKey::kBridgeIifname:
    case MetaKey::kBridgeOifname:
    case MetaKey::kIifkind:
    case MetaKey::kOifkind:
    case MetaKey::kSdifname:
    case MetaKey::kOther: return kNameLength;
    case MetaKey::kLength:
    case MetaKey::kPriority:
    case MetaKey::kMark:
    case MetaKey::kIif:
    case MetaKey::kOif:
    case MetaKey::kSkuid:
    case MetaKey::kSkgid:
    case MetaKey::kRtClassid:
    case MetaKey::kSecmark:
    case MetaKey::kCpu:
    case MetaKey::kIifgroup:
    case MetaKey::kOifgroup:
    case MetaKey::kCgroup:
    case MetaKey::kRandom:
    case MetaKey::kTimeHour:
    case MetaKey::kSdif: return 4;
  }
  return 4;
}

// nft_ct.c, nft_ct_get_init.
std::uint32_t ct_length(CtKey key, NfFamily family) {
  switch (key) {
    case CtKey::kDirection:
    case CtKey::kL3protocol:
    case CtKey::kProtocol: return 1;
    case CtKey::kProtoSrc:
    case CtKey::kProtoDst:
    case CtKey::kZone: return 2;
    case CtKey::kPackets:
    case CtKey::kBytes:
    case CtKey::kAvgpkt: return 8;
    case CtKey::kSrc:
    case CtKey::kDst: return family == NfFamily::kIp ? 4 : 16;
    case CtKey::kHelper:
    case CtKey::kLabels:
    case CtKey::kSrcIp6:
    case CtKey::kDstIp6:
    case CtKey::kOther: return 16;
    case CtKey::kState:
    case CtKey::kStatus:
    case CtKey::kMark:
    case CtKey::kSecmark:
    case CtKey::kExpiration:
    case CtKey::kEventmask:
    case CtKey::kSrcIp:
    case CtKey::kDstIp:
    case CtKey::kId: return 4;
  }
  return 4;
}

std::uint32_t rt_length(RtKey key) {
  switch (key) {
    case RtKey::kNexthop6: return 16;
    case RtKey::kTcpmss: return 2;
    case RtKey::kXfrm: return 1;
    case RtKey::kClassid:
    case RtKey::kNexthop4: return 4;
    case RtKey::kOther: return 16;
  }
  return 16;
}

std::uint32_t socket_length(SocketKey key) {
  switch (key) {
    case SocketKey::kTransparent:
    case SocketKey::kWildcard: return 1;
    case SocketKey::kMark: return 4;
    case SocketKey::kCgroupv2: return 8;
    case SocketKey::kOther: return 16;
  }
  return 16;
}

// nft_fib_init: presence is one byte.
std::uint32_t fib_length(const FibTerm& term) {
  const bool name = term.result == FibResult::kOifname;
  return term.present ? 1 : name ? kNameLength : 4;
}

std::optional<std::uint32_t> register_length(const Term& term, NfFamily family) {
  return std::visit(LengthOf{family}, term.node);
}

}  // namespace bulkhead::ruleset
