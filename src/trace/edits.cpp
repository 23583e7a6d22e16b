#include "trace/edits.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace bulkhead::trace {
namespace {

void narrow(model::Rule& rule, const IpAddress& destination) {
  const model::Term field{model::PayloadTerm{model::PayloadBase::kNetwork, 16, 4}};
  const auto octets = destination.octets();
  rule.statements.insert(
      rule.statements.begin(),
      model::Compare{field, model::CompareOp::kEqual, Bytes(octets.begin(), octets.end())});
}

}  // namespace

void apply(const Edits& edits, const model::Snapshot& original, model::Snapshot& copy) {
  const model::NetNs& before = original.namespaces[edits.ns.value];
  model::NetNs& after = copy.namespaces[edits.ns.value];
  const auto chain_of = [&](const RuleRef& ref) -> model::Chain& {
    const auto table = static_cast<std::size_t>(ref.table - before.ruleset.tables.data());
    const auto chain = static_cast<std::size_t>(ref.chain - ref.table->chains.data());
    return after.ruleset.tables[table].chains[chain];
  };
  const auto position = [](const RuleRef& ref) { return ref.rule - ref.chain->rules.data(); };
  for (const Edits::Narrowed& n : edits.narrowed)
    narrow(chain_of(n.rule).rules[static_cast<std::size_t>(position(n.rule))], n.destination);
  std::map<model::Chain*, std::set<std::ptrdiff_t>> removed;
  for (const RuleRef& ref : edits.removed) removed[&chain_of(ref)].insert(position(ref));
  for (const auto& [chain, places] : removed) {
    std::ptrdiff_t at = 0;
    std::erase_if(chain->rules, [&](const model::Rule&) { return places.contains(at++); });
  }
  std::ptrdiff_t at = 0;
  std::erase_if(after.sockets, [&](const model::Socket&) {
    return std::ranges::find(edits.closed, &before.sockets[static_cast<std::size_t>(at++)]) !=
           edits.closed.end();
  });
  after.ruleset.tables.insert(after.ruleset.tables.end(), edits.tables.begin(), edits.tables.end());
}

}  // namespace bulkhead::trace
