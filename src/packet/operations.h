// Operations over ids of one Store. Private to packet/. Each returns kFailed once a limit was met,
// takes ids that must not be kFailed, and is called within Store::run() (or one like it).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "packet/rewrite.h"
#include "packet/store.h"
#include "packet/verdict_map.h"

namespace bulkhead::packet {

// Runs one operation; what it made as a PacketSet or a VerdictMap.
template <class Made, class Operation>
[[nodiscard]] Result<Made> make(Store& store, Operation operation) {
  Result<Id> id = store.run(operation);
  if (!id) return std::unexpected(std::move(id.error()));
  return Made(store, *id);
}

// ---- two operands (binary.cpp)
// a where it is not kNone, else b. Of sets: union.
[[nodiscard]] Id over(Store& store, Id a, Id b);
// map on the set, kNone elsewhere. Of sets: intersection.
[[nodiscard]] Id mask(Store& store, Id set, Id map);
[[nodiscard]] Id subtract(Store& store, Id a, Id b);      // sets
[[nodiscard]] Id are_disjoint(Store& store, Id a, Id b);  // sets; kIn: yes, kOut: no
[[nodiscard]] Id is_subset(Store& store, Id a, Id b);     // sets; kIn: yes, kOut: no
[[nodiscard]] Id combine(Store& store, std::uint32_t tag, const LeafOperation& operation, Id a,
                         Id b);
// over() of all, merged in halves.
[[nodiscard]] Id first_match(Store& store, std::span<const Id> ids);

// ---- one operand (unary.cpp)
// Leaves become what `table` says, which lists (leaf, replacement) ascending; others stay.
using LeafTable = std::vector<std::pair<Leaf, Leaf>>;
[[nodiscard]] LeafTable leaf_table(std::span<const VerdictMap::Replacement> replacements);
[[nodiscard]] Id remap(Store& store, Id id, const LeafTable& table);
[[nodiscard]] Id complement(Store& store, Id set);
// kIn where the leaf is one of `leaves` (ascending), kOut elsewhere.
[[nodiscard]] Id where(Store& store, Id id, std::span<const Leaf> leaves);
[[nodiscard]] Id decided(Store& store, Id id);
// where() of each leaf that occurs, ascending, into `parts`; kFailed or a leaf.
[[nodiscard]] Id parts(Store& store, Id id, std::vector<std::pair<Leaf, Id>>& parts);

struct LevelValue {
  unsigned level = 0;
  std::uint64_t value = 0;
};
using LevelValues = std::vector<LevelValue>;  // ascending, each level once
// A later assignment to the same field wins.
[[nodiscard]] LevelValues level_values(const Layout& layout, std::span<const Assign> values);
[[nodiscard]] Id cofactor(Store& store, Id id, const LevelValues& values);
// mask() of the cofactor, without what the set leaves out.
[[nodiscard]] Id masked_cofactor(Store& store, Id set, Id map, const LevelValues& values);

// Many cofactors: what a node becomes depends only on the values for its level and those below, so
// assignments that end alike share what was computed.
class Cofactors {
 public:
  explicit Cofactors(Store& store) : store_(store), tag_(store.fresh_tag()) {}

  struct Fixed {
    LevelValues values;
    std::vector<std::uint32_t> tails;  // by index into values: the number of the list from there on
  };
  [[nodiscard]] Fixed fix(LevelValues values);
  [[nodiscard]] Id operator()(Id id, const Fixed& fixed, std::size_t from = 0);

 private:
  Store& store_;
  std::uint32_t tag_;
  std::map<std::vector<std::uint64_t>, std::uint32_t> numbers_;
};

// Takes the levels that are marked away: union over their values (those in `within`, when it is not
// null; it is then for all marked levels).
[[nodiscard]] Id project(Store& store, Id set, const std::vector<bool>& levels,
                         const IntervalSet* within);
[[nodiscard]] Id project(Store& store, Id map, const std::vector<bool>& levels,
                         const LeafOperation& operation, std::uint32_t tag);
// p -> f(p with the field changed)
[[nodiscard]] Id shift(Store& store, Id id, unsigned level, std::uint64_t delta);
[[nodiscard]] Id invert(Store& store, Id id, unsigned level);
// First values of the intervals of the level within which f does not change.
[[nodiscard]] std::vector<std::uint64_t> cuts(const Store& store, Id id, unsigned level);

// ---- composition (splice.cpp)
// The function that takes the child of the interval in which the level's value lies. The children
// may depend on any level, also on this one and on those above. The intervals cover all values.
[[nodiscard]] Id splice(Store& store, unsigned level, std::span<const Edge> parts);
// p -> branch(leaf of p)(p), where branch(leaf) is the function that stands for the leaf; it is
// asked at most a few times for each.
using Branches = std::function<Id(Leaf)>;
[[nodiscard]] Id select(Store& store, Id id, const Branches& branch);
// p -> f(p with `to` := its `from`)
[[nodiscard]] Id copied(Store& store, Id id, unsigned to, unsigned from);

// ---- rewriting (rewrite.cpp)
// Is every step within the layout, and allowed? `choose_allowed`: Choose is.
[[nodiscard]] Status check(const Layout& layout, const Rewrite& rewrite, bool choose_allowed);
[[nodiscard]] Status check_image(const Layout& layout, const Rewrite& rewrite);  // Choose allowed
[[nodiscard]] Id preimage(Store& store, Id id, const Rewrite& rewrite);  // Choose: of sets only
// p -> f(p rewritten by the action of chain's leaf for p); f(p) where it has none.
[[nodiscard]] Id before(Store& store, Id id, Id chain,
                        std::span<const VerdictMap::LeafAction> actions);
[[nodiscard]] Id image(Store& store, Id set, const Rewrite& rewrite);

}  // namespace bulkhead::packet
