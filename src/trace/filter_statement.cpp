// Statements of nf_tables: nft_cmp.c, nft_range.c, nft_lookup.c, nft_immediate.c, nft_meta.c (set),
// nft_ct.c (set), nft_payload.c (set), nft_nat.c, nft_masq.c, nft_redir.c, nft_reject*.c.
#include <algorithm>

#include "trace/filter_reject.h"
#include "trace/filter_run.h"

namespace bulkhead::trace::filtering {
namespace {

using model::CompareOp;

// The first bytes of a value against a constant, as memcmp sees them.
int order(const Value& left, const Bytes& right) {
  if (right.empty()) return 0;
  return std::memcmp(left.bytes.data(), right.data(), std::min(right.size(), Value::kMost));
}

bool holds(CompareOp op, int order) {
  switch (op) {
    case CompareOp::kEqual: return order == 0;
    case CompareOp::kNotEqual: return order != 0;
    case CompareOp::kLess: return order < 0;
    case CompareOp::kLessEqual: return order <= 0;
    case CompareOp::kGreater: return order > 0;
    case CompareOp::kGreaterEqual: return order >= 0;
  }
  return false;
}

// True when some bit that is known already differs: equality is then settled whatever the rest is.
bool surely_differs(const Value& left, const Bytes& right) {
  for (std::size_t i = 0; i < std::min(right.size(), left.size); ++i) {
    const std::uint8_t known =
        left.doubtful ? static_cast<std::uint8_t>(~left.doubt[i]) : std::uint8_t{0xff};
    if (((left.bytes[i] ^ right[i]) & known) != 0) return true;
  }
  return false;
}

std::string_view reason(const Value& value) {
  return value.why.empty() ? std::string_view("a comparison longer than its value") : value.why;
}

struct Execute {
  Run& run;
  const OpDetail& op;

  Flow operator()(const model::Compare& compare) const {
    Value left;
    if (!run.evaluate(op.terms[0], left)) return Flow::kBreak;
    if (compare.right.size() > Value::kMost) return run.give_up("a comparison that is too long");
    if (!left.doubt_within(compare.right.size())) {
      return Run::matched(holds(compare.op, order(left, compare.right)));
    }
    const bool equality = compare.op == CompareOp::kEqual || compare.op == CompareOp::kNotEqual;
    if (equality && surely_differs(left, compare.right)) {
      return Run::matched(compare.op == CompareOp::kNotEqual);
    }
    return Run::matched(run.pick(reason(left)));
  }

  Flow operator()(const model::InRange& range) const {
    Value left;
    if (!run.evaluate(op.terms[0], left)) return Flow::kBreak;
    const std::size_t width = std::max(range.first.size(), range.last.size());
    if (width > Value::kMost) return run.give_up("a comparison that is too long");
    if (left.doubt_within(width)) return Run::matched(run.pick(reason(left)));
    const bool inside = order(left, range.first) >= 0 && order(left, range.last) <= 0;
    return Run::matched(inside != range.inverted);
  }

  Flow operator()(const model::InSet& lookup) const {
    Value key;
    if (!run.evaluate_key(op.terms[0], key)) return Flow::kBreak;
    if (op.set == kNone) return run.give_up(run.program.text(op.text));
    const SetCode& set = run.program.sets[op.set];
    const SetCode::Found found = set.find(key);
    run.reads_search(op.terms[0], set, key, found.element);
    if (found.doubt)
      return Run::matched(run.pick(key.doubtful ? key.why : run.program.text(op.text)));
    if (set.filled_by_rules) return Run::matched(run.pick(set.why_filled));
    return Run::matched((found.element != nullptr) != lookup.inverted);
  }

  Flow operator()(const model::VerdictMap&) const {
    Value key;
    if (!run.evaluate_key(op.terms[0], key)) return Flow::kBreak;
    if (op.set == kNone) return run.give_up(run.program.text(op.text));
    const SetCode& set = run.program.sets[op.set];
    const SetCode::Found found = set.find(key);
    run.reads_search(op.terms[0], set, key, found.element);
    if (found.doubt) return run.give_up(key.doubtful ? key.why : run.program.text(op.text));
    if (set.filled_by_rules) return run.give_up(set.why_filled);
    if (found.element == nullptr) return Flow::kBreak;
    return decide(run, found.element->verdict, run.program.text(op.text));
  }

  Flow operator()(const model::Decide&) const {
    return decide(run, op.verdict, run.program.text(op.text));
  }

  // A 32-bit number of the kernel's, or nothing when some bit of it is not known.
  [[nodiscard]] std::optional<std::uint32_t> number(const Value& value) const {
    if (value.doubtful && value.doubt_within(std::min<std::size_t>(value.size, 4)))
      return std::nullopt;
    std::array<std::uint8_t, 4> bytes{};
    std::copy_n(value.bytes.begin(), std::min<std::size_t>(value.size, 4), bytes.begin());
    if (run.program.little_endian) std::reverse(bytes.begin(), bytes.end());
    return static_cast<std::uint32_t>(big_endian_number(bytes));
  }

  Flow operator()(const model::SetMeta& set) const {
    Value value;
    if (!run.evaluate(op.terms[0], value)) return Flow::kBreak;
    if (set.key == model::MetaKey::kBridgeBroute) return run.give_up("meta broute set");
    if (set.key == model::MetaKey::kPkttype) {
      if (value.doubt_within(1)) return run.give_up(reason(value));
      if (value.bytes[0] > 3) return Flow::kContinue;  // skb_pkt_type_ok
      run.packet.type = static_cast<PacketType>(value.bytes[0]);
    } else if (set.key == model::MetaKey::kMark) {
      const auto mark = number(value);
      if (!mark) return run.give_up(reason(value));
      run.packet.mark = *mark;
    } else {
      return Flow::kContinue;  // priority, nftrace, secmark: no rule's answer that we give rests on
                               // them
    }
    run.note();
    run.refresh();
    return Flow::kContinue;
  }

  Flow operator()(const model::SetCt& set) const {
    Value value;
    if (!run.evaluate(op.terms[0], value)) return Flow::kBreak;
    if (set.key == model::CtKey::kZone) return run.give_up("ct zone set");
    ConnTrack* entry = run.entry();
    if (entry == nullptr || set.key != model::CtKey::kMark) return Flow::kContinue;
    const auto mark = number(value);
    if (!mark) return run.give_up(reason(value));
    entry->mark = *mark;
    run.note();
    return Flow::kContinue;
  }

  Flow operator()(const model::SetPayload& set) const {
    Value value;
    if (!run.evaluate(op.terms[0], value)) return Flow::kBreak;
    switch (set.target.base) {
      case model::PayloadBase::kLink:
        if (!run.has_mac_header()) return Flow::kBreak;
        break;
      case model::PayloadBase::kNetwork: break;
      case model::PayloadBase::kTransport:
        if (!run.knows_transport()) return Flow::kBreak;
        break;
      case model::PayloadBase::kInner:
      case model::PayloadBase::kTunnel:
        return run.give_up("a rule writes to what a packet carries inside");
    }
    if (set.target.length < value.size) value.size = set.target.length;
    switch (run.image().write(set.target.base, set.target.offset, value)) {
      case Image::Written::kOutside: return Flow::kBreak;
      case Image::Written::kDoubt: return run.give_up(reason(value));
      case Image::Written::kDone: break;
    }
    run.image().store(run.packet);
    run.forget_image();
    run.note();
    run.refresh();
    return Flow::kContinue;
  }

  // False: the term has no value (rule breaks) or is not known (`unknown` is set).
  [[nodiscard]] bool nat_address(std::uint32_t term, bool v4, std::optional<IpAddress>& out,
                                 bool& unknown) const {
    if (term == kNone) return true;
    Value value;
    if (!run.evaluate(term, value)) return false;
    const std::size_t width = v4 ? 4 : 16;
    unknown = value.doubt_within(width);
    if (unknown) return false;
    out = IpAddress::from_octets(value.view().first(width)).value();
    return true;
  }
  [[nodiscard]] bool nat_port(std::uint32_t term, std::optional<Port>& out, bool& unknown) const {
    if (term == kNone) return true;
    Value value;
    if (!run.evaluate(term, value)) return false;
    unknown = value.doubt_within(2);
    if (unknown) return false;
    out = Port{static_cast<std::uint16_t>(big_endian_number(value.view().first(2)))};
    return true;
  }

  Flow operator()(const model::Nat& nat) const {
    constexpr std::uint32_t kNetmap = 1U << 6;  // NF_NAT_RANGE_NETMAP
    const bool v4 = run.packet.family() == IpFamily::kV4;
    // nft_nat_inet_eval: a statement of the other family does nothing.
    if (nat.family && *nat.family != run.packet.family()) return Flow::kContinue;
    NatRequest request;
    bool unknown = false;
    if (!nat_address(op.terms[0], v4, request.first, unknown) ||
        !nat_address(op.terms[1], v4, request.last, unknown) ||
        !nat_port(op.terms[2], request.port_first, unknown) ||
        !nat_port(op.terms[3], request.port_last, unknown)) {
      return unknown ? run.give_up("the address or port of a NAT rule") : Flow::kBreak;
    }
    if (run.nat == nullptr) return run.give_up("a NAT statement outside a NAT chain");
    request.destination =
        nat.kind == model::NatKind::kDnat || nat.kind == model::NatKind::kRedirect;
    request.masquerade = nat.kind == model::NatKind::kMasquerade;
    request.redirect = nat.kind == model::NatKind::kRedirect;
    request.netmap = (nat.flags & kNetmap) != 0;
    request.flags = nat.flags;
    request.rule = run.here();
    *run.nat = request;
    return Flow::kAccept;
  }

  Flow operator()(const model::Reject& reject) const {
    const bool v4 = run.packet.family() == IpFamily::kV4;
    switch (reject.kind) {
      case model::RejectKind::kTcpReset: return answer_reset(run);
      case model::RejectKind::kIcmp: return answer_icmp(run, reject.code);
      case model::RejectKind::kIcmpx: break;
    }
    // nft_reject.c: no route, port, host, administratively prohibited.
    constexpr std::array<std::uint8_t, 4> kIcmp = {0, 3, 1, 13}, kIcmpV6 = {0, 4, 3, 1};
    if (reject.code >= kIcmp.size()) return answer_icmp(run, 0);
    return answer_icmp(run, v4 ? kIcmp[reject.code] : kIcmpV6[reject.code]);
  }

  Flow operator()(const model::Notrack&) const {
    if (run.context.ct == nullptr || run.entry() != nullptr) return Flow::kContinue;
    run.context.ct->untracked = true;
    run.note();
    run.refresh();
    return Flow::kContinue;
  }

  Flow operator()(const model::Tproxy&) const {  // nft_tproxy.c: TCP and UDP only
    const IpProtocol protocol = run.packet.protocol;
    if (protocol != IpProtocol::kTcp && protocol != IpProtocol::kUdp) return Flow::kBreak;
    return run.give_up("tproxy");
  }

  Flow operator()(const model::Forward& forward) const {
    return forward.duplicate ? Flow::kContinue : run.give_up("fwd to another device");
  }

  Flow operator()(const model::May&) const {
    return Run::matched(run.pick(run.program.text(op.text)));
  }

  Flow operator()(const model::UpdateSet&) const {
    Value key;
    if (op.terms[0] != kNone && !run.evaluate(op.terms[0], key)) return Flow::kBreak;
    return Flow::kContinue;
  }

  Flow operator()(const model::Observe&) const { return Flow::kContinue; }
  Flow operator()(const model::XtHeader& header) const { return run.xt_header(header); }
  Flow operator()(const model::XtMatch& match) const { return run.xt_match(op, match); }
  Flow operator()(const model::XtTarget& target) const { return run.xt_target(op, target); }
  Flow operator()(const model::OpaqueStatement&) const {
    return run.give_up(run.program.text(op.text));
  }
};

}  // namespace

Flow Run::execute_general(const OpDetail& op) {
  return std::visit(Execute{*this, op}, *op.statement);
}

}  // namespace bulkhead::trace::filtering
