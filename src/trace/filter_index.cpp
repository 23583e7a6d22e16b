#include "trace/filter_index.h"

#include <algorithm>
#include <functional>

#include "trace/filter_program.h"

namespace bulkhead::trace::filtering {
namespace {

// The first of an ascending list at or behind `at`, `otherwise` when there is none.
std::uint32_t first_from(const std::vector<std::uint32_t>& list, std::uint32_t at,
                         std::uint32_t otherwise) {
  const auto found = std::ranges::lower_bound(list, at);
  return found == list.end() ? otherwise : *found;
}

}  // namespace

std::size_t ChainIndex::ValueHash::operator()(const Value& v) const noexcept {
  const std::uint64_t mixed = (v.high * 0x9e3779b97f4a7c15ULL ^ v.low) * 0x9e3779b97f4a7c15ULL;
  return mixed ^ mixed >> 32;
}

ChainIndex::Value ChainIndex::Part::of(const FieldTable& fields, const Names& names) const {
  if (what == What::kField) return {fields[field] & mask, 0};
  const WideName& name = names[what == What::kOutName ? 1 : 0];
  return {name.high & mask, name.low & mask_low};
}

std::vector<ChainIndex::Place> ChainIndex::places(const Program& program, std::uint32_t rule) {
  std::vector<Place> out;
  std::uint32_t needed = 0;
  const RuleCode& code = program.rules[rule];
  for (std::uint32_t i = code.first; i < code.end; ++i) {
    const Op& op = program.ops[i];
    Place place;
    switch (op.kind) {
      case OpKind::kField:
        needed |= FieldTable::bit(op.field);
        if (op.inverted || op.span != 0) continue;
        place.part.field = op.field;
        place.part.mask = op.mask;
        place.value.high = op.first;
        break;
      case OpKind::kName: {
        const Wide& wide = program.wides[op.wide];
        if (op.inverted) continue;
        place.part.what = op.second ? Part::What::kOutName : Part::What::kInName;
        place.part.mask = wide.mask;
        place.part.mask_low = wide.mask_low;
        place.value = {wide.value, wide.value_low};
        break;
      }
      case OpKind::kAddress6:  // asks a packet of the other family in another way
      case OpKind::kStatement: return out;
    }
    place.needed = needed;
    out.push_back(place);
  }
  return out;
}

std::size_t ChainIndex::drawer_of(const Part& part) const {
  const auto at = std::ranges::find(drawers_, part, &Drawer::part);
  return static_cast<std::size_t>(at - drawers_.begin());
}

// A drawer for each of the parts with the most different values.
void ChainIndex::choose_drawers(std::span<const std::vector<Place>> rules) {
  for (const std::vector<Place>& places : rules) {
    for (const Place& place : places) {
      const std::size_t at = drawer_of(place.part);
      if (at == drawers_.size()) drawers_.push_back({place.part, {}});
      ++drawers_[at].rules[place.value].expected;
    }
  }
  std::ranges::stable_sort(drawers_, std::greater{},
                           [](const Drawer& d) { return d.rules.size(); });
  if (drawers_.size() > kMostDrawers) drawers_.resize(kMostDrawers);
}

// Under the value that the fewest rules ask for. Where a rule asks for both ends, under its
// destination rather than its source: what was not asked of a source need not be asked again for
// others (EndReads).
void ChainIndex::file(std::uint32_t rule, std::span<const Place> places) {
  constexpr std::uint32_t kSourceWeight = 4;
  const Place* best = nullptr;
  File* into = nullptr;
  std::uint32_t least = 0;
  for (const Place& place : places) {
    const std::size_t at = drawer_of(place.part);
    if (at == drawers_.size()) continue;
    File& here = drawers_[at].rules[place.value];
    const bool by_source =
        place.part.what == Part::What::kField && place.part.field == Field::kIpv4Source;
    const std::uint32_t weight = here.expected * (by_source ? kSourceWeight : 1);
    if (into != nullptr && weight >= least) continue;
    least = weight;
    best = &place;
    into = &here;
  }
  if (best == nullptr) {
    always_.push_back(rule);
    return;
  }
  needed_ |= best->needed;
  into->rules.push_back(rule);
}

ChainIndex ChainIndex::build(const Program& program, const ChainCode& chain) {
  ChainIndex index;
  index.end_ = chain.end;
  std::vector<std::vector<Place>> rules;
  for (std::uint32_t rule = chain.first; rule < chain.end; ++rule)
    rules.push_back(places(program, rule));
  index.choose_drawers(rules);
  for (std::uint32_t i = 0; i < rules.size(); ++i) index.file(chain.first + i, rules[i]);
  for (Drawer& drawer : index.drawers_)
    std::erase_if(drawer.rules, [](const auto& entry) { return entry.second.rules.empty(); });
  std::erase_if(index.drawers_, [](const Drawer& drawer) { return drawer.rules.empty(); });
  index.useful_ = index.always_.size() * 2 < rules.size();
  return index;
}

std::uint32_t ChainIndex::next(std::uint32_t at, const FieldTable& fields,
                               const Names& names) const {
  std::uint32_t found = first_from(always_, at, end_);
  for (const Drawer& drawer : drawers_) {
    const auto file = drawer.rules.find(drawer.part.of(fields, names));
    if (file == drawer.rules.end()) continue;
    found = std::min(found, first_from(file->second.rules, at, end_));
  }
  return found;
}

std::optional<Field> ChainIndex::field_of(std::size_t part) const {
  const Part& p = drawers_[part].part;
  return p.what == Part::What::kField ? std::optional(p.field) : std::nullopt;
}

bool ChainIndex::is_input_name(std::size_t part) const {
  return drawers_[part].part.what == Part::What::kInName;
}

const void* ChainIndex::file_of(std::size_t part, std::uint64_t value, std::uint32_t last) const {
  const Drawer& drawer = drawers_[part];
  const auto file = drawer.rules.find(Value{value & drawer.part.mask, 0});
  return file == drawer.rules.end() || file->second.rules.front() > last ? nullptr : &file->second;
}

namespace {

bool lets_rule_by(const RuleCode& rule, const EndReads::Sight& packet,
                  std::vector<EndReads::Test>& out) {
  const Program& program = *packet.program;
  for (std::uint32_t i = rule.first; i < rule.end; ++i) {
    const Op& op = program.ops[i];
    bool inside = false;
    if (op.kind == OpKind::kField) {
      if (!packet.fields.has(op.field) || op.field == Field::kSourcePort) return false;
      inside = op.holds(packet.fields[op.field]);
      if (op.field == Field::kIpv4Source) out.push_back({op.mask, op.first, op.span});
    } else if (op.kind == OpKind::kName) {
      const WideName& name = packet.names[op.second ? 1 : 0];
      inside = program.wides[op.wide].holds(name.high, name.low);
    } else {
      return false;
    }
    if (inside == op.inverted) return true;
  }
  return false;
}

}  // namespace

bool ChainIndex::lets_by(std::size_t part, std::uint32_t last, const EndReads::Sight& packet,
                         std::vector<EndReads::Test>& out) const {
  const Drawer& drawer = drawers_[part];
  const auto file = drawer.rules.find(drawer.part.of(packet.fields, packet.names));
  if (file == drawer.rules.end()) return true;
  return std::ranges::all_of(file->second.rules, [&](std::uint32_t rule) {
    return rule > last || lets_rule_by(packet.program->rules[rule], packet, out);
  });
}

bool ChainIndex::tests(std::size_t part, std::uint32_t last, std::size_t most,
                       std::vector<EndReads::Test>& out) const {
  const Drawer& drawer = drawers_[part];
  for (const auto& [value, file] : drawer.rules) {
    if (file.rules.front() > last) continue;
    if (out.size() == most) return false;
    out.push_back({drawer.part.mask, value.high, 0});
  }
  return true;
}

}  // namespace bulkhead::trace::filtering
