// Tables: prefixes by length, and as diagrams.
#include <algorithm>
#include <tuple>

#include "reach/route/fib.h"

namespace bulkhead::reach::routes {

// fib_insert_alias(): of one prefix, the local table first where two tables share a trie, then by
// tos (highest first), then by metric; IPv6 by metric.
void Table::finish(bool local_before_main) {
  const auto rank = [&](const model::Route* r) {
    return std::tuple(local_before_main && r->table != 255, 255U - r->tos, r->metric);
  };
  std::map<Prefix, std::vector<const model::Route*>> by_prefix;
  for (const model::Route* r : pending_) by_prefix[r->destination].push_back(r);
  pending_.clear();
  for (auto& [prefix, routes] : by_prefix) {
    std::ranges::stable_sort(routes,
                             [&](const auto* a, const auto* b) { return rank(a) < rank(b); });
    entries_.push_back({prefix, std::move(routes), std::nullopt});
  }
  std::ranges::stable_sort(entries_, std::greater(),
                           [](const Entry& e) { return e.prefix.length(); });
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    places_[entries_[i].prefix] = i;
    if (lengths_.empty() || lengths_.back() != entries_[i].prefix.length()) {
      lengths_.push_back(entries_[i].prefix.length());
    }
  }
  for (Entry& e : entries_) {
    for (unsigned length : lengths_) {
      if (length >= e.prefix.length()) continue;
      const auto at = places_.find(Prefix::covering(e.prefix.address(), length));
      if (at == places_.end()) continue;
      e.wider = at->second;
      break;
    }
  }
}

const Table::Entry* Table::longest(IpAddress address) const {
  for (unsigned length : lengths_) {
    const auto at = places_.find(Prefix::covering(address, length));
    if (at != places_.end()) return &entries_[at->second];
  }
  return nullptr;
}

std::vector<Table::Part> Table::find(Algebra& algebra, const AddressOperand& address,
                                     const packet::PacketSet& set) const {
  if (address.constant) return {{set, longest(*address.constant)}};
  auto at = maps_.find(address.field);
  if (at == maps_.end()) {
    std::vector<packet::VerdictMap> rules;
    rules.reserve(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      rules.push_back(algebra.take(
          algebra.where(address, entries_[i].prefix).to_map(static_cast<packet::Leaf>(i + 1)),
          algebra.space().constant(packet::kNone)));
    }
    at = maps_
             .emplace(address.field, algebra.take(algebra.space().first_match(rules),
                                                  algebra.space().constant(packet::kNone)))
             .first;
  }
  const packet::VerdictMap here =
      algebra.take(at->second.mask(set), algebra.space().constant(packet::kNone));
  std::vector<Part> out;
  packet::PacketSet rest = algebra.none();
  for (auto& [leaf, part] : algebra.take(here.parts(), {})) {
    if (leaf == packet::kNone)
      rest = algebra.both(set, part);
    else
      out.push_back({std::move(part), &entries_[leaf - 1]});
  }
  if (!rest.empty()) out.push_back({std::move(rest), nullptr});
  return out;
}

}  // namespace bulkhead::reach::routes
