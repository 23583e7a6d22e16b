// Expressions that fill a register.
#include <linux/netfilter/nf_tables.h>

#include <utility>

#include "ruleset/expressions.h"
#include "ruleset/register_length.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

// The kernel's numbers of these keys are those of the enums (nf_tables.h).
template <class Key>
Key known_key(std::uint32_t raw, Key other) {
  return raw < static_cast<std::uint32_t>(other) ? static_cast<Key>(raw) : other;
}

std::optional<Bytes> data_value(const Attributes& a, std::size_t type) {
  const auto data = a.nested(type);
  const auto value = data ? data->view(NFTA_DATA_VALUE) : std::nullopt;
  if (!value || value->empty() || value->size() > NFT_DATA_VALUE_MAXLEN) return std::nullopt;
  return Bytes(value->begin(), value->end());
}

std::optional<CtDirection> ct_direction(const Attributes& a) {
  const auto raw = a.u8(NFTA_CT_DIRECTION);
  if (!raw) return std::nullopt;
  return *raw == 0 ? CtDirection::kOriginal : CtDirection::kReply;
}

}  // namespace

bool ExpressionDecoder::immediate(const Attributes& a) {
  const auto number = a.be32(NFTA_IMMEDIATE_DREG);
  if (!number) return false;
  if (*number != NFT_REG_VERDICT) {
    auto bytes = data_value(a, NFTA_IMMEDIATE_DATA);
    if (!bytes) return false;
    const auto length = static_cast<std::uint32_t>(bytes->size());
    return load(a, NFTA_IMMEDIATE_DREG, length, {ConstantTerm{std::move(*bytes)}});
  }
  const auto data = a.nested(NFTA_IMMEDIATE_DATA);
  const auto inside = data ? data->nested(NFTA_DATA_VERDICT) : std::nullopt;
  auto verdict = inside ? decode_verdict(*inside) : std::nullopt;
  if (!verdict) return false;
  add(Decide{std::move(*verdict)});
  return true;
}

bool ExpressionDecoder::payload(const Attributes& a) {
  const auto base = a.be32(NFTA_PAYLOAD_BASE);
  const auto offset = a.be32(NFTA_PAYLOAD_OFFSET);
  const auto length = a.be32(NFTA_PAYLOAD_LEN);
  if (!base || !offset || !length || *length == 0 || *length > NFT_DATA_VALUE_MAXLEN) return false;
  if (*base > static_cast<std::uint32_t>(PayloadBase::kTunnel) || *offset > 0xffff) return false;
  const PayloadTerm term{static_cast<PayloadBase>(*base), *offset, *length};
  if (a.has(NFTA_PAYLOAD_DREG)) return load(a, NFTA_PAYLOAD_DREG, *length, {term});
  auto value = source(a, NFTA_PAYLOAD_SREG, *length);
  if (!value) return false;
  add(SetPayload{term, std::move(*value)});
  return true;
}

bool ExpressionDecoder::meta(const Attributes& a) {
  const auto raw = a.be32(NFTA_META_KEY);
  if (!raw) return false;
  const auto key = known_key(*raw, MetaKey::kOther);
  if (a.has(NFTA_META_DREG))
    return load(a, NFTA_META_DREG, meta_length(key), {MetaTerm{key, *raw}});
  auto value = source(a, NFTA_META_SREG, meta_length(key));
  if (!value || key == MetaKey::kOther) return false;
  add(SetMeta{key, std::move(*value)});
  return true;
}

bool ExpressionDecoder::ct(const Attributes& a) {
  const auto raw = a.be32(NFTA_CT_KEY);
  if (!raw) return false;
  const auto key = known_key(*raw, CtKey::kOther);
  const auto length = ct_length(key, family_);
  if (a.has(NFTA_CT_DREG))
    return load(a, NFTA_CT_DREG, length, {CtTerm{key, ct_direction(a), *raw}});
  auto value = source(a, NFTA_CT_SREG, length);
  if (!value || key == CtKey::kOther) return false;
  add(SetCt{key, std::move(*value), ct_direction(a)});
  return true;
}

bool ExpressionDecoder::fib(const Attributes& a) {
  const auto result = a.be32(NFTA_FIB_RESULT);
  const auto flags = a.be32(NFTA_FIB_FLAGS);
  if (!result || !flags || *result < NFT_FIB_RESULT_OIF || *result > NFT_FIB_RESULT_ADDRTYPE) {
    return false;
  }
  constexpr std::uint32_t kKnown = NFTA_FIB_F_SADDR | NFTA_FIB_F_DADDR | NFTA_FIB_F_MARK |
                                   NFTA_FIB_F_IIF | NFTA_FIB_F_OIF | NFTA_FIB_F_PRESENT;
  if ((*flags & ~kKnown) != 0) return false;
  FibTerm term;
  term.result = static_cast<FibResult>(*result - NFT_FIB_RESULT_OIF);
  term.saddr = (*flags & NFTA_FIB_F_SADDR) != 0;
  term.daddr = (*flags & NFTA_FIB_F_DADDR) != 0;
  term.mark = (*flags & NFTA_FIB_F_MARK) != 0;
  term.iif = (*flags & NFTA_FIB_F_IIF) != 0;
  term.oif = (*flags & NFTA_FIB_F_OIF) != 0;
  term.present = (*flags & NFTA_FIB_F_PRESENT) != 0;
  return load(a, NFTA_FIB_DREG, fib_length(term), {term});
}

bool ExpressionDecoder::rt(const Attributes& a) {
  const auto raw = a.be32(NFTA_RT_KEY);
  if (!raw) return false;
  const auto key = known_key(*raw, RtKey::kOther);
  return load(a, NFTA_RT_DREG, rt_length(key), {RtTerm{key, *raw}});
}

bool ExpressionDecoder::socket(const Attributes& a) {
  const auto raw = a.be32(NFTA_SOCKET_KEY);
  if (!raw) return false;
  const auto key = known_key(*raw, SocketKey::kOther);
  const auto level = a.be32(NFTA_SOCKET_LEVEL).value_or(0);
  return load(a, NFTA_SOCKET_DREG, socket_length(key), {SocketTerm{key, level, *raw}});
}

bool ExpressionDecoder::exthdr_write(const Attributes& a, std::uint8_t type) {
  constexpr std::uint8_t kMaxSegment = 2;
  const auto length = a.be32(NFTA_EXTHDR_LEN).value_or(0);
  const auto value = length != 0 ? source(a, NFTA_EXTHDR_SREG, length) : std::nullopt;
  const auto* constant = value ? std::get_if<ConstantTerm>(&value->node) : nullptr;
  std::string detail = a.has(NFTA_EXTHDR_SREG) ? "tcp option " : "reset tcp option ";
  detail += type == kMaxSegment ? "maxseg" : std::to_string(type);
  if (type == kMaxSegment && length == 2) detail += " size";
  if (constant != nullptr && constant->bytes.size() == 2) {
    detail += " set " + std::to_string(constant->bytes[0] << 8 | constant->bytes[1]);
  } else if (a.has(NFTA_EXTHDR_SREG)) {
    detail += " set";
  }
  add(Observe{"exthdr", std::move(detail), {}, {}});
  return true;
}

bool ExpressionDecoder::exthdr(const Attributes& a) {
  const auto type = a.u8(NFTA_EXTHDR_TYPE);
  if (!type) return false;
  // Writing or clearing an option changes no address, port or mark: not the packet's way.
  if (!a.has(NFTA_EXTHDR_DREG)) return exthdr_write(a, *type);
  const auto offset = a.be32(NFTA_EXTHDR_OFFSET);
  const auto length = a.be32(NFTA_EXTHDR_LEN);
  if (!offset || !length || *length > NFT_DATA_VALUE_MAXLEN) return false;
  const auto flags = a.be32(NFTA_EXTHDR_FLAGS).value_or(0);
  if ((flags & ~std::uint32_t{NFT_EXTHDR_F_PRESENT}) != 0) return false;
  ExthdrTerm term;
  term.op = a.be32(NFTA_EXTHDR_OP).value_or(NFT_EXTHDR_OP_IPV6);
  term.type = *type;
  term.offset = *offset;
  term.length = *length;
  term.present = (flags & NFT_EXTHDR_F_PRESENT) != 0;
  const std::uint32_t written = term.present ? 1 : *length;
  return load(a, NFTA_EXTHDR_DREG, written == 0 ? 1 : written, {term});
}

bool ExpressionDecoder::bitwise(const Attributes& a) {
  // NFT_BITWISE_*: 0 mask and xor, 1 and 2 shifts, 3 to 5 two registers (6.13).
  const auto length = a.be32(NFTA_BITWISE_LEN);
  if (!length || *length == 0 || *length > NFT_DATA_VALUE_MAXLEN) return false;
  switch (a.be32(NFTA_BITWISE_OP).value_or(0)) {
    case 0: return bitwise_mask(a, *length);
    case 1: return bitwise_shift(a, *length, true);
    case 2: return bitwise_shift(a, *length, false);
    case 3: return bitwise_boolean(a, *length, BooleanOp::kAnd);
    case 4: return bitwise_boolean(a, *length, BooleanOp::kOr);
    case 5: return bitwise_boolean(a, *length, BooleanOp::kXor);
  }
  return false;
}

bool ExpressionDecoder::bitwise_mask(const Attributes& a, std::uint32_t length) {
  auto operand = source(a, NFTA_BITWISE_SREG, length);
  auto mask = data_value(a, NFTA_BITWISE_MASK);
  auto exclusive_or = data_value(a, NFTA_BITWISE_XOR);
  if (!operand || !mask || !exclusive_or) return false;
  if (mask->size() != length || exclusive_or->size() != length) return false;
  return load(a, NFTA_BITWISE_DREG, length,
              {BitwiseTerm{{std::move(*operand)}, std::move(*mask), std::move(*exclusive_or)}});
}

bool ExpressionDecoder::bitwise_shift(const Attributes& a, std::uint32_t length, bool left) {
  auto operand = source(a, NFTA_BITWISE_SREG, length);
  const auto data = data_value(a, NFTA_BITWISE_DATA);
  if (!operand || !data) return false;
  const auto count = Cursor(*data).native<std::uint32_t>();
  if (!count || *count >= 32) return false;
  return load(a, NFTA_BITWISE_DREG, length, {ShiftTerm{{std::move(*operand)}, left, *count}});
}

bool ExpressionDecoder::bitwise_boolean(const Attributes& a, std::uint32_t length, BooleanOp op) {
  constexpr std::size_t kSource2 = 8;  // NFTA_BITWISE_SREG2
  auto first = source(a, NFTA_BITWISE_SREG, length);
  auto second = source(a, kSource2, length);
  if (!first || !second) return false;
  BooleanTerm term;
  term.op = op;
  term.operands.push_back(std::move(*first));
  term.operands.push_back(std::move(*second));
  return load(a, NFTA_BITWISE_DREG, length, {std::move(term)});
}

bool ExpressionDecoder::byteorder(const Attributes& a) {
  const auto length = a.be32(NFTA_BYTEORDER_LEN);
  const auto size = a.be32(NFTA_BYTEORDER_SIZE);
  if (!length || !size || *length == 0 || *length > NFT_DATA_VALUE_MAXLEN) return false;
  if (*size != 2 && *size != 4 && *size != 8) return false;
  auto operand = source(a, NFTA_BYTEORDER_SREG, *length);
  if (!operand) return false;
  return load(a, NFTA_BYTEORDER_DREG, *length,
              {ByteOrderTerm{{std::move(*operand)}, *size, *length}});
}

bool ExpressionDecoder::numgen(const Attributes& a) {
  const auto modulus = a.be32(NFTA_NG_MODULUS);
  const auto type = a.be32(NFTA_NG_TYPE);
  if (!modulus || !type) return false;
  const char* name = *type == NFT_NG_RANDOM ? "numgen random" : "numgen inc";
  return load(a, NFTA_NG_DREG, 4,
              {ArbitraryTerm{name, *modulus, a.be32(NFTA_NG_OFFSET).value_or(0)}});
}

bool ExpressionDecoder::hash(const Attributes& a) {
  const auto modulus = a.be32(NFTA_HASH_MODULUS);
  if (!modulus) return false;
  const bool symmetric = a.be32(NFTA_HASH_TYPE).value_or(NFT_HASH_JENKINS) == NFT_HASH_SYM;
  return load(a, NFTA_HASH_DREG, 4,
              {ArbitraryTerm{symmetric ? "symhash" : "jhash", *modulus,
                             a.be32(NFTA_HASH_OFFSET).value_or(0)}});
}

// Loads from inside a tunnel (6.2): not modelled, so opaque in every register.
bool ExpressionDecoder::inner(const Attributes&) {
  return false;
}

bool ExpressionDecoder::osf(const Attributes& a) {
  return load(a, NFTA_OSF_DREG, 16, {OpaqueTerm{"osf", {}}});
}

bool ExpressionDecoder::xfrm(const Attributes& a) {
  return load(a, NFTA_XFRM_DREG, 16, {OpaqueTerm{"ipsec", {}}});
}

bool ExpressionDecoder::tunnel(const Attributes& a) {
  return load(a, NFTA_TUNNEL_DREG, 4, {OpaqueTerm{"tunnel", {}}});
}

}  // namespace bulkhead::ruleset
