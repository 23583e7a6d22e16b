#include "ruleset/expressions.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <array>
#include <utility>

#include "ruleset/netlink.h"

namespace bulkhead::ruleset {

using namespace model;

namespace {

// Kernel user interface later than the headers we build with (6.1).
constexpr std::size_t kBitwiseSource2 = 8;  // NFTA_BITWISE_SREG2, 6.13
constexpr std::size_t kAny = Attributes::kMax;

std::optional<VerdictKind> verdict_kind(std::uint32_t code) {
  switch (static_cast<std::int32_t>(code)) {
    case NFT_CONTINUE: return VerdictKind::kContinue;
    case NFT_BREAK: return VerdictKind::kContinue;
    case NFT_JUMP: return VerdictKind::kJump;
    case NFT_GOTO: return VerdictKind::kGoto;
    case NFT_RETURN: return VerdictKind::kReturn;
  }
  switch (code & NF_VERDICT_MASK) {
    case NF_DROP: return VerdictKind::kDrop;
    case NF_ACCEPT: return VerdictKind::kAccept;
    case NF_STOLEN: return VerdictKind::kStolen;
    case NF_QUEUE: return VerdictKind::kQueue;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Verdict> decode_verdict(const Attributes& attributes) {
  const auto code = attributes.be32(NFTA_VERDICT_CODE);
  if (!code) return std::nullopt;
  const auto kind = verdict_kind(*code);
  if (!kind) return std::nullopt;
  Verdict verdict;
  verdict.kind = *kind;
  if (*kind == VerdictKind::kQueue) {
    verdict.queue = static_cast<std::uint16_t>(*code >> 16);
    verdict.queue_bypass = (*code & NF_VERDICT_FLAG_QUEUE_BYPASS) != 0;
  }
  if (*kind == VerdictKind::kJump || *kind == VerdictKind::kGoto) {
    auto chain = attributes.string(NFTA_VERDICT_CHAIN);
    if (!chain) return std::nullopt;
    verdict.chain = std::move(*chain);
  }
  return verdict;
}

bool is_stateful_limit(ByteView expression) {
  const auto outer = Attributes::parse(expression);
  const auto name = outer ? outer->string(NFTA_EXPR_NAME) : std::nullopt;
  return !name || (*name != "counter" && *name != "last");
}

const ExpressionDecoder::Entry* ExpressionDecoder::find(const std::string& name) {
  using D = ExpressionDecoder;
  static constexpr auto kTable = std::to_array<Entry>({
      {"immediate", NFTA_IMMEDIATE_DATA, &D::immediate},
      {"payload", NFTA_PAYLOAD_CSUM_FLAGS, &D::payload},
      {"meta", NFTA_META_SREG, &D::meta},
      {"ct", NFTA_CT_SREG, &D::ct},
      {"fib", NFTA_FIB_FLAGS, &D::fib},
      {"rt", NFTA_RT_KEY, &D::rt},
      {"socket", NFTA_SOCKET_LEVEL, &D::socket},
      {"exthdr", NFTA_EXTHDR_SREG, &D::exthdr},
      {"bitwise", kBitwiseSource2, &D::bitwise},
      {"byteorder", NFTA_BYTEORDER_SIZE, &D::byteorder},
      {"numgen", NFTA_NG_OFFSET, &D::numgen},
      {"hash", NFTA_HASH_SET_ID, &D::hash},
      {"inner", kAny, &D::inner},
      {"osf", kAny, &D::osf},
      {"xfrm", kAny, &D::xfrm},
      {"tunnel", kAny, &D::tunnel},
      {"cmp", NFTA_CMP_DATA, &D::cmp},
      {"range", NFTA_RANGE_TO_DATA, &D::range},
      {"lookup", NFTA_LOOKUP_FLAGS, &D::lookup},
      {"dynset", NFTA_DYNSET_EXPRESSIONS, &D::dynset},
      {"nat", NFTA_NAT_FLAGS, &D::nat},
      {"masq", NFTA_MASQ_REG_PROTO_MAX, &D::masquerade},
      {"redir", NFTA_REDIR_FLAGS, &D::redirect},
      {"reject", NFTA_REJECT_ICMP_CODE, &D::reject},
      {"notrack", 0, &D::notrack},
      {"tproxy", NFTA_TPROXY_REG_PORT, &D::tproxy},
      {"fwd", NFTA_FWD_NFPROTO, &D::forward},
      {"dup", NFTA_DUP_SREG_DEV, &D::duplicate},
      {"queue", NFTA_QUEUE_SREG_QNUM, &D::queue},
      {"match", NFTA_MATCH_INFO, &D::match},
      {"target", NFTA_TARGET_INFO, &D::target},
      {"counter", kAny, &D::counter},
      {"log", kAny, &D::log},
      {"last", kAny, &D::last},
      {"limit", NFTA_LIMIT_PAD, &D::limit},
      {"quota", NFTA_QUOTA_CONSUMED, &D::quota},
      {"connlimit", NFTA_CONNLIMIT_FLAGS, &D::connlimit},
      {"objref", NFTA_OBJREF_SET_ID, &D::objref},
      {"flow_offload", kAny, &D::flow_offload},
  });
  for (const Entry& entry : kTable) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

std::vector<Statement> ExpressionDecoder::decode(ByteView list) {
  statements_.clear();
  registers_.forget();
  const auto expressions = list_attributes(list);
  if (!expressions) {
    add(OpaqueStatement{"expressions", Bytes(list.begin(), list.end())});
    return std::move(statements_);
  }
  for (const Attribute& expression : *expressions) decode_one(expression.value);
  return std::move(statements_);
}

void ExpressionDecoder::decode_one(ByteView expression) {
  const auto outer = Attributes::parse(expression);
  const auto name = outer ? outer->string(NFTA_EXPR_NAME) : std::nullopt;
  const Entry* entry = name ? find(*name) : nullptr;
  if (outer && entry != nullptr) {
    const auto data = outer->has(NFTA_EXPR_DATA) ? outer->nested(NFTA_EXPR_DATA) : Attributes();
    if (data && !data->beyond(entry->known) && (this->*entry->handler)(*data)) return;
  }
  add(OpaqueStatement{name.value_or("expression"), Bytes(expression.begin(), expression.end())});
  registers_.forget();
}

bool ExpressionDecoder::load(const Attributes& a, std::size_t type, std::uint32_t length,
                             Term term) {
  const auto number = a.be32(type);
  const auto slot = number ? register_slot(*number) : std::nullopt;
  if (!slot) return false;
  registers_.write(*slot, length, std::move(term));
  return true;
}

std::optional<Term> ExpressionDecoder::source(const Attributes& a, std::size_t type,
                                              std::uint32_t length) const {
  const auto number = a.be32(type);
  const auto slot = number ? register_slot(*number) : std::nullopt;
  if (!slot) return std::nullopt;
  return registers_.read(*slot, length);
}

const SetFacts* ExpressionDecoder::set_facts(const std::string& name) const {
  const auto found = sets_.find(name);
  return found == sets_.end() ? nullptr : &found->second;
}

std::optional<Term> ExpressionDecoder::set_key(const Attributes& a, std::size_t type,
                                               const SetFacts& facts) const {
  return source(a, type, facts.key_length);
}

}  // namespace bulkhead::ruleset
