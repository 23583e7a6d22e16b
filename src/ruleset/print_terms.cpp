// Terms in nft's words.
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ruleset/print_nft.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

constexpr std::uint16_t kEtherIp = 0x0800, kEtherIp6 = 0x86dd, kEtherArp = 0x0806;
constexpr std::size_t kInlineElements = 256;
// Terms are bounded when they are decoded; a snapshot file may hold deeper ones.
constexpr int kMaxDepth = 64;

struct MetaWord {
  std::string_view name;
  Datatype type;
};
// By MetaKey; the names that nft writes without "meta" have none in front.
constexpr auto kMetaWords = std::to_array<MetaWord>({
    {"meta length", Datatype::kInteger},   {"meta protocol", Datatype::kEtherType},
    {"meta priority", Datatype::kClassid}, {"meta mark", Datatype::kMark},
    {"iif", Datatype::kIfIndex},           {"oif", Datatype::kIfIndex},
    {"iifname", Datatype::kIfname},        {"oifname", Datatype::kIfname},
    {"iiftype", Datatype::kIfType},        {"meta oiftype", Datatype::kIfType},
    {"meta skuid", Datatype::kUid},        {"meta skgid", Datatype::kGid},
    {"meta nftrace", Datatype::kInteger},  {"rt classid", Datatype::kRealm},
    {"meta secmark", Datatype::kInteger},  {"meta nfproto", Datatype::kNfproto},
    {"meta l4proto", Datatype::kProtocol}, {"meta ibrname", Datatype::kIfname},
    {"meta obrname", Datatype::kIfname},   {"meta pkttype", Datatype::kPkttype},
    {"meta cpu", Datatype::kInteger},      {"iifgroup", Datatype::kDevgroup},
    {"oifgroup", Datatype::kDevgroup},     {"meta cgroup", Datatype::kInteger},
    {"meta random", Datatype::kInteger},   {"meta secpath", Datatype::kBoolean},
    {"meta iifkind", Datatype::kIfname},   {"meta oifkind", Datatype::kIfname},
    {"meta ibrpvid", Datatype::kInteger},  {"meta ibrvproto", Datatype::kEtherType},
    {"meta time", Datatype::kDate},        {"meta day", Datatype::kDay},
    {"meta hour", Datatype::kHour},        {"meta sdif", Datatype::kIfIndex},
    {"meta sdifname", Datatype::kIfname},  {"meta broute", Datatype::kInteger},
});

struct CtWord {
  std::string_view name;
  Datatype type;
  Order order;
};
constexpr auto kCtWords = std::to_array<CtWord>({
    {"state", Datatype::kCtState, Order::kHost},
    {"direction", Datatype::kCtDirection, Order::kHost},
    {"status", Datatype::kCtStatus, Order::kHost},
    {"mark", Datatype::kMark, Order::kHost},
    {"secmark", Datatype::kInteger, Order::kHost},
    {"expiration", Datatype::kTime, Order::kHost},
    {"helper", Datatype::kString, Order::kHost},
    {"l3proto", Datatype::kNfproto, Order::kBig},
    {"saddr", Datatype::kInteger, Order::kBig},
    {"daddr", Datatype::kInteger, Order::kBig},
    {"protocol", Datatype::kProtocol, Order::kBig},
    {"proto-src", Datatype::kService, Order::kBig},
    {"proto-dst", Datatype::kService, Order::kBig},
    {"label", Datatype::kCtLabel, Order::kHost},
    {"packets", Datatype::kInteger, Order::kHost},
    {"bytes", Datatype::kInteger, Order::kHost},
    {"avgpkt", Datatype::kInteger, Order::kHost},
    {"zone", Datatype::kInteger, Order::kHost},
    {"event", Datatype::kCtEvent, Order::kHost},
    {"ip saddr", Datatype::kIpv4, Order::kBig},
    {"ip daddr", Datatype::kIpv4, Order::kBig},
    {"ip6 saddr", Datatype::kIpv6, Order::kBig},
    {"ip6 daddr", Datatype::kIpv6, Order::kBig},
    {"id", Datatype::kInteger, Order::kBig},
});

std::string raw_payload(const PayloadTerm& term) {
  static constexpr std::array<std::string_view, 5> kBases = {"@ll", "@nh", "@th", "@ih", "@th"};
  return std::string(kBases[static_cast<std::size_t>(term.base)]) + "," +
         std::to_string(term.offset * 8) + "," + std::to_string(term.length * 8);
}

std::string hex_number(const Bytes& bytes, Order order, Datatype type) {
  if (bytes.size() > 8) return print_value(type, bytes, order);
  if (type == Datatype::kMark) return print_value(type, bytes, order);
  return std::to_string(to_number(bytes, order));
}

struct TcpOption {
  std::uint8_t type;
  std::string_view name;
};
constexpr auto kTcpOptions = std::to_array<TcpOption>({
    {0, "eol"},
    {1, "nop"},
    {2, "maxseg"},
    {3, "window"},
    {4, "sack-perm"},
    {5, "sack"},
    {8, "timestamp"},
    {19, "md5sig"},
    {30, "mptcp"},
    {34, "fastopen"},
});
constexpr auto kExtensions = std::to_array<TcpOption>({
    {0, "hbh"},
    {43, "rt"},
    {44, "frag"},
    {60, "dst"},
    {135, "mh"},
    {51, "ah"},
    {50, "esp"},
});

}  // namespace

const Field* exthdr_field(const ExthdrTerm& term, std::uint32_t bit, std::uint32_t bits) {
  constexpr std::uint8_t kFragment = 44;
  if (term.op != NFT_EXTHDR_OP_IPV6 || term.type != kFragment) return nullptr;
  return find_exact_field(Header::kFrag, term.offset * 8 + bit, bits);
}

Header NftPrinter::header_of(PayloadBase base) const {
  switch (base) {
    case PayloadBase::kLink: return Header::kEther;
    case PayloadBase::kNetwork:
      if (table_.family == NfFamily::kIp) return Header::kIp;
      if (table_.family == NfFamily::kIp6) return Header::kIp6;
      if (table_.family == NfFamily::kArp) return Header::kArp;
      if (ether_type_ == kEtherIp) return Header::kIp;
      if (ether_type_ == kEtherIp6) return Header::kIp6;
      if (ether_type_ == kEtherArp) return Header::kArp;
      return Header::kNone;
    case PayloadBase::kTransport: {
      const Header known = protocol_ ? transport_header(*protocol_) : Header::kNone;
      return known == Header::kNone ? Header::kTransport : known;
    }
    case PayloadBase::kInner:
    case PayloadBase::kTunnel: return Header::kNone;
  }
  return Header::kNone;
}

// Takes away the last comparison that only said which header this is.
void NftPrinter::forget(Implies level) {
  for (auto piece = pieces_.rbegin(); piece != pieces_.rend(); ++piece) {
    if (piece->implies != level) continue;
    pieces_.erase(std::next(piece).base());
    return;
  }
}

// The name of a field says which header it is in, and for some which header that one is in.
void NftPrinter::header_used(Header header) {
  switch (header) {
    case Header::kNone:
    case Header::kTransport: return;
    case Header::kEther: return forget(Implies::kLink);
    case Header::kVlan: forget(Implies::kLink); return forget(Implies::kNetwork);
    case Header::kIp:
    case Header::kIp6:
    case Header::kFrag:
    case Header::kArp: return forget(Implies::kNetwork);
    case Header::kIcmp:
    case Header::kIcmp6:
    case Header::kIgmp: forget(Implies::kNetwork); return forget(Implies::kTransport);
    case Header::kTcp:
    case Header::kUdp:
    case Header::kUdpLite:
    case Header::kDccp:
    case Header::kSctp:
    case Header::kEsp:
    case Header::kAh:
    case Header::kComp: return forget(Implies::kTransport);
  }
}

NftPrinter::Words NftPrinter::payload_words(const PayloadTerm& term) {
  const Header header = header_of(term.base);
  const Field* field = find_exact_field(header, term.offset * 8, term.length * 8);
  if (field == nullptr) return {raw_payload(term), {Datatype::kInvalid}, Order::kBig};
  header_used(header);
  return {std::string(field->name), {field->type}, Order::kBig};
}

NftPrinter::Words NftPrinter::meta_words(const MetaTerm& term) const {
  const auto index = static_cast<std::size_t>(term.key);
  if (index >= kMetaWords.size()) {
    return {"meta key " + std::to_string(term.raw_key), {Datatype::kInteger}, Order::kHost};
  }
  const MetaWord& word = kMetaWords[index];
  const bool big = term.key == MetaKey::kProtocol || term.key == MetaKey::kBridgeIifVproto;
  return {std::string(word.name), {word.type}, big ? Order::kBig : Order::kHost};
}

NftPrinter::Words NftPrinter::ct_words(const CtTerm& term) const {
  const auto index = static_cast<std::size_t>(term.key);
  if (index >= kCtWords.size()) {
    return {"ct key " + std::to_string(term.raw_key), {Datatype::kInteger}, Order::kHost};
  }
  const CtWord& word = kCtWords[index];
  std::string text = "ct ";
  // What belongs to the entry and not to a direction is written without one.
  const bool plain = term.key == CtKey::kProtocol || term.key == CtKey::kL3protocol;
  if (term.direction && !plain) {
    text += *term.direction == CtDirection::kOriginal ? "original " : "reply ";
  }
  Datatype type = word.type;
  if (term.key == CtKey::kSrc || term.key == CtKey::kDst) {
    type = table_.family == NfFamily::kIp6 ? Datatype::kIpv6 : Datatype::kIpv4;
    text += table_.family == NfFamily::kIp6 ? "ip6 " : "ip ";
  }
  return {text + std::string(word.name), {type}, word.order};
}

NftPrinter::Words NftPrinter::fib_words(const FibTerm& term) const {
  std::string text;
  const auto part = [&](bool there, std::string_view name) {
    if (there) text += (text.empty() ? "fib " : " . ") + std::string(name);
  };
  part(term.saddr, "saddr");
  part(term.daddr, "daddr");
  part(term.mark, "mark");
  part(term.iif, "iif");
  part(term.oif, "oif");
  switch (term.result) {
    case FibResult::kOif:
      return {
          text + " oif", {term.present ? Datatype::kBoolean : Datatype::kIfIndex}, Order::kHost};
    case FibResult::kOifname: return {text + " oifname", {Datatype::kIfname}, Order::kHost};
    case FibResult::kAddrtype: return {text + " type", {Datatype::kFibAddrtype}, Order::kHost};
  }
  return {};
}

NftPrinter::Words NftPrinter::exthdr_words(const ExthdrTerm& term) {
  if (term.op == NFT_EXTHDR_OP_IPV6) forget(Implies::kNetwork);
  const auto named = [&](std::span<const TcpOption> names) {
    for (const TcpOption& option : names) {
      if (option.type == term.type) return std::string(option.name);
    }
    return std::to_string(term.type);
  };
  const bool tcp = term.op == NFT_EXTHDR_OP_TCPOPT;
  std::string text = tcp                             ? "tcp option " + named(kTcpOptions)
                     : term.op == NFT_EXTHDR_OP_IPV6 ? named(kExtensions)
                                                     : "option " + std::to_string(term.type);
  if (term.present) return {tcp ? text : "exthdr " + text, {Datatype::kBoolean}, Order::kBig};
  if (tcp && term.type == 2 && term.offset == 2 && term.length == 2) {
    return {text + " size", {Datatype::kInteger}, Order::kBig};
  }
  if (const Field* field = exthdr_field(term, 0, term.length * 8)) {
    return {std::string(field->name), {field->type}, Order::kBig};
  }
  text += " @" + std::to_string(term.offset * 8) + "," + std::to_string(term.length * 8);
  return {std::move(text), {Datatype::kInteger}, Order::kBig};
}

NftPrinter::Words NftPrinter::bitwise_words(const BitwiseTerm& term, int depth) {
  Words out = words(term.operand.front(), depth + 1);
  // (v & mask) ^ x written as v & mask' ^ x' | o: the bits that end up set are an "or".
  Bytes mask = term.mask, set = term.exclusive_or, turned = term.exclusive_or;
  const std::size_t size = std::min(mask.size(), set.size());
  bool any_mask = false, any_set = false, any_turned = false;
  for (std::size_t i = 0; i < size; ++i) {
    set[i] = static_cast<std::uint8_t>(~mask[i] & term.exclusive_or[i]);
    turned[i] = static_cast<std::uint8_t>(mask[i] & term.exclusive_or[i]);
    mask[i] = static_cast<std::uint8_t>(mask[i] | set[i]);
    any_mask = any_mask || mask[i] != 0xff;
    any_set = any_set || set[i] != 0;
    any_turned = any_turned || turned[i] != 0;
  }
  if (any_mask) out.text += " & " + hex_number(mask, out.order, out.type());
  if (any_turned) out.text += " ^ " + hex_number(turned, out.order, out.type());
  if (any_set) out.text += " | " + hex_number(set, out.order, out.type());
  return out;
}

NftPrinter::Words NftPrinter::map_words(const MapTerm& term, int depth) {
  Words key = words(term.key.front(), depth + 1);
  const SetDef* set = find_set(term.set);
  Words out;
  if (set != nullptr) out.types = split_types(set->data_type);
  out.text = key.text + " map " + set_reference(term.set, key, false);
  const bool big = out.types.size() > 1 || out.type() == Datatype::kIpv4 ||
                   out.type() == Datatype::kIpv6 || out.type() == Datatype::kService;
  out.order = big ? Order::kBig : Order::kHost;
  return out;
}

NftPrinter::Words NftPrinter::words(const Term& term, int depth) {
  if (depth > kMaxDepth) return {"...", {}, Order::kBig};
  struct Visitor {
    NftPrinter& self;
    int depth;
    Words operator()(const ConstantTerm& t) const {
      return {"0x" + to_hex(t.bytes), {Datatype::kInteger}, Order::kHost};
    }
    Words operator()(const PayloadTerm& t) const { return self.payload_words(t); }
    Words operator()(const MetaTerm& t) const { return self.meta_words(t); }
    Words operator()(const CtTerm& t) const { return self.ct_words(t); }
    Words operator()(const FibTerm& t) const { return self.fib_words(t); }
    Words operator()(const RtTerm& t) const {
      switch (t.key) {
        case RtKey::kClassid: return {"rt classid", {Datatype::kRealm}, Order::kHost};
        case RtKey::kNexthop4: return {"rt ip nexthop", {Datatype::kIpv4}, Order::kBig};
        case RtKey::kNexthop6: return {"rt ip6 nexthop", {Datatype::kIpv6}, Order::kBig};
        case RtKey::kTcpmss: return {"rt mtu", {Datatype::kInteger}, Order::kHost};
        case RtKey::kXfrm: return {"rt ipsec", {Datatype::kBoolean}, Order::kHost};
        case RtKey::kOther: break;
      }
      return {"rt key " + std::to_string(t.raw_key), {Datatype::kInteger}, Order::kHost};
    }
    Words operator()(const SocketTerm& t) const {
      switch (t.key) {
        case SocketKey::kTransparent:
          return {"socket transparent", {Datatype::kInteger}, Order::kHost};
        case SocketKey::kMark: return {"socket mark", {Datatype::kMark}, Order::kHost};
        case SocketKey::kWildcard: return {"socket wildcard", {Datatype::kInteger}, Order::kHost};
        case SocketKey::kCgroupv2:
          return {"socket cgroupv2 level " + std::to_string(t.level),
                  {Datatype::kCgroup2},
                  Order::kHost};
        case SocketKey::kOther: break;
      }
      return {"socket key " + std::to_string(t.raw_key), {Datatype::kInteger}, Order::kHost};
    }
    Words operator()(const ExthdrTerm& t) const { return self.exthdr_words(t); }
    Words operator()(const BitwiseTerm& t) const { return self.bitwise_words(t, depth); }
    Words operator()(const BooleanTerm& t) const {
      static constexpr std::array<std::string_view, 3> kOps = {" & ", " | ", " ^ "};
      Words first = self.words(t.operands.front(), depth + 1);
      first.text += std::string(kOps[static_cast<std::size_t>(t.op)]) +
                    self.words(t.operands.back(), depth + 1).text;
      return first;
    }
    Words operator()(const ShiftTerm& t) const {
      Words out = self.words(t.operand.front(), depth + 1);
      out.text += (t.left ? " << " : " >> ") + std::to_string(t.count);
      return out;
    }
    Words operator()(const ByteOrderTerm& t) const {
      Words out = self.words(t.operand.front(), depth + 1);
      out.order = out.order == Order::kBig ? Order::kHost : Order::kBig;
      return out;
    }
    Words operator()(const ConcatTerm& t) const {
      Words out;
      for (const Term& part : t.parts) {
        Words next = self.words(part, depth + 1);
        out.text += (out.text.empty() ? "" : " . ") + next.text;
        out.types.push_back(next.type());
      }
      return out;
    }
    Words operator()(const MapTerm& t) const { return self.map_words(t, depth); }
    Words operator()(const ArbitraryTerm& t) const {
      std::string text = safe(t.source) + " mod " + std::to_string(t.modulus);
      if (t.offset != 0) text += " offset " + std::to_string(t.offset);
      return {std::move(text), {Datatype::kInteger}, Order::kHost};
    }
    Words operator()(const OpaqueTerm& t) const {
      return {"(" + safe(t.what) + ")", {Datatype::kInteger}, Order::kHost};
    }
  };
  return std::visit(Visitor{*this, depth}, term.node);
}

const SetDef* NftPrinter::find_set(const std::string& name) const {
  const auto found = std::find_if(table_.sets.begin(), table_.sets.end(),
                                  [&](const SetDef& s) { return s.name == name; });
  return found == table_.sets.end() ? nullptr : &*found;
}

std::string NftPrinter::set_reference(const std::string& name, const Words& key, bool inverted) {
  const std::string no = inverted ? "!= " : "";
  const SetDef* set = find_set(name);
  if (set == nullptr || (set->flags & NFT_SET_ANONYMOUS) == 0) return no + "@" + safe(name);
  std::vector<Datatype> types = split_types(set->key_type);
  const bool vague = types.size() != key.types.size() ||
                     std::find(types.begin(), types.end(), Datatype::kInteger) != types.end();
  return no + print_elements(*set, vague ? key.types : types, kInlineElements, key.order);
}

std::string NftPrinter::constant_or_words(const Term& term, Datatype type, Order order) {
  if (const auto* constant = std::get_if<ConstantTerm>(&term.node)) {
    return print_value(type, constant->bytes, order);
  }
  return words(term).text;
}

}  // namespace bulkhead::ruleset
