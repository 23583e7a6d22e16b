// NAT statements: net/netfilter/nft_nat.c, nft_masq.c, nft_redir.c.
#include <algorithm>
#include <array>

#include "reach/chain/rule.h"

namespace bulkhead::reach::chains {
namespace {

constexpr std::size_t kMostCases = 4096;
constexpr std::size_t kTerms = 4;           // address, last address, port, last port
constexpr std::uint32_t kNetmap = 1U << 6;  // NF_NAT_RANGE_NETMAP

using Operands = std::array<std::optional<Value>, kTerms>;

struct OperandCase {
  Cube where;
  std::vector<Operands> alternatives;  // several: it is not known which, because of `why`
  ReasonId why{};
};

std::array<const std::optional<model::Term>*, kTerms> terms_of(const model::Nat& s) {
  return {&s.address, &s.address_max, &s.port, &s.port_max};
}

const model::MapTerm* map_of(const std::optional<model::Term>& term) {
  return term ? std::get_if<model::MapTerm>(&term->node) : nullptr;
}

// When all terms are parts of what one map holds for one key, they vary together.
const model::MapTerm* common_map(const model::Nat& s) {
  const model::MapTerm* first = nullptr;
  for (const auto* term : terms_of(s)) {
    if (!*term) continue;
    const model::MapTerm* map = map_of(*term);
    if (map == nullptr) return nullptr;
    if (first != nullptr && (map->set != first->set || map->key != first->key)) return nullptr;
    first = map;
  }
  return first;
}

Value slice_of(const Value& whole, const model::MapTerm& part) {
  const std::size_t from = std::size_t{part.slice_offset} * 8;
  if (from > whole.bits.size()) return {Bits(512, Bit::unknown()), whole.why};
  std::size_t end = whole.bits.size();
  if (part.slice_length != 0) end = std::min(end, from + std::size_t{part.slice_length} * 8);
  return {Bits(whole.bits.begin() + static_cast<std::ptrdiff_t>(from),
               whole.bits.begin() + static_cast<std::ptrdiff_t>(end)),
          whole.why};
}

Result<std::vector<OperandCase>> from_one_map(const Here& here, const model::Nat& s,
                                              const model::MapTerm& map) {
  model::MapTerm all = map;
  all.slice_offset = all.slice_length = 0;
  const auto cases = evaluate(here, model::Term{all});
  if (!cases) return std::unexpected(cases.error());
  std::vector<OperandCase> out;
  for (const Case& c : *cases) {
    OperandCase one{c.where, {}, c.alternatives[0].why};
    for (const Value& value : c.alternatives) {
      Operands& operands = one.alternatives.emplace_back();
      for (std::size_t i = 0; i < kTerms; ++i) {
        const model::MapTerm* part = map_of(*terms_of(s)[i]);
        if (part != nullptr) operands[i] = slice_of(value, *part);
      }
    }
    out.push_back(std::move(one));
  }
  return out;
}

// The case with one operand more, for every value that it may have.
OperandCase extended(const OperandCase& before, std::size_t i, const Case& c) {
  OperandCase out = before;
  out.where.and_also(c.where);
  out.alternatives.clear();
  if (c.alternatives.size() > 1) out.why = c.alternatives[0].why;
  for (const Operands& operands : before.alternatives) {
    for (const Value& value : c.alternatives) {
      out.alternatives.push_back(operands);
      out.alternatives.back()[i] = value;
    }
  }
  return out;
}

Result<std::vector<OperandCase>> independent(const Here& here, const model::Nat& s) {
  std::vector<OperandCase> out = {{Cube(), {Operands{}}, {}}};
  for (std::size_t i = 0; i < kTerms; ++i) {
    const auto& term = *terms_of(s)[i];
    if (!term) continue;
    const auto cases = evaluate(here, *term);
    if (!cases) return std::unexpected(cases.error());
    if (out.size() * cases->size() > kMostCases) {
      return fail(ErrorCode::kBudget, "a NAT rule with too many cases");
    }
    std::vector<OperandCase> more;
    for (const OperandCase& before : out) {
      for (const Case& c : *cases) {
        OperandCase one = extended(before, i, c);
        if (!one.where.never()) more.push_back(std::move(one));
      }
    }
    out = std::move(more);
  }
  return out;
}

std::optional<IpAddress> address_of(const Value& value, bool v4) {
  const std::size_t bits = v4 ? 32 : 128;
  if (value.bits.size() < bits) return std::nullopt;
  Bytes octets;
  for (std::size_t i = 0; i < bits; i += 8) {
    const auto byte = constant_of(Bits(value.bits.begin() + static_cast<std::ptrdiff_t>(i),
                                       value.bits.begin() + static_cast<std::ptrdiff_t>(i + 8)));
    if (!byte) return std::nullopt;
    octets.push_back(static_cast<std::uint8_t>(*byte));
  }
  return IpAddress::from_octets(octets).value();
}

std::optional<Port> port_of(const Value& value) {
  if (value.bits.size() < 16) return std::nullopt;
  const auto number = constant_of(Bits(value.bits.begin(), value.bits.begin() + 16));
  return number ? std::optional(Port{static_cast<std::uint16_t>(*number)}) : std::nullopt;
}

// nullopt: an operand that is not known, or that varies with the packet.
std::optional<NatRequest> request_of(const model::Nat& s, const Operands& operands, bool v4) {
  NatRequest out;
  out.destination = s.kind == model::NatKind::kDnat || s.kind == model::NatKind::kRedirect;
  out.masquerade = s.kind == model::NatKind::kMasquerade;
  out.redirect = s.kind == model::NatKind::kRedirect;
  out.netmap = (s.flags & kNetmap) != 0;
  out.flags = s.flags;
  const std::array<std::optional<IpAddress>*, 2> addresses = {&out.first, &out.last};
  const std::array<std::optional<Port>*, 2> ports = {&out.port_first, &out.port_last};
  for (std::size_t i = 0; i < kTerms; ++i) {
    const std::optional<Value>& operand = operands[i];
    if (!operand) continue;
    if (i < 2) {
      *addresses[i] = address_of(*operand, v4);
      if (!*addresses[i]) return std::nullopt;
    } else {
      *ports[i - 2] = port_of(*operand);
      if (!*ports[i - 2]) return std::nullopt;
    }
  }
  return out;
}

}  // namespace

Result<Piece> Rule::request(const NatRequest& request) const {
  if (!context.in_nat) return unknown("NAT outside a NAT chain");
  Effect effect = Effect::accept(image);
  effect.nat = context.effects.nat(request);
  return effect_piece(context, effect);
}

Result<Rule::Step> Rule::nat(const model::Nat& s) const {
  // nft_nat_inet_eval: a statement of the other family does nothing.
  if (s.family && *s.family != context.fields.family()) return Step{};
  const model::MapTerm* map = common_map(s);
  const auto operands = map != nullptr ? from_one_map(here, s, *map) : independent(here, s);
  if (!operands) return std::unexpected(operands.error());
  std::vector<Piece> out;
  for (const OperandCase& one : *operands) {
    std::vector<Piece> some;
    for (const Operands& values : one.alternatives) {
      const auto wish = request_of(s, values, context.v4());
      auto piece = wish ? request(*wish) : unknown("the address or port of a NAT rule");
      if (!piece) return std::unexpected(piece.error());
      some.push_back(*std::move(piece));
    }
    auto piece = some.size() == 1 ? Result<Piece>(some[0]) : one_of(context, some, one.why);
    piece = where(one.where, std::move(piece));
    if (!piece) return std::unexpected(piece.error());
    piece->may_pass = false;  // cases do not overlap
    out.push_back(*std::move(piece));
  }
  auto all = first_of(std::move(out));
  if (!all) return std::unexpected(all.error());
  return Step{described(context, std::move(all->map))};
}

}  // namespace bulkhead::reach::chains
