// What rules do: net/netfilter/nft_immediate.c, nft_lookup.c, nft_meta.c and nft_ct.c (set),
// nft_payload.c (set), nft_reject*.c, nft_tproxy.c, nft_fwd_netdev.c; x_tables targets in
// xt_target.cpp, NAT in nat.cpp.
#include <algorithm>
#include <variant>

#include "base/text.h"
#include "reach/chain/compiler.h"
#include "reach/chain/headers.h"
#include "reach/chain/rule.h"

namespace bulkhead::reach::chains {

using packet::IntervalSet;

namespace {

constexpr unsigned kDeepestRest = 16;

bool has_derived(const Bits& bits) {
  return std::any_of(bits.begin(), bits.end(),
                     [](const Bit& b) { return !b.is_constant() && !b.is_field(); });
}

// A 32-bit number of the kernel's from the first bytes of a register; absent ones are 0.
Bits number_of(const Here& here, const Value& value) {
  Bits bytes = value.bits;
  bytes.resize(32, Bit::constant(false));
  return host_value(here, std::move(bytes), 4).bits;
}

}  // namespace

// -------------------------------------------------------------------------------- rule parts

Result<Piece> Rule::rest() const {
  return compiler.statements(here.table, rest_, image);
}

Result<Piece> Rule::unknown(std::string_view why) const {
  return unknown_piece(context, why);
}

Result<Piece> Rule::rest_as(const Image& changed) const {
  const ImageId now = context.effects.image(changed);
  if (now == image) return rest();
  auto there = compiler.statements(here.table, rest_, now);
  return there ? rebased(context, *there, now, image) : there;
}

Result<Piece> Rule::where(const Cube& cube, Result<Piece> piece) const {
  return piece ? guarded(context, Condition::certain(cube), *piece) : piece;
}

Result<Piece> Rule::first_of(std::vector<Piece> pieces) const {
  return in_sequence(context, std::move(pieces));
}

Result<Piece> Rule::either_side(const Cube& cube, Result<Piece> inside,
                                Result<Piece> outside) const {
  if (cube.always() || !inside) return inside;
  if (cube.never() || !outside) return outside;
  auto rest_of = cube.complement(context.space);
  if (!rest_of) return std::unexpected(rest_of.error());
  auto a = where(cube, std::move(inside));
  auto b = where(*rest_of, std::move(outside));
  if (!a) return a;
  if (!b) return b;
  auto map = a->map.over(b->map);  // disjoint
  if (!map) return std::unexpected(map.error());
  return described(context, *std::move(map));
}

Result<Piece> Rule::verdict(const model::Verdict& v) const {
  using model::VerdictKind;
  switch (v.kind) {
    case VerdictKind::kAccept: return effect_piece(context, Effect::accept(image));
    case VerdictKind::kDrop: return effect_piece(context, Effect::drop());
    case VerdictKind::kContinue: return rest();
    case VerdictKind::kReturn: return effect_piece(context, Effect::back(image));
    case VerdictKind::kQueue:
      // With bypass and nobody listening nf_queue() goes on to the next hook.
      if (v.queue_bypass) return effect_piece(context, Effect::accept(image));
      return unknown("queue " + std::to_string(v.queue));
    case VerdictKind::kStolen: return unknown("stolen");
    case VerdictKind::kJump:
    case VerdictKind::kGoto: break;
  }
  const auto target = here.table.chains.find(v.chain);
  if (target == here.table.chains.end()) {
    return unknown("a jump to chain '" + escape_text(v.chain) + "', which is not there");
  }
  auto callee = compiler.chain(target->second, image);
  if (!callee || v.kind == VerdictKind::kJump) return callee;
  return each_effect(context, callee->map, [&](Effect effect) {
    if (effect.kind == EffectKind::kPass) return Effect::back(image);
    if (effect.kind == EffectKind::kNext) effect.kind = EffectKind::kReturn;
    return effect;
  });
}

Result<Piece> Rule::reject(bool tcp_reset, std::uint8_t icmp_code) const {
  constexpr std::uint64_t kRst = 4;
  Effect effect = Effect::rejected(image, {});
  const Piece drop = effect_piece(context, Effect::drop());
  if (tcp_reset) {  // no reset is sent for a reset, or for another protocol
    effect.reject = {true, 0, 0};
    Condition answered = context.solver.masked(here.bits(Quantity::kTcpFlags), kRst, 0);
    answered.and_also(here.where(Quantity::kProtocol, IntervalSet::single(protocol::kTcp)));
    return either_side(answered.yes, effect_piece(context, effect), drop);
  }
  // icmp_send() and is_ineligible() (net/ipv6/icmp.c): no error about an error.
  const bool v4 = context.v4();
  effect.reject = {false, static_cast<std::uint8_t>(v4 ? 3 : 1), icmp_code};
  Cube error = here.where(Quantity::kProtocol,
                          IntervalSet::single(v4 ? protocol::kIcmp : protocol::kIcmpV6));
  error.and_also(here.where(Quantity::kIcmpType,
                            v4 ? IntervalSet::of({{3, 5}, {11, 12}}) : IntervalSet::range(0, 127)));
  return either_side(error, drop, effect_piece(context, effect));
}

Result<Piece> Rule::set_bits(Quantity quantity, const Value& value, Bits bits) const {
  if (has_derived(bits)) {
    // Bytes of the packet have a reason of their own, also where all that was read is known.
    const bool doubt = value.why != ReasonId{} && std::ranges::any_of(bits, &Bit::is_unknown);
    return unknown_piece(context, doubt ? context.effects.text(value.why)
                                        : "a number that a rule takes from a packet");
  }
  Image changed = here.image;
  changed.set(context.fields, quantity, std::move(bits));
  return rest_as(changed);
}

Result<Piece> Rule::untrack() const {  // packets without an entry
  Image changed = here.image;
  changed.set(context.fields, Quantity::kCtInfo,
              constant_bits(static_cast<std::uint64_t>(CtInfo::kUntracked), 3));
  return either_side(here.has_entry(), rest(), rest_as(changed));
}

// For every value that the term may have, what `act` makes of it; no value: the rule ends.
template <class Function>
Result<Piece> Rule::each_value(const Cases& cases, Function act) const {
  std::vector<Piece> out;
  for (const Case& c : cases) {
    std::vector<Piece> some;
    for (const Value& value : c.alternatives) {
      Result<Piece> one = act(value);
      if (!one) return one;
      some.push_back(*std::move(one));
    }
    auto one =
        some.size() == 1 ? Result<Piece>(some[0]) : one_of(context, some, c.alternatives[0].why);
    one = where(c.where, std::move(one));
    if (!one) return one;
    out.push_back(*std::move(one));
  }
  if (out.size() == 1) return std::move(out[0]);
  // Cases do not overlap, so that which of them comes first does not matter, even where one passes.
  for (Piece& piece : out) piece.may_pass = false;
  auto all = in_sequence(context, std::move(out));
  return all ? described(context, std::move(all->map)) : all;
}

namespace {

struct Act {
  const Rule& rule;
  using Step = Result<Rule::Step>;

  [[nodiscard]] Step act(Result<Piece> piece) const {
    if (!piece) return std::unexpected(piece.error());
    return Rule::Step{*std::move(piece)};
  }
  [[nodiscard]] Step match(Result<Condition> condition) const {
    if (!condition) return std::unexpected(condition.error());
    return Rule::Step{*std::move(condition)};
  }
  // The rule goes on wherever the term has a value.
  [[nodiscard]] Step has_value(const Cases& cases) const {
    std::vector<Cube> all;
    for (const Case& c : cases) all.push_back(c.where);
    auto some = any_of(rule.context.space, all);
    if (!some) return std::unexpected(some.error());
    return Rule::Step{Condition::certain(*std::move(some))};
  }
  [[nodiscard]] std::string_view why(const Value& value) const {
    return rule.context.effects.text(value.why == ReasonId{} ? rule.context.too_short : value.why);
  }

  Step operator()(const model::Compare& s) const { return match(holds(rule.here, s)); }
  Step operator()(const model::InRange& s) const { return match(holds(rule.here, s)); }
  Step operator()(const model::InSet& s) const { return match(holds(rule.here, s)); }
  Step operator()(const model::XtHeader& s) const { return match(holds(rule.here, s)); }
  Step operator()(const model::XtMatch& s) const { return match(holds(rule.here, s)); }
  Step operator()(const model::Observe&) const { return Rule::Step{}; }
  Step operator()(const model::May& s) const {
    const std::string text = escape_text(s.detail.empty() ? s.what : s.what + " " + s.detail);
    return match(Condition::maybe(Cube(), rule.here.reason(text)));
  }

  Step operator()(const model::Decide& s) const {
    if (s.verdict.kind == model::VerdictKind::kContinue) return Rule::Step{};
    return act(rule.verdict(s.verdict));
  }

  Step operator()(const model::VerdictMap& s) const {
    const auto cases = evaluate(rule.here, s.key);
    if (!cases) return std::unexpected(cases.error());
    const std::string name = "verdict map " + escape_text(s.set);
    const SetInfo* info = rule.here.set(s.set);
    return act(rule.each_value(*cases, [&](const Value& key) -> Result<Piece> {
      if (info == nullptr) return rule.unknown(name);
      const auto hits = look_up(rule.here, *info->definition, key);
      if (!hits) return std::unexpected(hits.error());
      if (hits->doubt) {
        const ReasonId reason = hits->why != ReasonId{} ? hits->why : key.why;
        return rule.unknown(reason == ReasonId{} ? name : rule.context.effects.text(reason));
      }
      if (info->filled_by_rules)
        return rule.unknown("set " + escape_text(s.set) + ", which rules fill");
      return elements(*hits, name);
    }));
  }

  [[nodiscard]] Result<Piece> element(const model::SetElement& e, const std::string& name) const {
    return e.verdict ? rule.verdict(*e.verdict) : rule.unknown(name);
  }

  [[nodiscard]] Result<Piece> elements(const Hits& hits, const std::string& name) const {
    std::vector<Piece> out;
    std::vector<Cube> all;
    for (const Hit& hit : hits.hits) {
      auto one = rule.where(hit.where, element(*hit.element, name));
      if (!one) return one;
      one->may_pass = false;  // elements do not overlap
      out.push_back(*std::move(one));
      if (hits.otherwise != nullptr) all.push_back(hit.where);
    }
    if (hits.otherwise != nullptr) {
      const auto inside = any_of(rule.context.space, all);
      auto outside = inside ? inside->complement(rule.context.space) : inside;
      if (!outside) return std::unexpected(outside.error());
      auto one = rule.where(*outside, element(*hits.otherwise, name));
      if (!one) return one;
      one->may_pass = false;
      out.push_back(*std::move(one));
    }
    auto merged = rule.first_of(std::move(out));
    return merged ? described(rule.context, std::move(merged->map)) : merged;
  }

  Step operator()(const model::SetMeta& s) const {
    const auto cases = evaluate(rule.here, s.value);
    if (!cases) return std::unexpected(cases.error());
    if (s.key == model::MetaKey::kMark) {
      return act(rule.each_value(*cases, [&](const Value& value) -> Result<Piece> {
        if (doubt_within(value, std::min<std::size_t>(value.bits.size() / 8, 4))) {
          return rule.unknown(why(value));
        }
        return rule.set_bits(Quantity::kMark, value, number_of(rule.here, value));
      }));
    }
    if (s.key == model::MetaKey::kPkttype) {
      return act(rule.each_value(*cases, [&](const Value& v) { return packet_type(v); }));
    }
    if (s.key == model::MetaKey::kBridgeBroute) {
      return act(
          rule.each_value(*cases, [&](const Value&) { return rule.unknown("meta broute set"); }));
    }
    return has_value(*cases);  // priority, nftrace, secmark: no answer of ours rests on them
  }

  [[nodiscard]] Result<Piece> packet_type(const Value& value) const {
    if (doubt_within(value, 1)) return rule.unknown(why(value));
    const auto first = constant_of(Bits(value.bits.begin(), value.bits.begin() + 6));
    if (!first) return rule.unknown("a packet type that a rule takes from a packet");
    if (*first != 0) return rule.rest();  // skb_pkt_type_ok
    return rule.set_bits(Quantity::kPacketType, value,
                         Bits(value.bits.begin() + 6, value.bits.begin() + 8));
  }

  Step operator()(const model::SetCt& s) const {
    const auto cases = evaluate(rule.here, s.value);
    if (!cases) return std::unexpected(cases.error());
    if (s.key == model::CtKey::kZone) {
      return act(
          rule.each_value(*cases, [&](const Value&) { return rule.unknown("ct zone set"); }));
    }
    if (s.key != model::CtKey::kMark) return has_value(*cases);
    return act(rule.each_value(*cases, [&](const Value& value) -> Result<Piece> {
      const bool doubt = doubt_within(value, std::min<std::size_t>(value.bits.size() / 8, 4));
      auto set = doubt ? rule.unknown(why(value))
                       : rule.set_bits(Quantity::kCtMark, value, number_of(rule.here, value));
      return rule.either_side(rule.here.has_entry(), std::move(set), rule.rest());
    }));
  }

  Step operator()(const model::SetPayload& s) const {
    if (rule.context.arp()) return act(rule.unknown("a rule writes to ARP frames"));
    const auto cases = evaluate(rule.here, s.value);
    if (!cases) return std::unexpected(cases.error());
    return act(rule.each_value(*cases, [&](const Value& v) { return rule.write(s.target, v); }));
  }

  Step operator()(const model::Nat& s) const { return rule.nat(s); }

  Step operator()(const model::Reject& s) const {
    if (rule.context.arp()) {  // nft_reject_bridge.c, nft_reject_netdev.c: nobody is told
      model::Verdict dropped;
      dropped.kind = model::VerdictKind::kDrop;
      return act(rule.verdict(dropped));
    }
    // nft_reject.c: no route, port, host, administratively prohibited.
    constexpr std::array<std::uint8_t, 4> kIcmp = {0, 3, 1, 13}, kIcmpV6 = {0, 4, 3, 1};
    if (s.kind == model::RejectKind::kTcpReset) return act(rule.reject(true, 0));
    if (s.kind == model::RejectKind::kIcmp) return act(rule.reject(false, s.code));
    const auto& codes = rule.context.v4() ? kIcmp : kIcmpV6;
    return act(rule.reject(false, s.code < codes.size() ? codes[s.code] : std::uint8_t{0}));
  }

  Step operator()(const model::Notrack&) const { return act(rule.untrack()); }

  Step operator()(const model::Tproxy&) const {  // nft_tproxy.c: TCP and UDP only
    return act(rule.where(
        rule.here.where(Quantity::kProtocol, IntervalSet::of({{protocol::kTcp, protocol::kTcp},
                                                              {protocol::kUdp, protocol::kUdp}})),
        rule.unknown("tproxy")));
  }
  Step operator()(const model::Forward& s) const {
    return s.duplicate ? Step(Rule::Step{}) : act(rule.unknown("fwd to another device"));
  }
  Step operator()(const model::UpdateSet& s) const {
    const auto cases = evaluate(rule.here, s.key);
    if (!cases) return std::unexpected(cases.error());
    return has_value(*cases);
  }
  Step operator()(const model::XtTarget& s) const { return rule.target(s); }
  Step operator()(const model::OpaqueStatement& s) const {
    return act(rule.unknown("expression '" + escape_text(s.what) + "' not understood"));
  }
};

}  // namespace

// Writes bytes over the packet. What is written where nothing is known stays unknown; a value that
// is not known where something is known is more than can be followed.
Result<Piece> Rule::write(const model::PayloadTerm& target, const Value& value) const {
  const auto from = start_of(here, target.base, target.offset);
  if (!from) return unknown("a rule writes to what a packet carries inside");
  const std::size_t size = std::min<std::size_t>(value.bits.size() / 8, target.length);
  const std::size_t end = *from + size;
  Cube place;
  if (target.base == model::PayloadBase::kLink) place = has_mac_header(here);
  std::vector<Piece> out;
  const unsigned kinds = possible_transports(here);
  for (std::size_t i = 0; i < kTransports.size(); ++i) {
    if ((kinds >> i & 1U) == 0) continue;
    const Transport kind = kTransports[i];
    const Frame frame(here, kind);
    Cube cube = place;
    cube.and_also(long_enough(here, end, frame.known_bytes()));
    const bool same_for_all = end <= frame.transport_start();
    if (!same_for_all) cube.and_also(here.where(Quantity::kProtocol, protocols_of(kind)));
    auto one = where(cube, written(frame, *from * 8, value, size * 8));
    if (!one) return one;
    one->may_pass = false;  // the kinds do not overlap
    out.push_back(*std::move(one));
    if (same_for_all) break;
  }
  auto all = first_of(std::move(out));
  return all ? described(context, std::move(all->map)) : all;
}

Result<Piece> Rule::written(const Frame& frame, std::size_t from, const Value& value,
                            std::size_t bits) const {
  Image changed = here.image;
  for (std::size_t i = 0; i < bits; ++i) {
    const Bit bit = value.bits[i];
    if (from + i >= frame.known_bytes() * 8) break;
    const bool known = !frame.bit(from + i).is_unknown();
    if (bit.is_unknown() && known) {
      return unknown(value.why == ReasonId{} ? "a rule writes what is not known"
                                             : context.effects.text(value.why));
    }
    const Frame::Place place = frame.place(from + i);
    if (!place.quantity) continue;
    if (!bit.is_field() && !bit.is_constant()) {
      return unknown("a number that a rule takes from a packet");
    }
    Bits now = changed.of(context.fields, *place.quantity);
    now[place.bit] = bit;
    changed.set(context.fields, *place.quantity, std::move(now));
  }
  return rest_as(changed);
}

Result<Piece> Compiler::statements(const TableIndex& table, std::span<const model::Statement> rest,
                                   ImageId image) {
  if (nested_ > kDeepestRest) return unknown_piece(context_, "a rule that changes too much");
  ++nested_;
  const Image now = context_.effects.image(image);
  Condition guard;
  Result<Piece> out = passing(context_);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const Rule rule(*this, {context_, table, now, image, guard.at_most().product()}, image,
                    rest.subspan(i + 1));
    auto step = std::visit(Act{rule}, rest[i]);
    if (!step) {
      out = std::unexpected(step.error());
      break;
    }
    if (const auto* condition = std::get_if<Condition>(&*step)) {
      guard.and_also(*condition);
      if (guard.at_most().never()) break;
    } else if (auto* piece = std::get_if<Piece>(&*step)) {
      out = guarded(context_, guard, *piece);
      break;
    }
  }
  --nested_;
  return out;
}

}  // namespace bulkhead::reach::chains
