// Operations on one function: a walk that builds the result from the bottom. What was computed for
// a node is remembered under a tag that this one call has.
#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "packet/operations.h"

namespace bulkhead::packet {
namespace {

// The node of id's level with each child replaced by what `of_child` makes of it.
template <class OfChild>
Id rebuild(Store& store, Id id, OfChild of_child) {
  const std::size_t base = store.open();
  for (std::uint32_t i = 0, n = store.count(id); i < n; ++i) {
    const Id child = of_child(store.child(id, i));
    if (child == kFailed) return store.abandon(base);
    store.push(base, store.last(id, i), child);
  }
  return store.close(base, store.level(id));
}

// A walk by `Derived`: `leaf(id)` for leaves, `node(id)` for nodes; each node once while
// remembered.
template <class Derived>
class Walk {
 public:
  Id operator()(Id id) {
    Derived& self = static_cast<Derived&>(*this);
    if (is_leaf(id)) return self.leaf(id);
    if (self.stays(id)) return id;
    if (const Id known = store_.cached(tag_, id, 0); known != kFailed) return known;
    if (!store_.step()) return kFailed;
    const Id result = self.node(id);
    if (result != kFailed) store_.remember(tag_, id, 0, result);
    return result;
  }

  // What most walks do.
  Id leaf(Id id) { return id; }
  Id node(Id id) {
    return rebuild(store_, id, [&](Id child) { return (*this)(child); });
  }
  bool stays(Id) { return false; }  // the walk leaves this node and all below as they are

 protected:
  [[nodiscard]] Store& store() const { return store_; }

 private:
  friend Derived;
  explicit Walk(Store& store) : Walk(store, store.fresh_tag()) {}
  Walk(Store& store, std::uint32_t tag) : store_(store), tag_(tag) {}

  Store& store_;
  std::uint32_t tag_;
};

template <class Function>
class LeafWalk : public Walk<LeafWalk<Function>> {
 public:
  LeafWalk(Store& store, Function function)
      : Walk<LeafWalk>(store), function_(std::move(function)) {}
  LeafWalk(Store& store, std::uint32_t tag, Function function)
      : Walk<LeafWalk>(store, tag), function_(std::move(function)) {}
  Id leaf(Id id) { return function_(id); }

 private:
  Function function_;
};

constexpr std::uint32_t kComplementTag = 16;
constexpr std::uint32_t kDecidedTag = 17;

// Joins the results for the children of a level that is taken away. `Join` is associative,
// commutative and idempotent.
template <class Join>
class Project : public Walk<Project<Join>> {
 public:
  Project(Store& store, const std::vector<bool>& levels, const IntervalSet* within, Join join)
      : Walk<Project>(store), levels_(levels), within_(within), join_(std::move(join)) {
    while (last_ > 0 && !levels_[last_ - 1]) --last_;
  }
  bool stays(Id id) { return this->store().level(id) >= last_; }
  Id node(Id id) { return levels_[this->store().level(id)] ? joined(id) : Walk<Project>::node(id); }

 private:
  bool counts(std::uint64_t first, std::uint64_t last) const {
    return within_ == nullptr || !within_->intersect(IntervalSet::range(first, last)).empty();
  }

  Id joined(Id id) {
    std::vector<Id> children;
    std::uint64_t first = 0;
    for (std::uint32_t i = 0, n = this->store().count(id); i < n; ++i) {
      const std::uint64_t last = this->store().last(id, i);
      if (counts(first, last)) children.push_back(this->store().child(id, i));
      first = last + 1;
    }
    distinct(children);
    for (Id& child : children) {
      child = (*this)(child);
      if (child == kFailed) return kFailed;
    }
    distinct(children);
    return children.empty() ? kNoneId : fold(children);
  }

  static void distinct(std::vector<Id>& ids) {
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  }

  Id fold(std::span<const Id> ids) {
    if (ids.size() == 1) return ids[0];
    const Id a = fold(ids.first(ids.size() / 2));
    if (a == kFailed) return kFailed;
    const Id b = fold(ids.subspan(ids.size() / 2));
    return b == kFailed ? kFailed : join_(a, b);
  }

  const std::vector<bool>& levels_;
  const IntervalSet* within_;
  Join join_;
  std::size_t last_ = levels_.size();  // one behind the last level that is taken away
};

// The node of a level with its intervals moved by `move`, which changes a list of edges.
template <class Move>
class Rearrange : public Walk<Rearrange<Move>> {
 public:
  Rearrange(Store& store, unsigned level, Move move)
      : Walk<Rearrange>(store), level_(level), move_(std::move(move)) {}
  bool stays(Id id) { return this->store().level(id) > level_; }
  Id node(Id id) {
    Store& store = this->store();
    if (store.level(id) < level_) return Walk<Rearrange>::node(id);
    std::vector<Edge> edges;
    for (std::uint32_t i = 0, n = store.count(id); i < n; ++i) {
      edges.push_back({store.last(id, i), store.child(id, i)});
    }
    return store.make(level_, move_(std::move(edges)));
  }

 private:
  unsigned level_;
  Move move_;
};

}  // namespace

LeafTable leaf_table(std::span<const VerdictMap::Replacement> replacements) {
  LeafTable table;
  for (const VerdictMap::Replacement& r : replacements) table.emplace_back(r.leaf, r.by);
  const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  std::stable_sort(table.begin(), table.end(), less);
  table.erase(std::unique(table.begin(), table.end(), same), table.end());
  return table;
}

Id remap(Store& store, Id id, const LeafTable& table) {
  return LeafWalk(store, store.table_tag(table), [&](Id leaf) {
    const auto found =
        std::lower_bound(table.begin(), table.end(), leaf_of(leaf),
                         [](const auto& entry, Leaf wanted) { return entry.first < wanted; });
    const bool named = found != table.end() && found->first == leaf_of(leaf);
    return named ? leaf_id(found->second) : leaf;
  })(id);
}

Id complement(Store& store, Id set) {
  return LeafWalk(store, kComplementTag, [](Id leaf) { return leaf == kOut ? kIn : kOut; })(set);
}

Id where(Store& store, Id id, std::span<const Leaf> leaves) {
  return LeafWalk(store, [&](Id leaf) {
    return std::binary_search(leaves.begin(), leaves.end(), leaf_of(leaf)) ? kIn : kOut;
  })(id);
}

Id decided(Store& store, Id id) {
  return LeafWalk(store, kDecidedTag, [](Id leaf) { return leaf == kNoneId ? kOut : kIn; })(id);
}

namespace {

// Each node's leaves with the sets of packets below it that get them.
class Parts {
 public:
  using List = std::vector<std::pair<Leaf, Id>>;
  explicit Parts(Store& store) : store_(store) {}

  // nullptr: a limit was met.
  const List* operator()(Id id) {
    const auto [at, fresh] = known_.try_emplace(id);
    if (!fresh) return &at->second;
    if (is_leaf(id)) {
      at->second.emplace_back(leaf_of(id), kIn);
      return &at->second;
    }
    List made;
    if (!store_.step() || !joined(id, made)) return nullptr;
    return &(known_[id] = std::move(made));
  }

 private:
  bool joined(Id id, List& made) {
    std::map<Leaf, std::vector<Edge>> edges;
    std::uint64_t first = 0;
    for (std::uint32_t i = 0, n = store_.count(id); i < n; ++i) {
      const std::uint64_t last = store_.last(id, i);
      const List* below = (*this)(store_.child(id, i));
      if (below == nullptr) return false;
      for (const auto& [leaf, set] : *below) {
        std::vector<Edge>& out = edges[leaf];
        const std::uint64_t covered = out.empty() ? 0 : out.back().last + 1;
        if (covered < first) out.push_back({first - 1, kOut});
        out.push_back({last, set});
      }
      first = last + 1;
    }
    for (auto& [leaf, out] : edges) {
      if (out.back().last != store_.greatest(store_.level(id)))
        out.push_back({store_.greatest(store_.level(id)), kOut});
      made.emplace_back(leaf, store_.make(store_.level(id), out));
      if (made.back().second == kFailed) return false;
    }
    return true;
  }

  Store& store_;
  std::unordered_map<Id, List> known_;
};

}  // namespace

Id parts(Store& store, Id id, std::vector<std::pair<Leaf, Id>>& parts) {
  Parts all(store);
  const Parts::List* list = all(id);
  if (list == nullptr) return kFailed;
  parts = *list;
  return kIn;
}

LevelValues level_values(const Layout& layout, std::span<const Assign> values) {
  LevelValues result;
  for (const Assign& value : values) {
    const unsigned level = layout.level(value.field);
    const auto at = std::lower_bound(result.begin(), result.end(), level,
                                     [](const LevelValue& v, unsigned l) { return v.level < l; });
    if (at != result.end() && at->level == level) {
      at->value = value.value;
    } else {
      result.insert(at, {level, value.value});
    }
  }
  return result;
}

Cofactors::Fixed Cofactors::fix(LevelValues values) {
  Fixed fixed{std::move(values), {}};
  std::vector<std::uint64_t> tail;
  for (std::size_t i = fixed.values.size(); i-- > 0;) {
    tail.push_back(fixed.values[i].level);
    tail.push_back(fixed.values[i].value);
    const auto number = static_cast<std::uint32_t>(numbers_.size());
    fixed.tails.push_back(numbers_.try_emplace(tail, number).first->second);
  }
  std::reverse(fixed.tails.begin(), fixed.tails.end());
  return fixed;
}

Id Cofactors::operator()(Id id, const Fixed& fixed, std::size_t from) {
  for (; from < fixed.values.size(); ++from) {
    const auto [level, value] = fixed.values[from];
    if (store_.level(id) == level) {
      id = store_.child_at(id, value);
    } else if (store_.level(id) < level) {
      break;
    }
  }
  if (from == fixed.values.size()) return id;
  const std::uint32_t tail = fixed.tails[from];
  if (const Id known = store_.cached(tag_, id, tail); known != kFailed) return known;
  if (!store_.step()) return kFailed;
  const Id result = rebuild(store_, id, [&](Id child) { return (*this)(child, fixed, from); });
  if (result != kFailed) store_.remember(tag_, id, tail, result);
  return result;
}

namespace {

// Walks a set and a map at once; levels with a value are passed by in the map.
class MaskedCofactor {
 public:
  MaskedCofactor(Store& store, const LevelValues& values)
      : store_(store), tag_(store.fresh_tag()), fixed_(store.levels(), nullptr) {
    for (const LevelValue& v : values) fixed_[v.level] = &v.value;
  }

  Id operator()(Id set, Id map) {
    while (!is_leaf(map) && fixed_[store_.level(map)] != nullptr)
      map = store_.child_at(map, *fixed_[store_.level(map)]);
    if (set == kOut || map == kNoneId) return kNoneId;
    if (is_leaf(set) && is_leaf(map)) return map;
    if (const Id known = store_.cached(tag_, set, map); known != kFailed) return known;
    if (!store_.step()) return kFailed;
    const Id result = cut(set, map);
    if (result != kFailed) store_.remember(tag_, set, map, result);
    return result;
  }

 private:
  Id cut(Id set, Id map) {
    const unsigned level = std::min(store_.level(set), store_.level(map));
    const bool in_set = store_.level(set) == level, in_map = store_.level(map) == level;
    const std::size_t base = store_.open();
    for (std::uint32_t i = 0, j = 0;;) {
      const std::uint64_t end_set = in_set ? store_.last(set, i) : store_.greatest(level);
      const std::uint64_t end_map = in_map ? store_.last(map, j) : store_.greatest(level);
      const std::uint64_t last = std::min(end_set, end_map);
      const Id child = (*this)(in_set ? store_.child(set, i) : set,  //
                               in_map ? store_.child(map, j) : map);
      if (child == kFailed) return store_.abandon(base);
      store_.push(base, last, child);
      if (last == store_.greatest(level)) return store_.close(base, level);
      i += end_set == last;
      j += end_map == last;
    }
  }

  Store& store_;
  std::uint32_t tag_;
  std::vector<const std::uint64_t*> fixed_;  // by level; null: open
};

}  // namespace

Id masked_cofactor(Store& store, Id set, Id map, const LevelValues& values) {
  return MaskedCofactor(store, values)(set, map);
}

Id cofactor(Store& store, Id id, const LevelValues& values) {
  Cofactors cofactors(store);
  return cofactors(id, cofactors.fix(values));
}

Id project(Store& store, Id set, const std::vector<bool>& levels, const IntervalSet* within) {
  if (within != nullptr && within->empty()) return kOut;
  return Project(store, levels, within, [&](Id a, Id b) { return over(store, a, b); })(set);
}

Id project(Store& store, Id map, const std::vector<bool>& levels, const LeafOperation& operation,
           std::uint32_t tag) {
  return Project(store, levels, nullptr,
                 [&](Id a, Id b) { return combine(store, tag, operation, a, b); })(map);
}

Id shift(Store& store, Id id, unsigned level, std::uint64_t delta) {
  const std::uint64_t greatest = store.greatest(level);
  delta &= greatest;
  if (delta == 0) return id;
  return Rearrange(store, level, [=](std::vector<Edge> edges) {
    // New value v stands for v + delta: the interval that holds delta comes first.
    const auto from = std::find_if(edges.begin(), edges.end(),
                                   [&](const Edge& edge) { return edge.last >= delta; });
    std::vector<Edge> moved;
    for (auto i = from; i != edges.end(); ++i) moved.push_back({i->last - delta, i->child});
    const std::uint64_t wrapped = greatest - delta + 1;
    for (auto i = edges.begin(); i != from; ++i) moved.push_back({i->last + wrapped, i->child});
    if (moved.back().last != greatest) moved.push_back({greatest, from->child});
    return moved;
  })(id);
}

Id invert(Store& store, Id id, unsigned level) {
  const std::uint64_t greatest = store.greatest(level);
  return Rearrange(store, level, [=](std::vector<Edge> edges) {
    std::vector<Edge> moved;
    for (std::size_t i = edges.size(); i-- > 0;) {
      const std::uint64_t first = i == 0 ? 0 : edges[i - 1].last + 1;
      moved.push_back({greatest - first, edges[i].child});
    }
    return moved;
  })(id);
}

std::vector<std::uint64_t> cuts(const Store& store, Id id, unsigned level) {
  std::vector<std::uint64_t> result{0};
  std::vector<bool> seen(store.node_slots(), false);
  std::vector<Id> todo{id};
  while (!todo.empty()) {
    const Id next = todo.back();
    todo.pop_back();
    if (store.level(next) > level || seen[next]) continue;
    seen[next] = true;
    const std::uint32_t count = store.count(next);
    if (store.level(next) < level) {
      for (std::uint32_t i = 0; i < count; ++i) todo.push_back(store.child(next, i));
      continue;
    }
    for (std::uint32_t i = 0; i + 1 < count; ++i) result.push_back(store.last(next, i) + 1);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

}  // namespace bulkhead::packet
