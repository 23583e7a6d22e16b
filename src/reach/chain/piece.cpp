#include "reach/chain/piece.h"

#include <algorithm>
#include <utility>

namespace bulkhead::reach::chains {

using packet::VerdictMap;

Piece constant_piece(Context& context, packet::Leaf leaf) {
  Piece out{context.space.constant(leaf), leaf, false, false};
  const Leaf& l = context.effects.at(leaf);
  out.may_pass = context.effects.may_pass(leaf);
  out.changes = std::any_of(l.effects.begin(), l.effects.end(),
                            [](const Effect& e) { return e.kind == EffectKind::kNext; });
  return out;
}

Piece passing(Context& context) {
  return constant_piece(context, packet::kNone);
}

Piece effect_piece(Context& context, const Effect& effect) {
  return constant_piece(context, context.effects.leaf(effect));
}

Piece unknown_piece(Context& context, std::string_view why) {
  return effect_piece(context, Effect::unknown(context.effects.reason(why)));
}

Piece described(Context& context, VerdictMap map) {
  Piece out{std::move(map), std::nullopt, false, false};
  const auto leaves = out.map.leaves();
  if (leaves.size() == 1) return constant_piece(context, leaves[0]);
  for (packet::Leaf leaf : leaves) {
    const Piece one = constant_piece(context, leaf);
    out.may_pass = out.may_pass || one.may_pass;
    out.changes = out.changes || one.changes;
  }
  return out;
}

namespace {

packet::Leaf perhaps(Context& context, packet::Leaf leaf, ReasonId why) {
  return context.effects.because(context.effects.either(leaf, packet::kNone), why);
}

}  // namespace

Result<Piece> guarded(Context& context, const Condition& guard, const Piece& piece) {
  if (guard.at_most().never()) return passing(context);
  if (!guard.doubt && guard.yes.always()) return piece;
  Piece out{piece.map, std::nullopt, piece.may_pass, piece.changes};
  auto surely = piece.constant ? guard.yes.rule(context.space, *piece.constant)
                               : guard.yes.mask(context.space, piece.map);
  if (!surely) return std::unexpected(surely.error());
  out.map = *std::move(surely);
  if (!guard.doubt) return out;
  out.may_pass = true;
  Result<VerdictMap> maybe = out.map;
  if (piece.constant) {
    maybe = guard.possible.rule(context.space, perhaps(context, *piece.constant, guard.why));
  } else {
    std::vector<VerdictMap::Replacement> by;
    for (packet::Leaf l : piece.map.leaves()) by.push_back({l, perhaps(context, l, guard.why)});
    const auto all = piece.map.remap(by);
    if (!all) return std::unexpected(all.error());
    maybe = guard.possible.mask(context.space, *all);
  }
  if (!maybe) return std::unexpected(maybe.error());
  auto both = out.map.over(*maybe);
  if (!both) return std::unexpected(both.error());
  out.map = *std::move(both);
  return out;
}

namespace {

Result<Piece> followed(Context& context, const Piece& a, const Piece& b) {
  auto map = a.may_pass ? a.map.combine(context.effects.then_operation(), b.map) : a.map.over(b.map);
  if (!map) return std::unexpected(map.error());
  return Piece{*std::move(map), std::nullopt, a.may_pass || b.may_pass, a.changes || b.changes};
}

// Runs of pieces that decide surely are merged at once.
Result<std::vector<Piece>> merged_runs(Context& context, std::vector<Piece> pieces) {
  std::vector<Piece> out;
  for (std::size_t i = 0; i < pieces.size();) {
    std::vector<VerdictMap> run;
    bool changes = false;
    std::size_t end = i;
    while (end < pieces.size() && !pieces[end].may_pass) {
      changes = changes || pieces[end].changes;
      run.push_back(std::move(pieces[end++].map));
    }
    if (end == i) {
      out.push_back(std::move(pieces[i++]));
      continue;
    }
    auto map = run.size() == 1 ? Result<VerdictMap>(run[0]) : context.space.first_match(run);
    if (!map) return std::unexpected(map.error());
    out.push_back({*std::move(map), std::nullopt, false, changes});
    i = end;
  }
  return out;
}

}  // namespace

Result<Piece> in_sequence(Context& context, std::vector<Piece> pieces) {
  if (pieces.empty()) return passing(context);
  auto all = merged_runs(context, std::move(pieces));
  if (!all) return std::unexpected(all.error());
  while (all->size() > 1) {  // by halves: "then" is associative
    std::vector<Piece> half;
    for (std::size_t i = 0; i < all->size(); i += 2) {
      if (i + 1 == all->size()) {
        half.push_back(std::move((*all)[i]));
        break;
      }
      auto both = followed(context, (*all)[i], (*all)[i + 1]);
      if (!both) return both;
      half.push_back(*std::move(both));
    }
    *all = std::move(half);
  }
  return std::move(all->front());
}

Result<Piece> one_of(Context& context, const std::vector<Piece>& pieces, ReasonId why) {
  if (pieces.empty()) return passing(context);
  VerdictMap out = pieces.front().map;
  for (const Piece& piece : std::span(pieces).subspan(1)) {
    auto both = out.combine(context.effects.either_operation(), piece.map);
    if (!both) return std::unexpected(both.error());
    out = *std::move(both);
  }
  std::vector<VerdictMap::Replacement> by;
  for (packet::Leaf l : out.leaves()) by.push_back({l, context.effects.because(l, why)});
  auto with = out.remap(by);
  if (!with) return std::unexpected(with.error());
  return described(context, *std::move(with));
}

Result<Piece> rebased(Context& context, const Piece& piece, ImageId from, ImageId to) {
  if (from == to) return piece;
  return each_effect(context, piece.map, [&](Effect effect) {
    if (effect.kind == EffectKind::kPass) {
      effect.kind = EffectKind::kNext;
      effect.image = from;
    } else if (effect.kind == EffectKind::kNext && effect.image == to) {
      effect = Effect{};
    }
    return effect;
  });
}

}  // namespace bulkhead::reach::chains
