#include "packet/verdict_map.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>
#include <utility>

#include "packet/operations.h"
#include "packet/read.h"
#include "packet/store.h"

namespace bulkhead::packet {

Leaf VerdictMap::at(const Packet& packet) const {
  return leaf_of(store().evaluate(root(), packet));
}

std::vector<Leaf> VerdictMap::leaves() const {
  return packet::leaves(store(), root());
}

Result<VerdictMap> VerdictMap::over(const VerdictMap& next) const {
  const Id b = root_of(next);
  return make<VerdictMap>(store(), [&] { return packet::over(store(), root(), b); });
}

Result<VerdictMap> VerdictMap::mask(const PacketSet& set) const {
  const Id a = root_of(set);
  return make<VerdictMap>(store(), [&] { return packet::mask(store(), a, root()); });
}

Result<VerdictMap> VerdictMap::remap(std::span<const Replacement> replacements) const {
  const LeafTable table = leaf_table(replacements);
  return make<VerdictMap>(store(), [&] { return packet::remap(store(), root(), table); });
}

Result<VerdictMap> VerdictMap::combine(const LeafOperation& operation,
                                       const VerdictMap& other) const {
  if (operation.store_ != &store()) std::abort();  // its tag means another function here
  const Id b = root_of(other);
  return make<VerdictMap>(
      store(), [&] { return packet::combine(store(), operation.tag_, operation, root(), b); });
}

Result<VerdictMap> VerdictMap::select(std::span<const Branch> branches) const {
  std::unordered_map<Leaf, Id> by;
  for (const Branch& branch : branches) by.try_emplace(branch.leaf, root_of(branch.map));
  const auto branch = [&](Leaf leaf) {
    const auto found = by.find(leaf);
    return found == by.end() ? leaf_id(leaf) : found->second;
  };
  return make<VerdictMap>(store(), [&] { return packet::select(store(), root(), branch); });
}

Result<VerdictMap> VerdictMap::before(const VerdictMap& chain,
                                      std::span<const LeafAction> actions) const {
  for (const LeafAction& action : actions) {
    if (auto good = check(store().layout(), action.rewrite, false); !good) {
      return std::unexpected(std::move(good.error()));
    }
  }
  const Id chain_root = root_of(chain);
  return make<VerdictMap>(store(),
                          [&] { return packet::before(store(), root(), chain_root, actions); });
}

Result<VerdictMap> VerdictMap::preimage(const Rewrite& rewrite) const {
  if (auto good = check(store().layout(), rewrite, false); !good) {
    return std::unexpected(std::move(good.error()));
  }
  return make<VerdictMap>(store(), [&] { return packet::preimage(store(), root(), rewrite); });
}

Result<VerdictMap> VerdictMap::cofactor(std::span<const Assign> values) const {
  return make<VerdictMap>(store(), [&] {
    return packet::cofactor(store(), root(), level_values(store().layout(), values));
  });
}

Result<VerdictMap> VerdictMap::cofactor(std::span<const Assign> values,
                                        const PacketSet& within) const {
  const Id set = root_of(within);
  return make<VerdictMap>(store(), [&] {
    return masked_cofactor(store(), set, root(), level_values(store().layout(), values));
  });
}

Result<VerdictMap> VerdictMap::project(std::span<const FieldId> fields,
                                       const LeafOperation& operation) const {
  if (operation.store_ != &store()) std::abort();
  std::vector<bool> levels(store().levels(), false);
  for (const FieldId field : fields) levels[store().layout().level(field)] = true;
  return make<VerdictMap>(
      store(), [&] { return packet::project(store(), root(), levels, operation, operation.tag_); });
}

Result<std::vector<std::pair<Leaf, PacketSet>>> VerdictMap::parts() const {
  std::vector<std::pair<Leaf, Id>> found;
  const auto done = store().run([&] {
    found.clear();
    return packet::parts(store(), root(), found);
  });
  if (!done) return std::unexpected(done.error());
  std::vector<std::pair<Leaf, PacketSet>> out;
  out.reserve(found.size());
  for (const auto& [leaf, id] : found) out.emplace_back(leaf, PacketSet(store(), id));
  return out;
}

Result<PacketSet> VerdictMap::where(Leaf leaf) const {
  return where(std::span(&leaf, 1));
}

Result<PacketSet> VerdictMap::where(std::span<const Leaf> leaves) const {
  std::vector<Leaf> sorted(leaves.begin(), leaves.end());
  std::sort(sorted.begin(), sorted.end());
  return make<PacketSet>(store(), [&] { return packet::where(store(), root(), sorted); });
}

Result<PacketSet> VerdictMap::decided() const {
  return make<PacketSet>(store(), [&] { return packet::decided(store(), root()); });
}

std::vector<std::uint64_t> VerdictMap::cuts(FieldId field) const {
  return packet::cuts(store(), root(), store().layout().level(field));
}

}  // namespace bulkhead::packet
