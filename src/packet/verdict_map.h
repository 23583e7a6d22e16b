// A function from packets to small numbers, as first match over a chain of rules gives it: the
// verdict, or an index into a caller's table (of rewrites, of rules). kNone stands for "no rule
// matched".
//
// A chain is first_match() of its rules. RETURN is a leaf of the caller's that is turned to kNone
// when the chain is done (remap); a jump is the callee's map where the rule matches (mask); a goto
// is the same with the callee's kNone turned to RETURN first. So chains are compiled once.
//
// Counted, canonical, costs and errors as PacketSet's.
#pragma once

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "packet/packet_set.h"

namespace bulkhead::packet {

// A function of two leaves, which a space remembers results for. Made by PacketSpace::operation and
// bound to that space; the function gives the same for the same, and at most kMaxLeaf.
class LeafOperation {
 public:
  [[nodiscard]] Leaf operator()(Leaf a, Leaf b) const { return function_(a, b); }

 private:
  friend class PacketSpace;
  friend class VerdictMap;
  LeafOperation(const Store* store, std::uint32_t tag, std::function<Leaf(Leaf, Leaf)> function)
      : store_(store), tag_(tag), function_(std::move(function)) {}
  const Store* store_;
  std::uint32_t tag_;
  std::function<Leaf(Leaf, Leaf)> function_;
};

class VerdictMap : public Diagram {
 public:
  VerdictMap(Store& store, std::uint32_t root) noexcept
      : Diagram(store, root) {}  // of packet/ alone
  struct Replacement {
    Leaf leaf = kNone;
    Leaf by = kNone;
  };
  struct Branch;      // a leaf and the map that stands for it
  struct LeafAction;  // a leaf and what it does to a packet

  [[nodiscard]] Leaf at(const Packet& packet) const;  // one search per field
  [[nodiscard]] std::vector<Leaf> leaves() const;     // those that occur, ascending

  // This where it is not kNone, else `next`. Associative.
  [[nodiscard]] Result<VerdictMap> over(const VerdictMap& next) const;
  // This on the set, kNone elsewhere.
  [[nodiscard]] Result<VerdictMap> mask(const PacketSet& set) const;
  // Leaves that are not named stay. A leaf that is named twice takes the first.
  [[nodiscard]] Result<VerdictMap> remap(std::span<const Replacement> replacements) const;
  // operation(this(p), other(p)) for every p.
  [[nodiscard]] Result<VerdictMap> combine(const LeafOperation& operation,
                                           const VerdictMap& other) const;
  // In place of every leaf that is named, the map of its branch: p -> branch[this(p)](p).
  [[nodiscard]] Result<VerdictMap> select(std::span<const Branch> branches) const;
  // This as seen from before a chain that rewrites packets: p -> this(action[chain(p)](p)), and
  // this(p) where the chain's leaf has no action. Thousands of actions cost about one cofactor
  // each. kUnsupported: Choose.
  [[nodiscard]] Result<VerdictMap> before(const VerdictMap& chain,
                                          std::span<const LeafAction> actions) const;
  [[nodiscard]] Result<VerdictMap> preimage(const Rewrite& rewrite) const;  // kUnsupported: Choose
  [[nodiscard]] Result<VerdictMap> cofactor(std::span<const Assign> values) const;
  // cofactor(values) on the set, kNone elsewhere. The values are filled in in this map alone. Costs
  // what the set leaves of the map, not all of it.
  [[nodiscard]] Result<VerdictMap> cofactor(std::span<const Assign> values,
                                            const PacketSet& within) const;
  // The operation over all values of the fields: it must be associative and commutative, and
  // give a for (a, a).
  [[nodiscard]] Result<VerdictMap> project(std::span<const FieldId> fields,
                                           const LeafOperation& operation) const;

  // where() of each leaf that occurs, ascending; they are disjoint and hold every packet. Costs
  // what the parts have in nodes together, not leaves times nodes.
  [[nodiscard]] Result<std::vector<std::pair<Leaf, PacketSet>>> parts() const;
  [[nodiscard]] Result<PacketSet> where(Leaf leaf) const;
  [[nodiscard]] Result<PacketSet> where(std::span<const Leaf> leaves) const;
  [[nodiscard]] Result<PacketSet> decided() const;  // where it is not kNone

  // The first values of the intervals of the field within which no packet's leaf changes, whatever
  // the other fields are; begins with 0. Linear.
  [[nodiscard]] std::vector<std::uint64_t> cuts(FieldId field) const;

 private:
  friend class EndpointClasses;
  friend class PacketSet;
  friend class PacketSpace;
};

struct VerdictMap::Branch {
  Leaf leaf = kNone;
  VerdictMap map;
};
struct VerdictMap::LeafAction {
  Leaf leaf = kNone;
  Rewrite rewrite;
};

}  // namespace bulkhead::packet
