#include "trace/filter_edited.h"

#include <algorithm>

#include "trace/filter_build.h"

namespace bulkhead::trace::filtering {
namespace {

std::uint32_t place_of(const Program& program, const RuleRef& ref) {
  const auto chain = std::ranges::find(program.chains, ref.chain, &ChainCode::chain);
  return chain->first + static_cast<std::uint32_t>(ref.rule - ref.chain->rules.data());
}

Op asks_destination(const IpAddress& destination) {
  Op op;
  op.kind = OpKind::kField;
  op.field = Field::kIpv4Destination;
  op.mask = 0xffffffff;
  op.first = destination.v4_number();
  return op;
}

// Of one priority, those that were there come first, as in a Program of all of them: the handle of
// a table that was not loaded yet is the lowest.
void merge(std::vector<HookCode>& into, const std::vector<HookCode>& added) {
  for (HookCode hook : added) {
    hook.added = true;
    into.insert(std::ranges::upper_bound(into, hook.priority, {}, &HookCode::priority), hook);
  }
}

}  // namespace

Edited::Edited(const Program& program, const Edits& edits)
    : hooks(program.hooks), tracks(program.tracks), nat(program.nat) {
  for (const RuleRef& ref : edits.removed) rules.push_back({place_of(program, ref), true, {}});
  for (const Edits::Narrowed& n : edits.narrowed)
    rules.push_back({place_of(program, n.rule), false, asks_destination(n.destination)});
  std::ranges::sort(rules, {}, &RuleEdit::rule);
  if (!edits.removed.empty()) {
    tracks = conntrack_use(program, [this](std::uint32_t rule) {
      const RuleEdit* edit = find(rule);
      return edit != nullptr && edit->removed;
    });
  }
  if (edits.tables.empty()) return;
  added.tables = edits.tables;
  more = std::make_unique<const Program>(added, program.little_endian, program.fast);
  for (std::size_t v6 : {0U, 1U}) {
    tracks[v6] = tracks[v6] || more->tracks[v6];
    nat[v6] = nat[v6] || more->nat[v6];
    for (std::size_t point = 0; point < kPoints; ++point) {
      merge(hooks[point][v6].filter, more->hooks[point][v6].filter);
      merge(hooks[point][v6].nat, more->hooks[point][v6].nat);
    }
  }
}

const RuleEdit* Edited::find(std::uint32_t rule) const {
  const auto at = std::ranges::lower_bound(rules, rule, {}, &RuleEdit::rule);
  return at == rules.end() || at->rule != rule ? nullptr : &*at;
}

}  // namespace bulkhead::trace::filtering
