// Composition: a level whose children may depend on levels above it.
//
// splice() keeps the intervals of its level as a pattern over the distinct children, and walks the
// levels above with all those children at once, cutting each level where any of them is cut. At the
// bottom the pattern is laid out again. A list of children met before gives the node made for it.
#include <algorithm>
#include <map>
#include <utility>

#include "packet/operations.h"
#include "packet/read.h"

namespace bulkhead::packet {
namespace {

class Splice {
 public:
  Splice(Store& store, unsigned level, std::span<const Edge> parts) : store_(store), level_(level) {
    std::map<Id, std::uint32_t> places;
    for (const Edge& part : parts) {
      const auto [at, is_new] =
          places.try_emplace(part.child, static_cast<std::uint32_t>(children_.size()));
      if (is_new) children_.push_back(part.child);
      pattern_.push_back({part.last, at->second});
    }
  }

  Id run() { return walk(children_); }

 private:
  struct Place {
    std::uint64_t last = 0;
    std::uint32_t index = 0;  // into the list of children
  };

  Id walk(const std::vector<Id>& children) {
    const auto as_first = [&](Id id) { return id == children[0]; };
    if (std::all_of(children.begin(), children.end(), as_first)) return children[0];
    unsigned top = kLeafLevel;
    for (const Id id : children) top = std::min(top, store_.level(id));
    if (top >= level_) return lay_out(children);
    if (const auto known = known_.find(children); known != known_.end()) return known->second;
    const Id result = cut(children, top);
    if (result != kFailed) known_.emplace(children, result);
    return result;
  }

  // The node of level `top`: every child that stands there is cut, the others go on as they are.
  Id cut(const std::vector<Id>& children, unsigned top) {
    std::vector<std::uint32_t> at(children.size(), 0);
    std::vector<Id> below = children;
    const std::size_t base = store_.open();
    for (std::uint64_t last = 0;; ++last) {
      if (!step(children.size())) return store_.abandon(base);
      const std::uint64_t first = last;
      last = store_.greatest(top);
      for (std::size_t i = 0; i < children.size(); ++i) {
        if (store_.level(children[i]) != top) continue;
        while (store_.last(children[i], at[i]) < first) ++at[i];
        last = std::min(last, store_.last(children[i], at[i]));
        below[i] = store_.child(children[i], at[i]);
      }
      const Id child = walk(below);
      if (child == kFailed) return store_.abandon(base);
      store_.push(base, last, child);
      if (last == store_.greatest(top)) return store_.close(base, top);
    }
  }

  // A step of the store stands for about as much work as 8 children.
  bool step(std::size_t children) {
    for (std::size_t i = 0; i <= children / 8; ++i) {
      if (!store_.step()) return false;
    }
    return true;
  }

  Id lay_out(const std::vector<Id>& children) {
    const std::size_t base = store_.open();
    std::uint64_t first = 0;
    for (const Place& place : pattern_) {
      const Id id = children[place.index];
      if (store_.level(id) == level_) {  // of which only this interval counts
        std::uint32_t i = store_.find(id, first);
        for (; store_.last(id, i) < place.last; ++i) {
          store_.push(base, store_.last(id, i), store_.child(id, i));
        }
        store_.push(base, place.last, store_.child(id, i));
      } else {
        store_.push(base, place.last, id);
      }
      first = place.last + 1;
    }
    return store_.close(base, level_);
  }

  Store& store_;
  unsigned level_;
  std::vector<Place> pattern_;
  std::vector<Id> children_;
  std::map<std::vector<Id>, Id> known_;
};

class Select {
 public:
  Select(Store& store, const Branches& branch)
      : store_(store), branch_(branch), tag_(store.fresh_tag()) {}

  Id operator()(Id id) {
    if (is_leaf(id)) return branch_(leaf_of(id));
    if (const Id known = store_.cached(tag_, id, 0); known != kFailed) return known;
    if (!store_.step()) return kFailed;
    std::vector<Edge> parts;
    for (std::uint32_t i = 0, n = store_.count(id); i < n; ++i) {
      parts.push_back({store_.last(id, i), (*this)(store_.child(id, i))});
      if (parts.back().child == kFailed) return kFailed;
    }
    const Id result = splice(store_, store_.level(id), parts);
    if (result != kFailed) store_.remember(tag_, id, 0, result);
    return result;
  }

 private:
  Store& store_;
  const Branches& branch_;
  std::uint32_t tag_;
};

}  // namespace

Id splice(Store& store, unsigned level, std::span<const Edge> parts) {
  return Splice(store, level, parts).run();
}

// A few leaves are cheaper one by one: each branch where its leaf stands, and all put together. A
// splice walks all branches at once for every node above them.
Id select(Store& store, Id id, const Branches& branch) {
  constexpr std::size_t kFew = 16;
  LeafTable moved;  // leaf to leaf; those with branches are taken out
  std::vector<std::pair<Leaf, Id>> branches;
  for (const Leaf leaf : leaves(store, id)) {
    const Id by = branch(leaf);
    if (by == kFailed) return kFailed;
    moved.emplace_back(leaf, is_leaf(by) ? leaf_of(by) : kNone);
    if (!is_leaf(by)) branches.emplace_back(leaf, by);
  }
  if (branches.size() > kFew) return Select(store, branch)(id);
  std::vector<Id> parts;
  for (const auto& [leaf, by] : branches) {
    const Id there = where(store, id, {&leaf, 1});
    parts.push_back(there == kFailed ? kFailed : mask(store, there, by));
    if (parts.back() == kFailed) return kFailed;
  }
  parts.push_back(remap(store, id, moved));
  return parts.back() == kFailed ? kFailed : first_match(store, parts);
}

Id copied(Store& store, Id id, unsigned to, unsigned from) {
  if (to == from) return id;
  const std::vector<std::uint64_t> starts = cuts(store, id, to);
  std::vector<Edge> parts;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const LevelValues fixed{{to, starts[i]}};
    const Id part = cofactor(store, id, fixed);
    if (part == kFailed) return kFailed;
    parts.push_back({i + 1 < starts.size() ? starts[i + 1] - 1 : store.greatest(from), part});
  }
  return splice(store, from, parts);
}

}  // namespace bulkhead::packet
