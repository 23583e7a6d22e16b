#include "reach/walk/lookahead.h"

#include <algorithm>
#include <array>
#include <vector>

#include "reach/walk/hooks.h"

namespace bulkhead::reach::walks {
namespace {

using packet::PacketSet;
using packet::VerdictMap;

constexpr std::array kKnown = {
    Quantity::kIif,      Quantity::kSource,     Quantity::kDestination,     Quantity::kProtocol,
    Quantity::kTcpFlags, Quantity::kSourcePort, Quantity::kDestinationPort, Quantity::kCtInfo};

// Chains of more rules, behind one that drops some packets, are not looked at: compiling them may
// cost more than following what they would drop.
constexpr std::size_t kMostRulesBehind = 512;

class Lookahead {
 public:
  Lookahead(Chains& chains, const Effects& effects, const Fields& fields,
            const packet::PacketSpace& space)
      : chains_(chains), effects_(effects), fields_(fields), space_(space) {
    for (std::size_t i = 0; i < fields.fields().size(); ++i) {
      const packet::FieldId id{static_cast<std::uint8_t>(i)};
      const bool known = std::ranges::any_of(kKnown, [&](Quantity q) {
        return std::ranges::any_of(fields.parts(q),
                                   [&](const Fields::Part& p) { return p.field == id; });
      });
      if (!known) open_.push_back(id);
    }
  }

  std::optional<PacketSet> run() {
    for (const HookPoint point :
         {HookPoint::kIpPrerouting, HookPoint::kIpInput, HookPoint::kIpForward}) {
      if (chains_.has_open_order(point)) return std::nullopt;
    }
    for (const HookPoint point : {HookPoint::kBridgePrerouting, HookPoint::kBridgeInput,
                                  HookPoint::kBridgeForward, HookPoint::kIpPrerouting}) {
      for (const Chains::Stage& stage : chains_.stages(point, kFirst, kLast)) {
        const auto map = chains_.run(stage, Image());
        if (!map || !leaves_the_rest_alone(*map)) return std::nullopt;
      }
    }
    const auto forwarded = past(HookPoint::kIpForward, kLast);
    const auto delivered = past(HookPoint::kIpInput, model::priority::kNatSource);
    if (!forwarded || !delivered) return std::nullopt;
    const auto either = forwarded->unite(*delivered);
    return either ? before_nat(*either) : std::nullopt;
  }

 private:
  // A known quantity stays what it was, and nothing is handed to somebody else.
  [[nodiscard]] bool is_plain(const Effect& effect) const {
    if (effect.kind == EffectKind::kDrop || effect.kind == EffectKind::kReject) return true;
    if (effect.kind != EffectKind::kAccept) return false;
    return std::ranges::none_of(effects_.image(effect.image).changes(),
                                [](const auto& change) { return lookahead_knows(change.first); });
  }
  [[nodiscard]] bool leaves_the_rest_alone(const VerdictMap& map) const {
    return std::ranges::all_of(map.leaves(), [&](packet::Leaf leaf) {
      return leaf == packet::kNone ||
             std::ranges::all_of(effects_.at(leaf).effects,
                                 [&](const Effect& e) { return is_plain(e); });
    });
  }

  // Which packets every chain of the hook may let past, or more.
  std::optional<PacketSet> past(HookPoint point, std::int32_t to) const {
    PacketSet out = space_.all();
    for (const Chains::Stage& stage : chains_.stages(point, kFirst, to)) {
      // What was dropped is gone, whatever later chains do to the rest.
      if (!out.full() && chains_.rules(stage) > kMostRulesBehind) break;
      const auto map = chains_.run(stage, Image());
      if (!map || !leaves_the_rest_alone(*map)) return std::nullopt;
      std::vector<packet::Leaf> passing;
      for (const packet::Leaf leaf : map->leaves()) {
        const auto drops = [](const Effect& e) { return e.kind == EffectKind::kDrop; };
        if (leaf == packet::kNone || !std::ranges::all_of(effects_.at(leaf).effects, drops))
          passing.push_back(leaf);
      }
      const auto may = map->where(passing);
      if (!may) return std::nullopt;
      const auto whatever = may->project(open_);
      if (!whatever) return std::nullopt;
      const auto both = out.intersect(*whatever);
      if (!both) return std::nullopt;
      out = *both;
    }
    return out;
  }

  // The new destination of a request that names one.
  [[nodiscard]] std::optional<packet::Rewrite> rewrite(const NatRequest& r) const {
    if (!r.destination || r.redirect || r.masquerade || r.netmap) return std::nullopt;
    if (r.last && r.last != r.first) return std::nullopt;
    if (r.port_first && r.port_last.value_or(*r.port_first) != *r.port_first) return std::nullopt;
    packet::Rewrite out;
    if (r.first) {
      if (r.first->family() != fields_.family()) return std::nullopt;
      packet::Packet there = fields_.layout().packet();
      fields_.set_address(there, Quantity::kDestination, *r.first);
      for (const Fields::Part& part : fields_.parts(Quantity::kDestination))
        out.push_back(packet::Assign{part.field, there[part.field]});
    }
    if (r.port_first)
      out.push_back(packet::Assign{fields_.only(Quantity::kDestinationPort), r.port_first->number});
    return out;
  }

  // What is translated to where packets may get past, and what is translated otherwise.
  std::optional<PacketSet> before_nat(const PacketSet& past) {
    const auto map = chains_.nat(HookPoint::kIpPrerouting, Image());
    if (!map) return std::nullopt;
    std::vector<VerdictMap::LeafAction> actions;
    std::vector<packet::Leaf> elsewhere;
    for (const packet::Leaf leaf : map->leaves()) {
      if (leaf == packet::kNone) continue;
      const auto& effects = effects_.at(leaf).effects;
      if (!std::ranges::all_of(effects, [&](const Effect& e) { return is_plain(e); }))
        return std::nullopt;
      if (std::ranges::all_of(effects, [](const Effect& e) { return e.nat == 0; })) continue;
      auto there = effects.size() == 1 ? rewrite(effects_.nat(effects.front()))
                                       : std::optional<packet::Rewrite>();
      if (there) {
        actions.push_back({leaf, *std::move(there)});
      } else {
        elsewhere.push_back(leaf);
      }
    }
    const auto translated = past.to_map(1);
    if (!translated) return std::nullopt;
    const auto seen = translated->before(*map, actions);
    if (!seen) return std::nullopt;
    const auto gets = seen->where(1), odd = map->where(elsewhere);
    if (!gets || !odd) return std::nullopt;
    const auto both = gets->unite(*odd);
    if (!both) return std::nullopt;
    const auto out = both->project(open_);
    return out ? std::optional(*out) : std::nullopt;
  }

  Chains& chains_;
  const Effects& effects_;
  const Fields& fields_;
  const packet::PacketSpace& space_;
  std::vector<packet::FieldId> open_;  // those of all other quantities
};

}  // namespace

bool lookahead_knows(Quantity quantity) {
  return std::ranges::find(kKnown, quantity) != kKnown.end();
}

std::optional<PacketSet> may_get_past(Chains& chains, const Effects& effects, const Fields& fields,
                                      const packet::PacketSpace& space) {
  return Lookahead(chains, effects, fields, space).run();
}

}  // namespace bulkhead::reach::walks
