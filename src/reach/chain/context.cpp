#include "reach/chain/context.h"

#include <variant>

namespace bulkhead::reach::chains {

using packet::IntervalSet;

Index::Index(const model::Ruleset& rules_in) : rules(&rules_in) {
  for (const model::Table& table : rules->tables) {
    auto entry = std::make_unique<TableIndex>();
    entry->table = &table;
    for (const model::SetDef& set : table.sets) entry->sets.try_emplace(set.name, SetInfo{&set});
    for (const model::Chain& chain : table.chains) {
      entry->chains.try_emplace(chain.name, static_cast<std::uint32_t>(chains.size()));
      chains.push_back({&chain, entry.get()});
      for (const model::Rule& rule : chain.rules) {
        for (const model::Statement& s : rule.statements) {
          const auto* update = std::get_if<model::UpdateSet>(&s);
          if (update == nullptr) continue;
          const auto set = entry->sets.find(update->set);
          if (set != entry->sets.end()) set->second.filled_by_rules = true;
        }
      }
    }
    tables.push_back(std::move(entry));
  }
}

Result<Condition> Here::in(Quantity quantity, const IntervalSet& values) const {
  const Bits* changed = image.changed(quantity);
  const auto parts = context.fields.parts(quantity);
  if (changed == nullptr && parts.size() == 1) {
    return Condition::certain(Cube::where(parts[0].field, values));
  }
  const Bits now = bits(quantity);
  if (const auto constant = constant_of(now)) {
    return values.contains(*constant) ? Condition::always() : Condition::never();
  }
  std::vector<Condition> all;
  for (const packet::Interval& i : values.intervals()) {
    auto one = context.solver.within(now, i.first, i.last);
    if (!one) return one;
    all.push_back(*std::move(one));
  }
  return any_of(context.space, all);
}

Cube Here::where(Quantity quantity, const IntervalSet& values) const {
  const Bits* changed = image.changed(quantity);
  const packet::FieldId field = context.fields.only(quantity);
  if (changed == nullptr) return Cube::where(field, values);
  if (const auto constant = constant_of(*changed)) {
    return values.contains(*constant) ? Cube() : Cube::none();
  }
  const auto condition = in(quantity, values);  // swapped with another field of the same width
  return condition && !condition->doubt ? condition->yes : Cube::none();
}

Result<Condition> Here::within(Quantity quantity, const IpAddress& first,
                               const IpAddress& last) const {
  const Bits now = bits(quantity);
  if (first.family() != last.family() || first.octets().size() * 8 != now.size()) {
    return Condition::never();
  }
  return context.solver.within(now, first.octets(), last.octets(), {});
}

Cube Here::has_entry() const {
  return where(Quantity::kCtInfo,
               IntervalSet::range(static_cast<std::uint64_t>(CtInfo::kEstablished), kLastCtInfo));
}

const SetInfo* Here::set(const std::string& name) const {
  const auto at = table.sets.find(name);
  return at == table.sets.end() ? nullptr : &at->second;
}

}  // namespace bulkhead::reach::chains
