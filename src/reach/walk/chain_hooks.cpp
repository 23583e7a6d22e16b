#include "reach/walk/chain_hooks.h"

#include <algorithm>
#include <array>
#include <utility>

#include "model/find.h"
#include "reach/walk/lookahead.h"
#include "reach/walk/rule_routes.h"

namespace bulkhead::reach::walks {

struct ChainHooks::Rules {
  Rules(const topology::Machine& m, Algebra& algebra, Effects& effects, bool little_endian)
      : links(m.ns->links), routes(m, algebra), chains(make(m, algebra, effects, little_endian)) {
    for (unsigned p = 0; p < kHookPoints; ++p) {
      const auto point = static_cast<HookPoint>(p);
      has[p] = chains.has_chains(point);
      open_order[p] = chains.has_open_order(point);
    }
  }
  Chains make(const topology::Machine& m, Algebra& algebra, Effects& effects, bool little_endian,
              FrameKind frames = FrameKind::kIp) const {
    return {algebra.fields(),
            algebra.space(),
            effects,
            links,
            m.loopback == nullptr ? nullptr : &routes,
            m.ns->ruleset,
            little_endian,
            frames};
  }
  Links links;
  RuleRoutes routes;
  mutable Chains chains;
  // The same stages for other kinds of frames; made when the first of them meets rules.
  mutable std::map<FrameKind, Chains> others;
  std::array<bool, kHookPoints> has{}, open_order{};
  // Stages that were given out, by Stage::id.
  mutable std::vector<Chains::Stage> stages;
  mutable std::map<std::tuple<HookPoint, std::int32_t, std::int32_t, bool>, std::vector<Stage>>
      known;
  // Of packets as they come here, whatever they are by then (lookahead.h); made when asked for.
  mutable std::optional<packet::PacketSet> past;
  mutable bool past_is_known = false;
  mutable std::map<std::pair<HookPoint, FrameKind>, bool> only_drops;
};

ChainHooks::ChainHooks(const topology::Topology& topology, Algebra& algebra, Effects& effects)
    : algebra_(algebra), effects_(effects), little_endian_(topology.snapshot().little_endian) {
  for (const auto& m : topology.machines()) {
    rules_.push_back(std::make_unique<Rules>(*m, algebra, effects, little_endian_));
  }
}

ChainHooks::~ChainHooks() = default;

bool ChainHooks::has_chains(const topology::Machine& m, HookPoint point) const {
  return rules(m).has[static_cast<std::size_t>(point)];
}
bool ChainHooks::has_chains_on(const topology::Device& device, HookPoint point) const {
  if (!has_chains(*device.machine, point)) return false;
  return std::ranges::any_of(device.machine->ns->ruleset.tables, [&](const model::Table& t) {
    return std::ranges::any_of(t.chains, [&](const model::Chain& c) {
      return c.base && model::names_device(c.base->devices, device.name());
    });
  });
}
bool ChainHooks::tracks_connections(const topology::Machine& m) const {
  return rules(m).chains.tracks_connections();
}
bool ChainHooks::has_any(const topology::Machine& m) const {
  return tracks_connections(m) ||
         std::ranges::find(rules(m).has, true) != std::ranges::end(rules(m).has);
}
bool ChainHooks::has_nat(const topology::Machine& m) const {
  return rules(m).chains.has_nat();
}
bool ChainHooks::has_open_order(const topology::Machine& m, HookPoint point) const {
  return rules(m).open_order[static_cast<std::size_t>(point)];
}
std::uint64_t ChainHooks::number(const topology::Device& device) const {
  return rules(*device.machine).links.number(device.index());
}

std::vector<Hooks::Stage> ChainHooks::stages(const topology::Machine& m, HookPoint point,
                                             std::int32_t from, std::int32_t to, bool legacy_last) {
  const Rules& r = rules(m);
  const auto [at, fresh] = r.known.try_emplace(std::tuple(point, from, to, legacy_last));
  if (fresh) {
    for (const Chains::Stage& s : r.chains.stages(point, from, to, legacy_last)) {
      at->second.push_back({r.stages.size(), s.reroutes});
      r.stages.push_back(s);
    }
  }
  return at->second;
}

Chains& ChainHooks::chains(const Rules& rules, const topology::Machine& m, FrameKind frames) {
  if (frames == FrameKind::kIp) return rules.chains;
  const auto at = rules.others.find(frames);
  if (at != rules.others.end()) return at->second;
  return rules.others.emplace(frames, rules.make(m, algebra_, effects_, little_endian_, frames))
      .first->second;
}

bool ChainHooks::alike(const topology::Machine& m, const Stage& a, const Stage& b, FrameKind frames,
                       const Image& image) {
  const Rules& r = rules(m);
  const Question q = question(image);
  Chains& chains = this->chains(r, m, frames);
  const auto first = chains.run(r.stages[a.id], q.compiled);
  const auto second = chains.run(r.stages[b.id], q.compiled);
  return a.reroutes == b.reroutes && first && second && *first == *second;
}

bool ChainHooks::nat_alike(const topology::Machine& m, HookPoint point, const Image& image) {
  const Question q = question(image);
  Chains& chains = rules(m).chains;
  const auto first = chains.nat(point, q.compiled, false);
  const auto second = chains.nat(point, q.compiled, true);
  return first && second && *first == *second;
}

namespace {

bool is_known(const Bits& bits) {
  return std::ranges::all_of(bits, &Bit::is_constant);
}

// The number that all bits of a known quantity make, in its fields.
void assign(const Fields& fields, Quantity quantity, const Bits& bits,
            std::vector<packet::Assign>& out) {
  std::size_t at = 0;
  for (const Fields::Part& part : fields.parts(quantity)) {
    std::uint64_t number = 0;
    for (unsigned i = 0; i < part.bits; ++i, ++at) number = number << 1 | (bits[at].flip ? 1U : 0U);
    out.push_back({part.field, number});
  }
}

bool drops_or_marks(const packet::VerdictMap& map, const Effects& effects) {
  const auto harmless = [&](const Effect& e) {
    if (e.kind == EffectKind::kDrop) return true;
    return e.kind == EffectKind::kAccept &&
           std::ranges::all_of(effects.image(e.image).changes(),
                               [](const auto& change) { return change.first == Quantity::kMark; });
  };
  return std::ranges::all_of(map.leaves(), [&](packet::Leaf leaf) {
    return leaf == packet::kNone || std::ranges::all_of(effects.at(leaf).effects, harmless);
  });
}

bool refers_to(const Bits& bits, packet::FieldId field) {
  return std::ranges::any_of(
      bits, [&](const Bit& bit) { return bit.is_field() && bit.source == field.index; });
}

}  // namespace

// The quantities that are what the fields of a known one say, as copies from there into their own
// fields; nullopt when one of them is anything else than that, or when its own fields are in use.
std::optional<packet::Rewrite> ChainHooks::copies(const Image& image, Quantity known) const {
  const Fields& fields = algebra_.fields();
  const auto from = fields.parts(known);
  const Bits whole = Image().of(fields, known);
  packet::Rewrite out;
  for (const auto& [quantity, bits] : image.changes()) {
    const bool refers = std::ranges::any_of(
        from, [&](const Fields::Part& part) { return refers_to(bits, part.field); });
    if (!refers) continue;
    const auto to = fields.parts(quantity);
    if (bits != whole || to.size() != from.size()) return std::nullopt;
    for (std::size_t i = 0; i < to.size(); ++i) {
      const auto in_use = [&](const auto& change) { return refers_to(change.second, to[i].field); };
      if (to[i].bits != from[i].bits || std::ranges::any_of(image.changes(), in_use))
        return std::nullopt;
      out.push_back(packet::Copy{to[i].field, from[i].field});
    }
  }
  return out;
}

// A quantity that is one number for all packets is left open, and its own fields are given that
// number afterwards; so it is where other quantities are what those fields say and can be left open
// as well.
ChainHooks::Question ChainHooks::question(const Image& image) const {
  const Fields& fields = algebra_.fields();
  std::array<bool, Bit::kFirstDerived> referred{}, copied{};
  for (const auto& [quantity, bits] : image.changes()) {
    for (const Bit& bit : bits) {
      if (bit.is_field()) referred[bit.source] = true;
    }
  }
  Question out;
  std::vector<const std::pair<Quantity, Bits>*> numbers, others;
  for (const auto& change : image.changes()) {
    const auto parts = fields.parts(change.first);
    const bool taken =
        std::ranges::any_of(parts, [&](const Fields::Part& p) { return referred[p.field.index]; });
    const auto copies = taken && is_known(change.second) ? this->copies(image, change.first)
                                                         : std::optional<packet::Rewrite>();
    if (copies) {
      for (const packet::RewriteStep& step : *copies) {
        out.copied.push_back(step);
        copied[std::get<packet::Copy>(step).to.index] = true;
      }
    }
    (is_known(change.second) && (!taken || copies) ? numbers : others).push_back(&change);
  }
  for (const auto* change : others) {
    if (!copied[fields.parts(change->first).front().field.index])
      out.compiled.set(fields, change->first, change->second);
  }
  for (const auto* change : numbers) assign(fields, change->first, change->second, out.known);
  return out;
}

// `left` is what the packet is, in the fields as they were compiled; the numbers that were filled
// in are put in their places.
Image ChainHooks::answer(const Question& question, const Image& asked, const Image& left) const {
  const Fields& fields = algebra_.fields();
  Image out = asked;
  const auto update = [&](Quantity q) {
    Bits bits = left.of(fields, q);
    if (bits == question.compiled.of(fields, q)) return;
    for (Bit& bit : bits) {
      if (!bit.is_field()) continue;
      const auto at = std::ranges::find_if(
          question.known, [&](const packet::Assign& a) { return a.field.index == bit.source; });
      if (at != question.known.end()) {
        bit = Bit::constant((((at->value >> bit.place) & 1U) != 0) != bit.flip);
        continue;
      }
      for (const packet::RewriteStep& step : question.copied) {
        const auto& copy = std::get<packet::Copy>(step);
        if (copy.to.index != bit.source) continue;
        bit.source = copy.from.index;
        break;
      }
    }
    out.set(fields, q, std::move(bits));
  };
  for (const auto& [quantity, bits] : left.changes()) update(quantity);
  for (const auto& [quantity, bits] : question.compiled.changes()) {
    if (left.changed(quantity) == nullptr) update(quantity);
  }
  return out;
}

std::vector<Ruling> ChainHooks::rulings(const Question& question, const Image& image,
                                        const Result<packet::VerdictMap>& map,
                                        const packet::PacketSet& set) {
  std::vector<Ruling> out;
  const auto not_built = [&](const Error& error) {
    out.clear();
    out.push_back({set,
                   EffectKind::kUnknown,
                   {},
                   std::nullopt,
                   {},
                   false,
                   "rules are too intricate: " + error.message});
  };
  if (!map) return not_built(map.error()), out;
  auto here =
      question.copied.empty() ? map->cofactor(question.known, set) : map->cofactor(question.known);
  if (here && !question.copied.empty()) here = here->preimage(question.copied);
  if (here && !question.copied.empty()) here = here->mask(set);
  if (!here) return not_built(here.error()), out;
  const auto parts = here->parts();
  if (!parts) return not_built(parts.error()), out;
  for (const auto& [leaf, part] : *parts) {
    if (leaf == packet::kNone) continue;
    const Leaf& l = effects_.at(leaf);
    std::string why;
    for (ReasonId id : l.reasons) why += (why.empty() ? "" : "; ") + effects_.text(id);
    for (const Effect& e : l.effects) {
      Ruling r{part, e.kind, {}, std::nullopt, e.reject, l.effects.size() > 1, why};
      if (e.kind == EffectKind::kUnknown) r.reason = effects_.text(e.reason);
      if (e.kind == EffectKind::kAccept || e.kind == EffectKind::kReject) {
        r.image = answer(question, image, effects_.image(e.image));
      }
      if (e.kind == EffectKind::kAccept && e.nat != 0) r.nat = effects_.nat(e);
      out.push_back(std::move(r));
    }
  }
  return out;
}

std::vector<Ruling> ChainHooks::run(const topology::Machine& m, const Stage& stage,
                                    FrameKind frames, const Image& image,
                                    const packet::PacketSet& set) {
  const Rules& r = rules(m);
  const Question q = question(image);
  return rulings(q, image, chains(r, m, frames).run(r.stages[stage.id], q.compiled), set);
}

std::optional<packet::PacketSet> ChainHooks::may_get_past(const topology::Machine& m,
                                                          const Image& image) {
  const Rules& r = rules(m);
  const Fields& fields = algebra_.fields();
  if (!std::exchange(r.past_is_known, true))
    r.past = walks::may_get_past(r.chains, effects_, fields, algebra_.space());
  if (!r.past) return std::nullopt;
  std::vector<packet::Assign> numbers;
  for (const auto& [quantity, bits] : image.changes()) {
    if (!lookahead_knows(quantity)) continue;
    if (!is_known(bits)) return std::nullopt;  // what another field says
    assign(fields, quantity, bits, numbers);
  }
  auto out = r.past->cofactor(numbers);
  return out ? std::optional(*std::move(out)) : std::nullopt;
}

bool ChainHooks::only_drops(const topology::Machine& m, HookPoint point, FrameKind frames) {
  const Rules& r = rules(m);
  const auto [known, fresh] = r.only_drops.try_emplace({point, frames}, false);
  if (!fresh) return known->second;
  Chains& chains = this->chains(r, m, frames);
  known->second =
      std::ranges::all_of(chains.stages(point, kFirst, kLast), [&](const Chains::Stage& stage) {
        const auto map = chains.run(stage, Image());
        return map && drops_or_marks(*map, effects_);
      });
  return known->second;
}

std::vector<Ruling> ChainHooks::nat(const topology::Machine& m, HookPoint point, const Image& image,
                                    const packet::PacketSet& set, bool legacy_last) {
  const Rules& r = rules(m);
  const Question q = question(image);
  return rulings(q, image, r.chains.nat(point, q.compiled, legacy_last), set);
}

}  // namespace bulkhead::reach::walks
