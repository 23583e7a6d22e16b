// Parts of chains as diagrams, and how they follow one another. Inside reach/chain only.
//
// A piece is compiled under an image. Its leaf kNone means "the next rule decides, the image is as it
// was"; a leaf with kNext has another image, under which what follows has to be compiled again.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "reach/chain/context.h"

namespace bulkhead::reach::chains {

struct Piece {
  packet::VerdictMap map;
  std::optional<packet::Leaf> constant;  // the map's only leaf, when it is known to be one
  bool may_pass = false;  // some leaf has kPass among other effects (true: perhaps)
  bool changes = false;   // some leaf has kNext (true: perhaps)
};

[[nodiscard]] Piece constant_piece(Context& context, packet::Leaf leaf);
[[nodiscard]] Piece passing(Context& context);
[[nodiscard]] Piece effect_piece(Context& context, const Effect& effect);
[[nodiscard]] Piece unknown_piece(Context& context, std::string_view why);
// What the map's leaves say of the flags.
[[nodiscard]] Piece described(Context& context, packet::VerdictMap map);

// The piece where the condition holds; where it may hold, that or nothing.
[[nodiscard]] Result<Piece> guarded(Context& context, const Condition& guard, const Piece& piece);
// One after the other; a piece that changes the image may only be the last.
[[nodiscard]] Result<Piece> in_sequence(Context& context, std::vector<Piece> pieces);
// One of them, it is not known which.
[[nodiscard]] Result<Piece> one_of(Context& context, const std::vector<Piece>& pieces,
                                   ReasonId why);

// Every effect of every leaf replaced. The function must not depend on anything but the effect.
template <class Function>
[[nodiscard]] Result<Piece> each_effect(Context& context, const packet::VerdictMap& map,
                                        Function function) {
  std::vector<packet::VerdictMap::Replacement> by;
  for (packet::Leaf leaf : map.leaves()) {
    Leaf changed = context.effects.at(leaf);
    for (Effect& effect : changed.effects) effect = function(effect);
    const packet::Leaf now = context.effects.leaf(std::move(changed));
    if (now != leaf) by.push_back({leaf, now});
  }
  if (by.empty()) return described(context, map);
  auto out = map.remap(by);
  if (!out) return std::unexpected(out.error());
  return described(context, *std::move(out));
}

// A piece that was compiled under `from`, as part of one under `to`.
[[nodiscard]] Result<Piece> rebased(Context& context, const Piece& piece, ImageId from, ImageId to);

// In place of every effect the map that `next` gives for it (nullptr: it stays), merged where a leaf
// has several.
template <class Next>
[[nodiscard]] Result<packet::VerdictMap> continued(Context& context, const packet::VerdictMap& map,
                                                   Next next) {
  std::vector<packet::VerdictMap::Branch> branches;
  for (packet::Leaf leaf : map.leaves()) {
    const Leaf now = context.effects.at(leaf);
    std::optional<packet::VerdictMap> merged;
    bool any = false;
    for (const Effect& effect : now.effects) {
      Result<std::optional<packet::VerdictMap>> one = next(effect);
      if (!one) return std::unexpected(one.error());
      any = any || one->has_value();
      packet::VerdictMap part =
          *one ? **std::move(one) : context.space.constant(context.effects.leaf(effect));
      if (!merged) {
        merged = std::move(part);
        continue;
      }
      auto both = merged->combine(context.effects.either_operation(), part);
      if (!both) return both;
      merged = *std::move(both);
    }
    if (!any) continue;
    for (ReasonId reason : now.reasons) {
      std::vector<packet::VerdictMap::Replacement> by;
      for (packet::Leaf l : merged->leaves()) by.push_back({l, context.effects.because(l, reason)});
      auto with = merged->remap(by);
      if (!with) return with;
      merged = *std::move(with);
    }
    branches.push_back({leaf, *std::move(merged)});
  }
  if (branches.empty()) return map;
  return map.select(branches);
}

}  // namespace bulkhead::reach::chains
