#include "reach/chain/chain.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "reach/chain/compiler.h"
#include "reach/chain/hooks.h"
#include "reach/chain/tracking.h"

namespace bulkhead::reach {

using chains::Compiler;
using chains::Context;
using chains::HookEntry;
using chains::Hooks;
using packet::IntervalSet;
using packet::VerdictMap;

namespace {

constexpr std::size_t kMostChains = 256;  // base chains of one hook

// Names may end in '*' (hooks for all devices of a prefix, Linux 6.16).
IntervalSet devices_named(const Links& links, const std::vector<std::string>& names) {
  IntervalSet out;
  for (const std::string& name : names) {
    out = out.unite(name.ends_with('*')
                        ? links.prefixed(std::string_view(name).substr(0, name.size() - 1))
                        : links.named(name));
  }
  return out;
}

constexpr std::array kTuples = {
    Quantity::kCtOriginalSource,     Quantity::kCtOriginalDestination,
    Quantity::kCtOriginalSourcePort, Quantity::kCtOriginalDestinationPort,
    Quantity::kCtReplySource,        Quantity::kCtReplyDestination,
    Quantity::kCtReplySourcePort,    Quantity::kCtReplyDestinationPort};

// The image with the tuples of another; no rule changes them.
Image with_tuples(const Fields& fields, Image image, const Image& other) {
  for (const Quantity q : kTuples) {
    if (image.changed(q) != nullptr || other.changed(q) != nullptr)
      image.set(fields, q, other.of(fields, q));
  }
  return image;
}

// The base chains of one hook, each under every image in which packets come to it.
class HookRun {
 public:
  HookRun(Context& context, Compiler& compiler, std::vector<HookEntry> entries)
      : context_(context), compiler_(compiler), entries_(std::move(entries)) {}

  Result<VerdictMap> from(std::size_t i, ImageId image) {
    if (i == entries_.size()) {
      return context_.space.constant(context_.effects.leaf(Effect::accept(image)));
    }
    const auto known = known_.find({i, image});
    if (known != known_.end()) return known->second;
    const auto own = chain(entries_[i], image);
    if (!own) return own;
    auto out = chains::continued(context_, *own,
                                 [&](const Effect& effect) -> Result<std::optional<VerdictMap>> {
                                   if (effect.kind != EffectKind::kAccept || effect.nat != 0) {
                                     return std::optional<VerdictMap>();
                                   }
                                   auto next = from(i + 1, effect.image);
                                   if (!next) return std::unexpected(next.error());
                                   return std::optional(*std::move(next));
                                 });
    if (out) known_.emplace(std::pair(i, image), *out);
    return out;
  }

 private:
  Result<VerdictMap> chain(const HookEntry& entry, ImageId image) {
    auto piece = compiler_.base_chain(entry.chain, image);
    if (!piece) return std::unexpected(piece.error());
    if (entry.devices == nullptr) return piece->map;
    const Image now = context_.effects.image(image);
    const packet::Product all;
    const chains::Here here{context_, *context_.index.chains[entry.chain].table, now, image, all};
    const Quantity device =
        context_.point == HookPoint::kNetdevEgress ? Quantity::kOif : Quantity::kIif;
    const Cube there = here.where(device, devices_named(context_.links, *entry.devices));
    const auto inside = there.mask(context_.space, piece->map);
    if (!inside) return inside;
    return inside->over(context_.space.constant(context_.effects.leaf(Effect::accept(image))));
  }

  Context& context_;
  Compiler& compiler_;
  std::vector<HookEntry> entries_;
  std::map<std::pair<std::size_t, ImageId>, VerdictMap> known_;
};

}  // namespace

struct Chains::Parts {
  Parts(const Fields& fields, const packet::PacketSpace& space, Effects& effects,
        const Links& links, const Surroundings* around, const model::Ruleset& rules,
        bool little_endian, FrameKind frames)
      : context(fields, space, effects, links, around, rules, little_endian, frames),
        hooks(context.index, fields.family()),
        tracks(chains::tracks_connections(rules, fields.family())) {}

  // The compiler of a point and kind remembers its chains.
  Compiler& compiler(HookPoint point, bool nat) {
    context.point = point;
    context.in_nat = nat;
    return compilers.try_emplace({point, nat}, context).first->second;
  }

  Context context;
  Hooks hooks;
  bool tracks;
  std::map<std::pair<HookPoint, bool>, Compiler> compilers;
  using RunKey = std::tuple<HookPoint, bool, bool, std::size_t, std::size_t, ImageId>;
  std::map<RunKey, VerdictMap> known;
  // By the image without what connection tracking says: of chains that do not ask for that. The
  // image is that under which they were compiled.
  std::map<RunKey, std::pair<ImageId, VerdictMap>> of_all_tuples;

  Result<VerdictMap> run(HookPoint point, bool nat, bool legacy_last, std::size_t first,
                         std::size_t end, const Image& image) {
    const ImageId id = context.effects.image(image);
    const RunKey key{point, nat, legacy_last, first, end, id};
    const auto at = known.find(key);
    if (at != known.end()) return at->second;
    RunKey bare = key;
    std::get<ImageId>(bare) = context.effects.image(with_tuples(context.fields, image, Image()));
    const auto like = of_all_tuples.find(bare);
    auto out = like != of_all_tuples.end() ? retold(like->second.second, like->second.first, image)
                                           : compiled(point, nat, legacy_last, {first, end}, id);
    if (!out) return out;
    known.emplace(key, *out);
    if (!context.asked_tuples) of_all_tuples.try_emplace(bare, id, *out);
    return out;
  }

 private:
  struct Range {
    std::size_t first, end;
  };
  Result<VerdictMap> compiled(HookPoint point, bool nat, bool legacy_last, Range range,
                              ImageId image) {
    context.asked_tuples = false;
    std::vector<HookEntry> all =
        nat ? hooks.nat(point, legacy_last) : hooks.filter(point, legacy_last);
    const std::size_t end = std::min(range.end, all.size());
    const std::size_t first = std::min(range.first, end);
    if (end - first > kMostChains) return fail(ErrorCode::kBudget, "too many chains at one hook");
    all = {all.begin() + static_cast<std::ptrdiff_t>(first),
           all.begin() + static_cast<std::ptrdiff_t>(end)};
    return HookRun(context, compiler(point, nat), std::move(all)).from(0, image);
  }

  // A map of chains that ask for no tuple, compiled under another image that differs in these
  // alone: packets leave with the tuples that they have now.
  Result<VerdictMap> retold(const VerdictMap& map, ImageId from, const Image& image) {
    context.asked_tuples = false;
    if (context.effects.image(from) == image) return map;
    auto piece = chains::each_effect(context, map, [&](Effect effect) {
      if (effect.kind == EffectKind::kAccept || effect.kind == EffectKind::kReject) {
        const Image left = context.effects.image(effect.image);
        effect.image = context.effects.image(with_tuples(context.fields, left, image));
      }
      return effect;
    });
    if (!piece) return std::unexpected(piece.error());
    return std::move(piece->map);
  }
};

Chains::Chains(const Fields& fields, const packet::PacketSpace& space, Effects& effects,
               const Links& links, const Surroundings* around, const model::Ruleset& rules,
               bool little_endian, FrameKind frames)
    : parts_(std::make_unique<Parts>(fields, space, effects, links, around, rules, little_endian,
                                     frames)) {}
Chains::~Chains() = default;
Chains::Chains(Chains&&) noexcept = default;
Chains& Chains::operator=(Chains&&) noexcept = default;

std::size_t Chains::rules(const Stage& stage) const {
  const auto entries = parts_->hooks.filter(stage.point, stage.legacy_last);
  std::size_t out = 0;
  for (std::size_t i = stage.first; i < std::min(stage.end, entries.size()); ++i) {
    const model::Table& table = *parts_->context.index.chains[entries[i].chain].table->table;
    for (const model::Chain& chain : table.chains) out += chain.rules.size();
  }
  return out;
}

std::vector<Chains::Stage> Chains::stages(HookPoint point, std::int32_t from, std::int32_t to,
                                          bool legacy_last) const {
  std::vector<Stage> out;
  const auto entries = parts_->hooks.filter(point, legacy_last);
  // Where the order is open both orders must be comparable as wholes.
  const bool whole = parts_->hooks.mixes_back_ends(point);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].priority < from || entries[i].priority >= to) continue;
    const bool joined = whole && !out.empty() && !out.back().reroutes && out.back().end == i &&
                        entries[i - 1].priority == entries[i].priority;
    if (!joined) out.push_back({point, i, i, legacy_last, false});
    out.back().end = i + 1;
    out.back().reroutes = entries[i].reroutes;
  }
  return out;
}

Result<VerdictMap> Chains::run(const Stage& stage, const Image& image) {
  return parts_->run(stage.point, false, stage.legacy_last, stage.first, stage.end, image);
}

Result<VerdictMap> Chains::filter(HookPoint point, std::int32_t from, std::int32_t to,
                                  const Image& image, bool legacy_last) {
  const auto all = stages(point, from, to, legacy_last);
  if (all.empty()) return parts_->run(point, false, legacy_last, 0, 0, image);
  return parts_->run(point, false, legacy_last, all.front().first, all.back().end, image);
}

Result<VerdictMap> Chains::nat(HookPoint point, const Image& image, bool legacy_last) {
  return parts_->run(point, true, legacy_last, 0, kMostChains, image);
}

VerdictMap Chains::unknown_map(const Error& error) {
  return chains::unknown_piece(parts_->context, error.message).map;
}

bool Chains::has_chains(HookPoint point) const {
  return !parts_->hooks.filter(point, false).empty() || !parts_->hooks.nat(point, false).empty();
}

bool Chains::has_nat() const {
  for (std::size_t i = 0; i < kHookPoints; ++i) {
    if (!parts_->hooks.nat(static_cast<HookPoint>(i), false).empty()) return true;
  }
  return false;
}

bool Chains::has_open_order(HookPoint point) const {
  return parts_->hooks.mixes_back_ends(point);
}

bool Chains::tracks_connections() const {
  return parts_->tracks;
}

}  // namespace bulkhead::reach
