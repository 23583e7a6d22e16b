#include "packet/rule_tree.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace bulkhead::packet {
namespace {

// Weight balance (Nievergelt, Reingold; the parameters proved sound by Hirai, Yamamoto 2011):
// neither side is more than 3 times as heavy as the other, and a rotation is double when the inner
// grandchild is at least twice the outer one.
constexpr std::size_t kDelta = 3;
constexpr std::size_t kGamma = 2;

}  // namespace

RuleTree::RuleTree(const PacketSpace& space) : nothing_(space.constant(kNone)) {}

Result<RuleTree> RuleTree::of(const PacketSpace& space, std::span<const VerdictMap> rules) {
  RuleTree tree(space);
  auto root = build(rules);
  if (!root) return std::unexpected(std::move(root.error()));
  tree.root_ = *std::move(root);
  return tree;
}

std::size_t RuleTree::size() const {
  return root_ ? root_->size : 0;
}

const VerdictMap& RuleTree::rule(std::size_t position) const {
  assert(position < size());
  const Node* at = root_.get();
  while (at->front) {
    if (position < at->front->size) {
      at = at->front.get();
    } else {
      position -= at->front->size;
      at = at->back.get();
    }
  }
  return at->map;
}

VerdictMap RuleTree::first_match() const {
  return root_ ? root_->map : nothing_;
}

RuleTree::Link RuleTree::leaf(VerdictMap rule) {
  return std::make_shared<const Node>(Node{std::move(rule), 1, nullptr, nullptr});
}

Result<RuleTree::Link> RuleTree::join(Link front, Link back) {
  if (!front) return back;
  if (!back) return front;
  auto map = front->map.over(back->map);
  if (!map) return std::unexpected(std::move(map.error()));
  const std::size_t size = front->size + back->size;
  return std::make_shared<const Node>(
      Node{*std::move(map), size, std::move(front), std::move(back)});
}

// Two sides of which one has changed by one rule, or has just been joined anew.
Result<RuleTree::Link> RuleTree::balanced(Link front, Link back) {
  if (!front || !back) return join(std::move(front), std::move(back));
  const bool back_heavy = back->size > kDelta * front->size;
  if (!back_heavy && front->size <= kDelta * back->size) {
    return join(std::move(front), std::move(back));
  }
  const Node& heavy = back_heavy ? *back : *front;
  const Link outer = back_heavy ? heavy.back : heavy.front;
  const Link inner = back_heavy ? heavy.front : heavy.back;
  if (inner->size < kGamma * outer->size || !inner->front) {
    auto joined = back_heavy ? join(front, inner) : join(inner, back);
    if (!joined) return joined;
    return back_heavy ? join(*joined, outer) : join(outer, *joined);
  }
  auto left = back_heavy ? join(front, inner->front) : join(outer, inner->front);
  if (!left) return left;
  auto right = back_heavy ? join(inner->back, outer) : join(inner->back, back);
  if (!right) return right;
  return join(*left, *right);
}

Result<RuleTree::Link> RuleTree::build(std::span<const VerdictMap> rules) {
  if (rules.empty()) return Link();
  if (rules.size() == 1) return leaf(rules[0]);
  auto front = build(rules.first(rules.size() / 2));
  if (!front) return front;
  auto back = build(rules.subspan(rules.size() / 2));
  return back ? join(*front, *back) : back;
}

// The tree with what `at_leaf` makes of the rule at the position.
template <class AtLeaf>
Result<RuleTree::Link> RuleTree::change(const Link& at, std::size_t position, AtLeaf at_leaf) {
  if (!at->front) return at_leaf(at);
  const bool in_front = position < at->front->size;
  auto changed = in_front ? change(at->front, position, at_leaf)
                          : change(at->back, position - at->front->size, at_leaf);
  if (!changed) return changed;
  return in_front ? balanced(*changed, at->back) : balanced(at->front, *changed);
}

Status RuleTree::replace(std::size_t position, VerdictMap rule) {
  assert(position < size());
  auto root = change(root_, position, [&](const Link&) { return Result<Link>(leaf(rule)); });
  if (!root) return std::unexpected(std::move(root.error()));
  root_ = *std::move(root);
  return {};
}

Status RuleTree::insert(std::size_t position, VerdictMap rule) {
  assert(position <= size());
  if (!root_) {
    root_ = leaf(std::move(rule));
    return {};
  }
  const bool last = position == size();
  auto root = change(root_, last ? position - 1 : position, [&](const Link& there) {
    return last ? join(there, leaf(rule)) : join(leaf(rule), there);
  });
  if (!root) return std::unexpected(std::move(root.error()));
  root_ = *std::move(root);
  return {};
}

Status RuleTree::erase(std::size_t position) {
  assert(position < size());
  auto root = change(root_, position, [](const Link&) { return Result<Link>(Link()); });
  if (!root) return std::unexpected(std::move(root.error()));
  root_ = *std::move(root);
  return {};
}

}  // namespace bulkhead::packet
