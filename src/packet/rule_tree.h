// A list of rules whose first match is kept up to date: one rule changed costs about log2(n)
// merges.
//
// A balanced tree with the rules at its leaves, in order; each inner node holds the first match of
// the rules below it. A change makes the nodes on one path anew. The balance is kept by weight, so
// that no order of insertions makes a path longer than about 2.4 log2(n).
//
// A chain that others jump to is a tree of its own; its callers hold mask(match, callee) as one of
// their rules and change that when it changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "packet/packet_space.h"

namespace bulkhead::packet {

class RuleTree {
 public:
  // The space must be that of all maps, and outlive the tree.
  explicit RuleTree(const PacketSpace& space);
  [[nodiscard]] static Result<RuleTree> of(const PacketSpace& space,
                                           std::span<const VerdictMap> rules);

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] const VerdictMap& rule(std::size_t position) const;  // position < size()
  // over() of all rules; kNone for no rules.
  [[nodiscard]] VerdictMap first_match() const;

  // kBudget leaves the tree as it was. Positions count from 0; insert() puts the rule before the
  // one that is at `position` now, or last at size().
  [[nodiscard]] Status replace(std::size_t position, VerdictMap rule);
  [[nodiscard]] Status insert(std::size_t position, VerdictMap rule);
  [[nodiscard]] Status erase(std::size_t position);

 private:
  // Nodes are never changed once they are part of a tree, so a change that fails leaves no trace.
  struct Node {
    VerdictMap map;
    std::size_t size = 1;                     // rules below
    std::shared_ptr<const Node> front, back;  // both, or neither at a rule
  };
  using Link = std::shared_ptr<const Node>;  // null: no rules

  [[nodiscard]] static Link leaf(VerdictMap rule);
  [[nodiscard]] static Result<Link> join(Link front, Link back);
  [[nodiscard]] static Result<Link> balanced(Link front, Link back);
  [[nodiscard]] static Result<Link> build(std::span<const VerdictMap> rules);
  template <class AtLeaf>
  [[nodiscard]] static Result<Link> change(const Link& at, std::size_t position, AtLeaf at_leaf);

  VerdictMap nothing_;
  Link root_;
};

}  // namespace bulkhead::packet
