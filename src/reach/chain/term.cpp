// Values that rules ask of a packet: registers as rows of bits. net/netfilter/nft_bitwise.c,
// nft_byteorder.c, nft_lookup.c, nft_rt.c, nft_socket.c, nft_exthdr.c, nft_numgen.c, nft_hash.c.
#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "reach/chain/context.h"
#include "reach/chain/headers.h"

namespace bulkhead::reach::chains {
namespace {

using packet::IntervalSet;

constexpr std::size_t kMostBytes = 64;    // the data registers of nf_tables
constexpr std::size_t kMostCases = 4096;  // of terms joined with terms
constexpr unsigned kDeepestTerm = 24;

Bits bits_of(ByteView bytes) {
  Bits out;
  for (std::uint8_t byte : bytes.first(std::min(bytes.size(), kMostBytes))) {
    for (int i = 7; i >= 0; --i) out.push_back(Bit::constant((byte >> i & 1) != 0));
  }
  return out;
}

bool any_unknown(const Value& value) {
  return std::any_of(value.bits.begin(), value.bits.end(),
                     [](const Bit& b) { return b.is_unknown(); });
}

// The order of bytes within every number of `size` bytes.
Bits turned(const Bits& bits, std::size_t size) {
  Bits out = bits;
  const std::size_t width = size * 8;
  for (std::size_t at = 0; at + width <= bits.size(); at += width) {
    for (std::size_t byte = 0; byte < size; ++byte) {
      for (std::size_t i = 0; i < 8; ++i) {
        out[at + byte * 8 + i] = bits[at + (size - 1 - byte) * 8 + i];
      }
    }
  }
  return out;
}

Value masked(Value value, const Bytes& mask, const Bytes& flip) {
  for (std::size_t i = 0; i < value.bits.size(); ++i) {
    const auto bit = [i](const Bytes& bytes, bool otherwise) {
      return i / 8 < bytes.size() ? (bytes[i / 8] >> (7 - i % 8) & 1U) != 0 : otherwise;
    };
    if (!bit(mask, true)) value.bits[i] = Bit::constant(false);
    if (bit(flip, false)) value.bits[i] = value.bits[i].inverted();
  }
  return value;
}

Bit joined(model::BooleanOp op, const Bit& a, const Bit& b) {
  using model::BooleanOp;
  if (a.is_unknown() || b.is_unknown()) return Bit::unknown();
  if (!a.is_constant() && b.is_constant()) return joined(op, b, a);
  if (a.is_constant()) {
    switch (op) {
      case BooleanOp::kAnd: return a.flip ? b : Bit::constant(false);
      case BooleanOp::kOr: return a.flip ? Bit::constant(true) : b;
      case BooleanOp::kXor: break;
    }
    return a.flip ? b.inverted() : b;
  }
  if (a == b) return op == BooleanOp::kXor ? Bit::constant(false) : a;
  if (a == b.inverted()) return Bit::constant(op != BooleanOp::kAnd);
  return Bit::unknown();  // two bits of the packet that are joined
}

// nft_bitwise.c: 32-bit words in host order; carries across words.
Value shifted(const Here& here, Value value, const model::ShiftTerm& term) {
  const std::size_t size = value.bits.size();
  if (any_unknown(value) || term.count >= 32) {
    return unknown_value(size / 8, here.reason("a shifted value"));
  }
  Bits words = std::move(value.bits);
  while (words.size() % 32 != 0) words.push_back(Bit::constant(false));
  if (here.context.little_endian) words = turned(words, 4);
  Bits out(words.size(), Bit::constant(false));
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (term.left && i >= term.count) out[i - term.count] = words[i];
    if (!term.left && i + term.count < out.size()) out[i + term.count] = words[i];
  }
  if (here.context.little_endian) out = turned(out, 4);
  out.resize(size);
  return {std::move(out), {}};
}

Value in_other_order(const Here& here, Value value, const model::ByteOrderTerm& term) {
  if (!here.context.little_endian || term.size < 2 || term.size > 8) return value;
  // A register is wider than what was loaded into it: the rest is zero.
  const std::size_t bytes =
      std::min<std::size_t>(std::max<std::size_t>(value.bits.size() / 8, term.length), kMostBytes);
  value.bits.resize(bytes * 8, Bit::constant(false));
  value.bits = turned(value.bits, term.size);
  return value;
}

void append_padded(Value& key, const Value& part) {
  key.bits.insert(key.bits.end(), part.bits.begin(), part.bits.end());
  while (key.bits.size() % 32 != 0) key.bits.push_back(Bit::constant(false));
  if (part.why != ReasonId{} && any_unknown(part)) key.why = part.why;
}

class Evaluate {
 public:
  Evaluate(const Here& here, unsigned depth) : here_(here), depth_(depth) {}

  Result<Cases> operator()(const model::ConstantTerm& t) const {
    return one_case({bits_of(t.bytes), {}});
  }
  Result<Cases> operator()(const model::PayloadTerm& t) const { return evaluate_payload(here_, t); }
  Result<Cases> operator()(const model::MetaTerm& t) const {
    constexpr unsigned kMeta = 100;  // behind the bases of payload terms
    return remembered(kMeta, static_cast<std::uint32_t>(t.key), 0,
                      [&] { return evaluate_meta(here_, t); });
  }
  Result<Cases> operator()(const model::CtTerm& t) const {
    constexpr unsigned kCt = 101;
    using enum model::CtKey;
    constexpr std::array kOfTuples = {kSrc,    kDst,    kSrcIp,    kDstIp,
                                      kSrcIp6, kDstIp6, kProtoSrc, kProtoDst};
    if (std::ranges::find(kOfTuples, t.key) != kOfTuples.end()) here_.context.asked_tuples = true;
    const std::uint32_t direction = t.direction ? static_cast<std::uint32_t>(*t.direction) + 1 : 0U;
    return remembered(kCt, static_cast<std::uint32_t>(t.key), direction,
                      [&] { return evaluate_ct(here_, t); });
  }
  Result<Cases> operator()(const model::FibTerm& t) const { return evaluate_fib(here_, t); }

  Result<Cases> operator()(const model::RtTerm& t) const {
    const Cube routed = here_.where(Quantity::kOif, here_.context.links.all());
    switch (t.key) {
      case model::RtKey::kNexthop4:
        if (!here_.context.v4()) return Cases{};
        return one_case(unknown(4, "rt nexthop"), routed);
      case model::RtKey::kNexthop6:
        if (here_.context.v4()) return Cases{};
        return one_case(unknown(16, "rt nexthop"), routed);
      case model::RtKey::kClassid: return one_case(unknown(4, "rt classid"), routed);
      case model::RtKey::kTcpmss: return one_case(unknown(2, "rt mtu"), routed);
      case model::RtKey::kXfrm: return one_case(unknown(1, "rt ipsec"), routed);
      case model::RtKey::kOther: break;
    }
    return one_case(unknown(kMostBytes, "an rt key that is not understood"));
  }

  Result<Cases> operator()(const model::SocketTerm& t) const {
    const std::size_t bytes = t.key == model::SocketKey::kCgroupv2 ? 8
                              : t.key == model::SocketKey::kMark   ? 4
                                                                   : 1;
    return one_case(unknown(bytes, "the socket that a packet belongs to"));
  }

  // No extension header or IPv4 option is ever in the packets that are asked about; which TCP
  // options a SYN carries depends on the sender's settings.
  Result<Cases> operator()(const model::ExthdrTerm& t) const {
    constexpr std::uint32_t kIpv6 = 0, kTcpOption = 1, kIpv4 = 2;
    const Value absent = number_value({}, 1);
    const Value some = unknown(t.present ? 1 : t.length, "options of the transport header");
    if (here_.context.arp() && t.op == kTcpOption) return t.present ? one_case(absent) : Cases{};
    if (t.op == kIpv6 || t.op == kIpv4) {
      if (here_.context.arp()) return t.present ? one_case(absent) : Cases{};
      const bool other_family = here_.context.v4() != (t.op == kIpv4);
      return !other_family && t.present ? one_case(absent) : Cases{};
    }
    if (t.op != kTcpOption) return one_case(some);
    const IntervalSet tcp = IntervalSet::single(protocol::kTcp);
    Cases out = one_case(some, here_.where(Quantity::kProtocol, tcp));
    if (t.present) {
      out.push_back({here_.where(Quantity::kProtocol, tcp.complement(8)), {absent}});
    }
    return out;
  }

  Result<Cases> operator()(const model::BitwiseTerm& t) const {
    return each(t.operand, [&](Value v) { return masked(std::move(v), t.mask, t.exclusive_or); });
  }
  Result<Cases> operator()(const model::ShiftTerm& t) const {
    return each(t.operand, [&](Value v) { return shifted(here_, std::move(v), t); });
  }
  Result<Cases> operator()(const model::ByteOrderTerm& t) const {
    return each(t.operand, [&](Value v) { return in_other_order(here_, std::move(v), t); });
  }

  Result<Cases> operator()(const model::BooleanTerm& t) const {
    if (t.operands.size() < 2) return Cases{};
    return pairs(child(t.operands[0]), child(t.operands[1]), [&](const Value& a, const Value& b) {
      Value out{{}, b.why != ReasonId{} ? b.why : a.why};
      for (std::size_t i = 0; i < std::min(a.bits.size(), b.bits.size()); ++i) {
        out.bits.push_back(joined(t.op, a.bits[i], b.bits[i]));
      }
      if (out.why == ReasonId{} && any_unknown(out)) {
        out.why = here_.reason("two values of a packet that are joined bit by bit");
      }
      return out;
    });
  }

  Result<Cases> operator()(const model::ConcatTerm& t) const {
    Result<Cases> out = one_case({});
    for (const model::Term& part : t.parts) {
      out = pairs(out, child(part), [&](const Value& a, const Value& b) {
        Value key = a;
        append_padded(key, b);
        return key.bits.size() > kMostBytes * 8 ? unknown(kMostBytes, "too long a key") : key;
      });
      if (!out) return out;
    }
    return out;
  }

  Result<Cases> operator()(const model::MapTerm& t) const {
    if (t.key.empty()) return Cases{};
    const ReasonId why = here_.reason("map " + escape_text(t.set));
    const Result<Cases> keys = child(t.key[0]);
    if (!keys) return keys;
    const SetInfo* info = here_.set(t.set);
    Cases out;
    for (const Case& key : *keys) {
      if (info == nullptr) {
        out.push_back({key.where, {unknown_value(kMostBytes, why)}});
        continue;
      }
      const auto found = mapped(t, *info, key, why);
      if (!found) return found;
      out.insert(out.end(), found->begin(), found->end());
    }
    return out;
  }

  // Every number that it can be is tried when they are few.
  Result<Cases> operator()(const model::ArbitraryTerm& t) const {
    constexpr std::uint32_t kMostTried = 8;
    const ReasonId why = here_.reason(escape_text(t.source));
    if (t.modulus == 0 || t.modulus > kMostTried) return one_case(unknown_value(4, why));
    Case out;
    for (std::uint32_t n = 0; n < t.modulus; ++n) {
      Value value = host_value(here_, constant_bits(n + t.offset, 32));
      value.why = why;
      out.alternatives.push_back(std::move(value));
    }
    return Cases{std::move(out)};
  }

  Result<Cases> operator()(const model::OpaqueTerm& t) const {
    return one_case(unknown(kMostBytes, "expression '" + escape_text(t.what) + "' not understood"));
  }

 private:
  [[nodiscard]] Value unknown(std::size_t bytes, std::string_view why) const {
    return unknown_value(bytes, here_.reason(why));
  }

  template <class Function>
  [[nodiscard]] Result<Cases> remembered(unsigned kind, std::uint32_t a, std::uint32_t b,
                                         Function function) const {
    const Context::TermKey key{here_.context.point, here_.image_id, kind, a, b, 0};
    const auto known = here_.context.values.find(key);
    if (known != here_.context.values.end()) return known->second;
    auto out = function();
    if (out) here_.context.values.emplace(key, *out);
    return out;
  }

  [[nodiscard]] Result<Cases> child(const model::Term& term) const {
    if (depth_ >= kDeepestTerm) {
      return one_case(unknown(kMostBytes, "an expression that is nested too deep"));
    }
    return std::visit(Evaluate(here_, depth_ + 1), term.node);
  }

  template <class Function>
  [[nodiscard]] Result<Cases> each(const model::Terms& operand, Function function) const {
    if (operand.empty()) return Cases{};
    Result<Cases> cases = child(operand[0]);
    if (!cases) return cases;
    for (Case& c : *cases) {
      for (Value& value : c.alternatives) value = function(std::move(value));
    }
    return cases;
  }

  // Why it is not known which of the alternatives is there.
  [[nodiscard]] static ReasonId alternative_because(const Case& x, const Case& y) {
    if (x.alternatives.size() > 1) return x.alternatives[0].why;
    return y.alternatives.size() > 1 ? y.alternatives[0].why : ReasonId{};
  }

  template <class Function>
  [[nodiscard]] Result<Cases> pairs(const Result<Cases>& a, const Result<Cases>& b,
                                    Function function) const {
    if (!a) return a;
    if (!b) return b;
    if (a->size() * b->size() > kMostCases) {
      return one_case(unknown(kMostBytes, "an expression with too many cases"));
    }
    Cases out;
    for (const Case& x : *a) {
      for (const Case& y : *b) {
        Case both{x.where, {}};
        both.where.and_also(y.where);
        if (both.where.never()) continue;
        if (x.alternatives.size() * y.alternatives.size() > kMostCases) {
          both.alternatives = {unknown(kMostBytes, "an expression with too many cases")};
        } else {
          for (const Value& v : x.alternatives) {
            for (const Value& w : y.alternatives) {
              Value& value = both.alternatives.emplace_back(function(v, w));
              if (value.why == ReasonId{}) value.why = alternative_because(x, y);
            }
          }
        }
        out.push_back(std::move(both));
      }
    }
    return out;
  }

  [[nodiscard]] Value data_of(const model::MapTerm& t, const model::SetElement& element,
                              ReasonId why) const {
    if (!element.data || t.slice_offset > element.data->size()) {
      return unknown_value(kMostBytes, why);
    }
    ByteView bytes = ByteView(*element.data).subspan(t.slice_offset);
    if (t.slice_length != 0)
      bytes = bytes.first(std::min<std::size_t>(bytes.size(), t.slice_length));
    return {bits_of(bytes), {}};
  }

  [[nodiscard]] Result<Cases> mapped(const model::MapTerm& t, const SetInfo& info, const Case& key,
                                     ReasonId why) const {
    // Several keys are possible: what the map then holds for them is not followed further, unless
    // each gives one value everywhere.
    if (key.alternatives.size() > 1) return mapped_alternatives(t, info, key, why);
    const Value& value = key.alternatives[0];
    const auto hits = look_up(here_, *info.definition, value);
    if (!hits) return std::unexpected(hits.error());
    if (hits->doubt || info.filled_by_rules) {
      ReasonId reason = hits->doubt ? hits->why : ReasonId{};
      if (reason == ReasonId{} && hits->doubt) reason = value.why;
      if (reason == ReasonId{}) reason = why;
      return Cases{{key.where, {unknown_value(kMostBytes, reason)}}};
    }
    Cases out;
    for (const Hit& hit : hits->hits) {
      Case one{key.where, {data_of(t, *hit.element, why)}};
      one.where.and_also(hit.where);
      if (!one.where.never()) out.push_back(std::move(one));
    }
    if (hits->otherwise == nullptr) return out;
    auto rest = outside(*hits);
    if (!rest) return std::unexpected(rest.error());
    rest->and_also(key.where);
    if (!rest->never()) out.push_back({*std::move(rest), {data_of(t, *hits->otherwise, why)}});
    return out;
  }

  // Where no element but the catch-all one counts.
  [[nodiscard]] Result<Cube> outside(const Hits& hits) const {
    std::vector<Cube> all;
    all.reserve(hits.hits.size());
    for (const Hit& hit : hits.hits) all.push_back(hit.where);
    const auto inside = any_of(here_.context.space, all);
    return inside ? inside->complement(here_.context.space) : inside;
  }

  [[nodiscard]] Result<Cases> mapped_alternatives(const model::MapTerm& t, const SetInfo& info,
                                                  const Case& key, ReasonId why) const {
    Case out{key.where, {}};
    for (const Value& value : key.alternatives) {
      const auto hits = look_up(here_, *info.definition, value);
      if (!hits) return std::unexpected(hits.error());
      const bool constant = !hits->doubt && !info.filled_by_rules && hits->hits.size() <= 1 &&
                            (hits->hits.empty() || hits->hits[0].where.always());
      const model::SetElement* element =
          hits->hits.empty() ? hits->otherwise : hits->hits[0].element;
      if (!constant || element == nullptr) {
        return Cases{{key.where, {unknown_value(kMostBytes, why)}}};
      }
      out.alternatives.push_back(data_of(t, *element, why));
      out.alternatives.back().why = value.why;
    }
    return Cases{std::move(out)};
  }

  const Here& here_;
  unsigned depth_;
};

}  // namespace

Value unknown_value(std::size_t bytes, ReasonId why) {
  return {Bits(std::min(bytes, kMostBytes) * 8, Bit::unknown()), why};
}

Value number_value(Bits number, std::size_t bytes) {
  if (number.size() > bytes * 8)
    number.erase(number.begin(), number.end() - static_cast<std::ptrdiff_t>(bytes * 8));
  number.insert(number.begin(), bytes * 8 - number.size(), Bit::constant(false));
  return {std::move(number), {}};
}

Value host_value(const Here& here, Bits number, std::size_t bytes) {
  Value out = number_value(std::move(number), bytes);
  if (here.context.little_endian) out.bits = turned(out.bits, bytes);
  return out;
}

Cases one_case(Value value, Cube where) {
  if (where.never()) return {};
  return {{std::move(where), {std::move(value)}}};
}

bool doubt_within(const Value& value, std::size_t bytes) {
  if (value.bits.size() < bytes * 8) return true;
  return std::any_of(value.bits.begin(),
                     value.bits.begin() + static_cast<std::ptrdiff_t>(bytes * 8),
                     [](const Bit& b) { return b.is_unknown(); });
}

Result<Cases> evaluate(const Here& here, const model::Term& term) {
  return std::visit(Evaluate(here, 0), term.node);
}

}  // namespace bulkhead::reach::chains
