#include "packet/read.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace bulkhead::packet {
namespace {

// Calls visit(node) once for each node that id reaches; what visit refuses (false) is not entered.
template <class Visit>
void each_node(const Store& store, Id id, Visit visit) {
  std::vector<bool> seen(store.node_slots(), false);
  std::vector<Id> todo{id};
  while (!todo.empty()) {
    const Id next = todo.back();
    todo.pop_back();
    if (is_leaf(next) || seen[next]) continue;
    seen[next] = true;
    if (!visit(next)) continue;
    for (std::uint32_t i = 0, n = store.count(next); i < n; ++i) {
      todo.push_back(store.child(next, i));
    }
  }
}

std::uint64_t first_value(const Store& store, Id id, std::uint32_t i) {
  return i == 0 ? 0 : store.last(id, i - 1) + 1;
}

// The values of the node's field that lead to `child`, or anywhere but out when there is none.
IntervalSet values_to(const Store& store, Id id, std::optional<Id> child) {
  std::vector<Interval> intervals;
  for (std::uint32_t i = 0, n = store.count(id); i < n; ++i) {
    const Id at = store.child(id, i);
    if (child ? at != *child : at == kOut) continue;
    intervals.push_back({first_value(store, id, i), store.last(id, i)});
  }
  return IntervalSet::of(std::move(intervals));
}

std::vector<Id> distinct_children(const Store& store, Id id) {  // those that hold packets
  std::vector<Id> children;
  for (std::uint32_t i = 0, n = store.count(id); i < n; ++i) {
    if (store.child(id, i) != kOut) children.push_back(store.child(id, i));
  }
  std::sort(children.begin(), children.end());
  children.erase(std::unique(children.begin(), children.end()), children.end());
  return children;
}

class Counter {
 public:
  explicit Counter(const Store& store) : store_(store) {}

  // Of all values of the fields from `level` down.
  long double operator()(Id id, unsigned level) {
    if (id == kOut) return 0;
    const unsigned own = std::min(store_.level(id), store_.levels());
    int bits = 0;
    for (unsigned l = level; l < own; ++l) {
      bits += static_cast<int>(store_.layout().bits(store_.layout().order()[l]));
    }
    return std::ldexp(is_leaf(id) ? 1.0L : node(id), bits);
  }

 private:
  long double node(Id id) {
    if (const auto found = known_.find(id); found != known_.end()) return found->second;
    long double sum = 0;
    for (std::uint32_t i = 0, n = store_.count(id); i < n; ++i) {
      const long double width =
          static_cast<long double>(store_.last(id, i) - first_value(store_, id, i)) + 1;
      sum += width * (*this)(store_.child(id, i), store_.level(id) + 1);
    }
    return known_[id] = sum;
  }

  const Store& store_;
  std::unordered_map<Id, long double> known_;
};

class Enumerate {
 public:
  Enumerate(const Store& store, std::size_t limit) : store_(store), limit_(limit) {}

  void run(Id id) {
    if (id == kOut || !result.complete) return;
    if (is_leaf(id)) {
      result.complete = result.products.size() < limit_;
      if (result.complete) result.products.push_back(product());
      return;
    }
    for (const Id child : distinct_children(store_, id)) {
      path_.push_back({store_.layout().order()[store_.level(id)], values_to(store_, id, child)});
      run(child);
      path_.pop_back();
    }
  }

  Products result;

 private:
  Product product() const {
    Product product;
    for (const Product::Part& part : path_) product.where(part.field, part.values);
    return product;
  }

  const Store& store_;
  std::size_t limit_;
  std::vector<Product::Part> path_;
};

}  // namespace

IntervalSet field_values(const Store& store, Id set, unsigned level) {
  if (set == kOut) return {};
  const IntervalSet full = IntervalSet::full(store.layout().bits(store.layout().order()[level]));
  std::vector<Interval> found;
  bool free = store.level(set) > level;  // some way to a packet passes this level by
  each_node(store, set, [&](Id id) {
    if (store.level(id) > level) return false;
    if (store.level(id) == level) {
      const IntervalSet values = values_to(store, id, std::nullopt);
      found.insert(found.end(), values.intervals().begin(), values.intervals().end());
      return false;
    }
    for (std::uint32_t i = 0, n = store.count(id); i < n; ++i) {
      const Id child = store.child(id, i);
      free = free || (child != kOut && store.level(child) > level);
    }
    return true;
  });
  return free ? full : IntervalSet::of(std::move(found));
}

std::vector<FieldId> support(const Store& store, Id id) {
  std::vector<bool> levels(store.levels(), false);
  each_node(store, id, [&](Id node) { return levels[store.level(node)] = true; });
  std::vector<FieldId> fields;
  for (unsigned level = 0; level < store.levels(); ++level) {
    if (levels[level]) fields.push_back(store.layout().order()[level]);
  }
  return fields;
}

std::vector<Leaf> leaves(const Store& store, Id id) {
  std::vector<Leaf> result;
  if (is_leaf(id)) result.push_back(leaf_of(id));
  each_node(store, id, [&](Id node) {
    for (std::uint32_t i = 0, n = store.count(node); i < n; ++i) {
      if (is_leaf(store.child(node, i))) result.push_back(leaf_of(store.child(node, i)));
    }
    return true;
  });
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

long double count_packets(const Store& store, Id set) {
  return Counter(store)(set, 0);
}

std::optional<Packet> pick(const Store& store, Id set, const Chooser& choose) {
  if (set == kOut) return std::nullopt;
  Packet packet = store.layout().packet();
  for (unsigned level = 0; level < store.levels(); ++level) {
    const FieldId field = store.layout().order()[level];
    const bool cut = store.level(set) == level;
    const IntervalSet possible =
        cut ? values_to(store, set, std::nullopt) : IntervalSet::full(store.layout().bits(field));
    std::uint64_t value = choose(field, possible, packet);
    if (!possible.contains(value)) value = possible.intervals()[0].first;
    packet[field] = value;
    if (cut) set = store.child_at(set, value);
  }
  return packet;
}

Products disjoint_products(const Store& store, Id set, std::size_t limit) {
  Enumerate enumerate(store, limit);
  enumerate.run(set);
  return std::move(enumerate.result);
}

}  // namespace bulkhead::packet
