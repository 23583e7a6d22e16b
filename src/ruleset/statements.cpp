// Expressions that decide or change something.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <utility>

#include "ruleset/expressions.h"
#include "ruleset/xt.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

std::optional<Bytes> data_value(const Attributes& a, std::size_t type) {
  const auto data = a.nested(type);
  const auto value = data ? data->view(NFTA_DATA_VALUE) : std::nullopt;
  if (!value || value->empty() || value->size() > NFT_DATA_VALUE_MAXLEN) return std::nullopt;
  return Bytes(value->begin(), value->end());
}

std::optional<IpFamily> ip_family(std::uint32_t nfproto) {
  if (nfproto == NFPROTO_IPV4) return IpFamily::kV4;
  if (nfproto == NFPROTO_IPV6) return IpFamily::kV6;
  return std::nullopt;
}

}  // namespace

bool ExpressionDecoder::cmp(const Attributes& a) {
  const auto op = a.be32(NFTA_CMP_OP);
  auto right = data_value(a, NFTA_CMP_DATA);
  const auto number = a.be32(NFTA_CMP_SREG);
  const auto slot = number ? register_slot(*number) : std::nullopt;
  if (!op || *op > NFT_CMP_GTE || !right || !slot) return false;
  const auto length = static_cast<std::uint32_t>(right->size());
  add(Compare{registers_.read_prefix(*slot, length), static_cast<CompareOp>(*op),
              std::move(*right)});
  return true;
}

bool ExpressionDecoder::range(const Attributes& a) {
  const auto op = a.be32(NFTA_RANGE_OP);
  auto first = data_value(a, NFTA_RANGE_FROM_DATA);
  auto last = data_value(a, NFTA_RANGE_TO_DATA);
  if (!op || *op > NFT_RANGE_NEQ || !first || !last || first->size() != last->size()) return false;
  auto left = source(a, NFTA_RANGE_SREG, static_cast<std::uint32_t>(first->size()));
  if (!left) return false;
  add(InRange{std::move(*left), *op == NFT_RANGE_NEQ, std::move(*first), std::move(*last)});
  return true;
}

bool ExpressionDecoder::lookup(const Attributes& a) {
  auto name = a.string(NFTA_LOOKUP_SET);
  const SetFacts* facts = name ? set_facts(*name) : nullptr;
  const auto flags = a.be32(NFTA_LOOKUP_FLAGS).value_or(0);
  if (!name || facts == nullptr || (flags & ~std::uint32_t{NFT_LOOKUP_F_INV}) != 0) return false;
  const bool data = a.has(NFTA_LOOKUP_DREG);
  auto key = set_key(a, NFTA_LOOKUP_SREG, *facts);
  if (!key || (data && (flags != 0 || (!facts->verdicts && facts->data_length == 0)))) return false;
  if (facts->may) add(May{"limit", "of the element of @" + *name, false});
  if (!data) {
    add(InSet{std::move(*key), std::move(*name), (flags & NFT_LOOKUP_F_INV) != 0});
    return true;
  }
  if (facts->verdicts) {
    add(VerdictMap{std::move(*key), std::move(*name)});
    return true;
  }
  MapTerm term;
  term.set = std::move(*name);
  term.key.push_back(std::move(*key));
  return load(a, NFTA_LOOKUP_DREG, facts->data_length, {std::move(term)});
}

bool ExpressionDecoder::dynset(const Attributes& a) {
  auto name = a.string(NFTA_DYNSET_SET_NAME);
  const auto op = a.be32(NFTA_DYNSET_OP);
  const SetFacts* facts = name ? set_facts(*name) : nullptr;
  if (!name || facts == nullptr || !op) return false;
  auto key = set_key(a, NFTA_DYNSET_SREG_KEY, *facts);
  if (!key) return false;
  std::optional<Term> data;
  if (a.has(NFTA_DYNSET_SREG_DATA)) {
    data = source(a, NFTA_DYNSET_SREG_DATA, facts->data_length);
    if (!data) return false;
  }
  const auto expressions = a.view(NFTA_DYNSET_EXPRESSIONS);
  const auto list = list_attributes(expressions.value_or(ByteView()));
  if (!list) return false;
  const auto flags = a.be32(NFTA_DYNSET_FLAGS).value_or(0);
  add(UpdateSet{std::move(*name), *op, std::move(*key), std::move(data)});
  // Whether the element is new or the set is full decides: not known beforehand.
  if ((flags & NFT_DYNSET_F_INV) != 0) add(May{"dynset", "element is new", true});
  if (const auto member = a.view(NFTA_DYNSET_EXPR)) dynset_member(*member);
  for (const Attribute& member : *list) dynset_member(member.value);
  return true;
}

// The expression that each element keeps (a limit, a counter); it may end the rule.
bool ExpressionDecoder::dynset_member(ByteView expression) {
  const auto outer = Attributes::parse(expression);
  const auto name = outer ? outer->string(NFTA_EXPR_NAME) : std::nullopt;
  const auto data = outer ? outer->nested(NFTA_EXPR_DATA) : std::nullopt;
  const bool known = name && data &&
                     ((*name == "limit" && limit(*data)) || (*name == "quota" && quota(*data)) ||
                      (*name == "connlimit" && connlimit(*data)) ||
                      (*name == "counter" && counter(*data)) || (*name == "last" && last(*data)));
  if (!known) add(OpaqueStatement{"dynset", Bytes(expression.begin(), expression.end())});
  return known;
}

bool ExpressionDecoder::nat_ports(const Attributes& a, std::size_t first, std::size_t last,
                                  Nat& nat) const {
  if (!a.has(first)) return true;
  nat.port = source(a, first, 2);
  if (!nat.port) return false;
  // The kernel repeats the first register when there is no second one.
  if (a.has(last) && a.be32(last) != a.be32(first)) {
    nat.port_max = source(a, last, 2);
    if (!nat.port_max) return false;
  }
  return true;
}

bool ExpressionDecoder::nat_addresses(const Attributes& a, Nat& nat) const {
  if (!a.has(NFTA_NAT_REG_ADDR_MIN)) return true;
  if (!nat.family) return false;
  const std::uint32_t length = *nat.family == IpFamily::kV4 ? 4 : 16;
  nat.address = source(a, NFTA_NAT_REG_ADDR_MIN, length);
  if (!nat.address) return false;
  if (a.has(NFTA_NAT_REG_ADDR_MAX) &&
      a.be32(NFTA_NAT_REG_ADDR_MAX) != a.be32(NFTA_NAT_REG_ADDR_MIN)) {
    nat.address_max = source(a, NFTA_NAT_REG_ADDR_MAX, length);
    if (!nat.address_max) return false;
  }
  return true;
}

bool ExpressionDecoder::nat(const Attributes& a) {
  const auto type = a.be32(NFTA_NAT_TYPE);
  const auto family = a.be32(NFTA_NAT_FAMILY);
  if (!type || *type > NFT_NAT_DNAT || !family) return false;
  Nat nat;
  nat.kind = *type == NFT_NAT_SNAT ? NatKind::kSnat : NatKind::kDnat;
  nat.family = ip_family(*family);
  nat.flags = a.be32(NFTA_NAT_FLAGS).value_or(0);
  if (!nat_addresses(a, nat)) return false;
  if (!nat_ports(a, NFTA_NAT_REG_PROTO_MIN, NFTA_NAT_REG_PROTO_MAX, nat)) return false;
  add(std::move(nat));
  return true;
}

bool ExpressionDecoder::masquerade(const Attributes& a) {
  Nat nat;
  nat.kind = NatKind::kMasquerade;
  nat.flags = a.be32(NFTA_MASQ_FLAGS).value_or(0);
  if (!nat_ports(a, NFTA_MASQ_REG_PROTO_MIN, NFTA_MASQ_REG_PROTO_MAX, nat)) return false;
  add(std::move(nat));
  return true;
}

bool ExpressionDecoder::redirect(const Attributes& a) {
  Nat nat;
  nat.kind = NatKind::kRedirect;
  nat.flags = a.be32(NFTA_REDIR_FLAGS).value_or(0);
  if (!nat_ports(a, NFTA_REDIR_REG_PROTO_MIN, NFTA_REDIR_REG_PROTO_MAX, nat)) return false;
  add(std::move(nat));
  return true;
}

bool ExpressionDecoder::reject(const Attributes& a) {
  const auto type = a.be32(NFTA_REJECT_TYPE);
  if (!type) return false;
  const std::uint8_t code = a.u8(NFTA_REJECT_ICMP_CODE).value_or(0);
  switch (*type) {
    case NFT_REJECT_ICMP_UNREACH: add(Reject{RejectKind::kIcmp, code}); return true;
    case NFT_REJECT_TCP_RST: add(Reject{RejectKind::kTcpReset, 0}); return true;
    case NFT_REJECT_ICMPX_UNREACH: add(Reject{RejectKind::kIcmpx, code}); return true;
  }
  return false;
}

bool ExpressionDecoder::notrack(const Attributes&) {
  add(Notrack{});
  return true;
}

bool ExpressionDecoder::tproxy(const Attributes& a) {
  Tproxy out;
  const auto family = a.be32(NFTA_TPROXY_FAMILY);
  if (!family) return false;
  if (a.has(NFTA_TPROXY_REG_ADDR)) {
    const auto ip = ip_family(*family);
    if (!ip) return false;
    out.address = source(a, NFTA_TPROXY_REG_ADDR, *ip == IpFamily::kV4 ? 4 : 16);
    if (!out.address) return false;
  }
  if (a.has(NFTA_TPROXY_REG_PORT)) {
    out.port = source(a, NFTA_TPROXY_REG_PORT, 2);
    if (!out.port) return false;
  }
  add(std::move(out));
  return true;
}

bool ExpressionDecoder::forward(const Attributes& a) {
  Forward out;
  out.device = source(a, NFTA_FWD_SREG_DEV, 4);
  if (!out.device) return false;
  if (a.has(NFTA_FWD_SREG_ADDR)) {
    const auto ip = ip_family(a.be32(NFTA_FWD_NFPROTO).value_or(0));
    if (!ip) return false;
    out.address = source(a, NFTA_FWD_SREG_ADDR, *ip == IpFamily::kV4 ? 4 : 16);
    if (!out.address) return false;
  }
  add(std::move(out));
  return true;
}

bool ExpressionDecoder::duplicate(const Attributes& a) {
  Forward out;
  out.duplicate = true;
  if (a.has(NFTA_DUP_SREG_DEV)) out.device = source(a, NFTA_DUP_SREG_DEV, 4);
  if (a.has(NFTA_DUP_SREG_ADDR)) {
    out.address = source(a, NFTA_DUP_SREG_ADDR, family_ == NfFamily::kIp6 ? 16 : 4);
  }
  if (!out.device && !out.address) return false;
  add(std::move(out));
  return true;
}

bool ExpressionDecoder::queue(const Attributes& a) {
  Decide out;
  out.verdict.kind = VerdictKind::kQueue;
  out.verdict.queue = a.be16(NFTA_QUEUE_NUM).value_or(0);
  out.verdict.queue_bypass = (a.be16(NFTA_QUEUE_FLAGS).value_or(0) & NFT_QUEUE_FLAG_BYPASS) != 0;
  add(std::move(out));
  return true;
}

bool ExpressionDecoder::match(const Attributes& a) {
  auto name = a.string(NFTA_MATCH_NAME);
  const auto revision = a.be32(NFTA_MATCH_REV);
  const auto info = a.view(NFTA_MATCH_INFO);
  if (!name || !revision) return false;
  add(make_xt_match(std::move(*name), *revision, family_, info.value_or(ByteView())));
  return true;
}

bool ExpressionDecoder::target(const Attributes& a) {
  auto name = a.string(NFTA_TARGET_NAME);
  const auto revision = a.be32(NFTA_TARGET_REV);
  const auto info = a.view(NFTA_TARGET_INFO);
  if (!name || !revision) return false;
  add(make_xt_target(std::move(*name), *revision, family_, info.value_or(ByteView())));
  return true;
}

}  // namespace bulkhead::ruleset
