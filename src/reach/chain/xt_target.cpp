// Targets of x_tables: net/netfilter/xt_{mark,connmark,CT,nat,NETMAP,REDIRECT,MASQUERADE}.c,
// net/ipv4/netfilter/ipt_REJECT.c, net/ipv6/netfilter/ip6t_REJECT.c.
#include <variant>

#include "base/text.h"
#include "reach/chain/rule.h"

namespace bulkhead::reach::chains {
namespace {

namespace xt = model::xt;

model::Verdict verdict_of(const xt::Standard& s) {
  using model::VerdictKind;
  using xt::StandardVerdict;
  switch (s.verdict) {
    case StandardVerdict::kAccept: return {VerdictKind::kAccept, {}, 0, false};
    case StandardVerdict::kDrop: return {VerdictKind::kDrop, {}, 0, false};
    case StandardVerdict::kReturn: return {VerdictKind::kReturn, {}, 0, false};
    case StandardVerdict::kQueue: return {VerdictKind::kQueue, {}, 0, false};
    case StandardVerdict::kJump: return {VerdictKind::kJump, s.chain, 0, false};
    case StandardVerdict::kGoto: return {VerdictKind::kGoto, s.chain, 0, false};
  }
  return {};
}

bool bit_of(std::uint32_t number, std::size_t i) {  // 0: the most significant
  return (number >> (31 - i) & 1U) != 0;
}

// (bits & ~mask) ^ value
Bits masked(Bits bits, std::uint32_t mask, std::uint32_t value) {
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bit_of(mask, i)) bits[i] = Bit::constant(false);
    if (bit_of(value, i)) bits[i] = bits[i].inverted();
  }
  return bits;
}

Bits kept(Bits bits, std::uint32_t mask) {
  return masked(std::move(bits), ~mask, 0);
}

Bits shifted(const Bits& bits, const xt::ConnmarkTarget& t) {
  Bits out(bits.size(), Bit::constant(false));
  if (t.shift_bits >= 32) return out;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (t.shift_right && i >= t.shift_bits) out[i] = bits[i - t.shift_bits];
    if (!t.shift_right && i + t.shift_bits < bits.size()) out[i] = bits[i + t.shift_bits];
  }
  return out;
}

// a ^ b, where one of both is constant; nullopt: two bits of the packet that are joined.
std::optional<Bits> joined(const Bits& a, const Bits& b) {
  Bits out;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (b[i].is_constant()) {
      out.push_back(b[i].flip ? a[i].inverted() : a[i]);
    } else if (a[i].is_constant()) {
      out.push_back(a[i].flip ? b[i].inverted() : b[i]);
    } else if (a[i] == b[i] || a[i] == b[i].inverted()) {
      out.push_back(Bit::constant(a[i] != b[i]));
    } else {
      return std::nullopt;
    }
  }
  return out;
}

struct Target {
  const Rule& rule;
  const model::XtTarget& target;
  using Step = Result<Rule::Step>;

  [[nodiscard]] Step act(Result<Piece> piece) const {
    if (!piece) return std::unexpected(piece.error());
    return Rule::Step{*std::move(piece)};
  }
  [[nodiscard]] Step give_up(std::string_view more = {}) const {
    return act(rule.unknown("xt target '" + escape_text(target.name) + "'" + std::string(more)));
  }
  [[nodiscard]] Step set(Quantity quantity, std::optional<Bits> bits) const {
    if (!bits) return give_up(" that joins the packet's and the connection's mark");
    return act(rule.set_bits(quantity, {}, *std::move(bits)));
  }

  Step operator()(const xt::Opaque&) const { return give_up(" not understood"); }
  Step operator()(const xt::Standard& t) const { return act(rule.verdict(verdict_of(t))); }
  Step operator()(const xt::PassTarget&) const { return Rule::Step{}; }
  Step operator()(const xt::TproxyTarget&) const { return give_up(); }
  Step operator()(const xt::QueueTarget& t) const {
    if (!t.bypass) return give_up();
    return act(effect_piece(rule.context, Effect::accept(rule.image)));
  }
  Step operator()(const xt::RejectTarget& t) const {
    if (t.echo_reply) return act(effect_piece(rule.context, Effect::drop()));
    return act(rule.reject(t.tcp_reset, t.icmp_code));
  }

  Step operator()(const xt::NatTarget& t) const {
    const HookPoint point = rule.context.point;
    const bool before_routing = point == HookPoint::kIpPrerouting || point == HookPoint::kIpOutput;
    NatRequest request;
    request.destination = t.kind == xt::NatTargetKind::kDnat ||
                          t.kind == xt::NatTargetKind::kRedirect ||
                          (t.kind == xt::NatTargetKind::kNetmap && before_routing);
    request.masquerade = t.kind == xt::NatTargetKind::kMasquerade;
    request.redirect = t.kind == xt::NatTargetKind::kRedirect;
    request.netmap = t.kind == xt::NatTargetKind::kNetmap;
    if (t.addresses) {
      request.first = t.addresses->first;
      request.last = t.addresses->last;
    }
    if (t.ports) {
      request.port_first = t.ports->first;
      request.port_last = t.ports->last;
    }
    request.base_port = t.base_port;
    request.flags = t.flags;
    return act(rule.request(request));
  }

  Step operator()(const xt::MarkTarget& t) const {
    return set(Quantity::kMark, masked(rule.here.bits(Quantity::kMark), t.mask, t.value));
  }

  Step operator()(const xt::ConnmarkTarget& t) const {
    const Bits mark = rule.here.bits(Quantity::kMark), ct = rule.here.bits(Quantity::kCtMark);
    std::optional<Bits> now;
    Quantity quantity = Quantity::kCtMark;
    switch (t.mode) {
      case xt::ConnmarkMode::kSet: now = shifted(masked(ct, t.ct_mask, t.ct_mark), t); break;
      case xt::ConnmarkMode::kSave:
        now = joined(kept(ct, ~t.ct_mask), shifted(kept(mark, t.nf_mask), t));
        break;
      case xt::ConnmarkMode::kRestore:
        quantity = Quantity::kMark;
        now = joined(kept(mark, ~t.nf_mask), shifted(kept(ct, t.ct_mask), t));
        break;
    }
    auto step = set(quantity, std::move(now));
    if (!step) return step;
    return act(rule.either_side(rule.here.has_entry(), std::get<Piece>(*step), rule.rest()));
  }

  // xt_CT.c: what conntrack has seen already, or what is untracked, stays as it is.
  Step operator()(const xt::CtTarget& t) const {
    const Cube none = rule.here.where(
        Quantity::kCtInfo, packet::IntervalSet::single(static_cast<std::uint64_t>(CtInfo::kNone)));
    if (t.zone != 0) return act(rule.either_side(none, rule.unknown("CT --zone"), rule.rest()));
    return t.notrack ? act(rule.untrack()) : Step(Rule::Step{});
  }
};

}  // namespace

Result<Rule::Step> Rule::target(const model::XtTarget& s) const {
  if (context.arp()) {
    auto piece = unknown("target " + escape_text(s.name) + " for ARP frames");
    if (!piece) return std::unexpected(piece.error());
    return Step{*std::move(piece)};
  }
  return std::visit(Target{*this, s}, s.info);
}

}  // namespace bulkhead::reach::chains
