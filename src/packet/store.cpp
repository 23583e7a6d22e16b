#include "packet/store.h"

#include <algorithm>
#include <cassert>
#include <string>

namespace bulkhead::packet {
namespace {

// The cache starts small and grows with the nodes: to clear or to miss in a large one costs as much
// as a whole build.
constexpr std::size_t kFirstCache = std::size_t{1} << 12;
constexpr std::size_t kLargestCache = std::size_t{1} << 20;
constexpr std::size_t kFirstTable = std::size_t{1} << 12;
// Garbage below this many edges (3 MB) is not worth a collection.
constexpr std::size_t kCollectFrom = std::size_t{1} << 18;

// Fixed tags end below this; see operations.h.
constexpr std::uint32_t kFirstFresh = 64;
constexpr std::uint32_t kFirstLasting = 0x80000000;

std::uint32_t hash_edges(std::span<const Edge> edges, unsigned level) {
  std::uint64_t hash = level;
  for (const Edge& edge : edges) {
    hash = (hash ^ (edge.last + edge.child * 0xbf58476d1ce4e5b9)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
  }
  return static_cast<std::uint32_t>(hash);
}

}  // namespace

Store::Store(Layout layout, const Limits& limits)
    : layout_(std::move(layout)),
      limits_(limits),
      table_(kFirstTable),
      table_mask_(kFirstTable - 1),
      cache_(kFirstCache),
      cache_mask_(kFirstCache - 1),
      next_fresh_(kFirstFresh),
      next_lasting_(kFirstLasting),
      collect_at_(kCollectFrom) {
  // Memory is touched only once it is used; to move it as it grows costs a fifth of a short build.
  lasts_.reserve(kCollectFrom);
  children_.reserve(kCollectFrom);
  for (const FieldId field : layout_.order()) greatest_.push_back(max_value(layout_.bits(field)));
}

std::uint32_t Store::find(Id id, std::uint64_t value) const {
  const Node& node = nodes_[id];
  const std::uint64_t* begin = lasts_.data() + node.begin;
  // The last edge needs no comparison: it ends at the field's greatest value.
  const std::uint64_t* found = std::lower_bound(begin, begin + node.count - 1, value);
  return static_cast<std::uint32_t>(found - begin);
}

Id Store::evaluate(Id id, const Packet& packet) const {
  assert(packet.size() == layout_.size());
  while (!is_leaf(id)) id = child_at(id, packet[layout_.order()[level(id)]]);
  return id;
}

// ------------------------------------------------------------------------------------- making
// nodes

Id Store::close(std::size_t base, unsigned level) {
  const std::span<const Edge> edges(scratch_.data() + base, scratch_.size() - base);
  assert(!edges.empty() && edges.back().last == greatest_[level]);
  if (edges.size() == 1) {
    const Id only = edges[0].child;
    scratch_.resize(base);
    return only;
  }
  const std::uint32_t hash = hash_edges(edges, level);
  std::size_t slot = hash & table_mask_;
  for (; table_[slot].id != kFailed; slot = (slot + 1) & table_mask_) {
    if (table_[slot].hash == hash && same_edges(table_[slot].id, level, edges)) {
      const Id found = table_[slot].id;
      scratch_.resize(base);
      return found;
    }
  }
  const Id added = add_node(edges, level, hash);
  scratch_.resize(base);
  if (added == kFailed) return kFailed;
  table_[slot] = {hash, added};
  if (nodes_in_use_ * 2 > table_.size()) grow_table();
  return added;
}

bool Store::same_edges(Id id, unsigned level, std::span<const Edge> edges) const {
  const Node& node = nodes_[id];
  if (node.level != level || node.count != edges.size()) return false;
  const std::uint64_t* last = lasts_.data() + node.begin;
  const Id* child = children_.data() + node.begin;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].last != last[i] || edges[i].child != child[i]) return false;
  }
  return true;
}

Id Store::add_node(std::span<const Edge> edges, unsigned level, std::uint32_t hash) {
  if (nodes_in_use_ >= limits_.nodes || nodes_.size() >= kLeafBit) {
    met_ = "nodes";
    return kFailed;
  }
  if (edges.size() > limits_.edges || edges_in_use_ > limits_.edges - edges.size() ||
      lasts_.size() + edges.size() > UINT32_MAX) {
    met_ = "edges";
    return kFailed;
  }
  Node node{static_cast<std::uint32_t>(lasts_.size()), static_cast<std::uint32_t>(edges.size()),
            hash, static_cast<std::uint8_t>(level), 1};
  for (const Edge& edge : edges) {
    lasts_.push_back(edge.last);
    children_.push_back(edge.child);
    if (!total(edge.child)) node.total = 0;
  }
  ++nodes_in_use_;
  edges_in_use_ += edges.size();
  if (free_.empty()) {
    nodes_.push_back(node);
    counts_.push_back(0);
    return static_cast<Id>(nodes_.size() - 1);
  }
  const Id id = free_.back();
  free_.pop_back();
  nodes_[id] = node;
  return id;
}

Id Store::make(unsigned level, std::span<const Edge> edges) {
  const std::size_t base = open();
  for (const Edge& edge : edges) push(base, edge.last, edge.child);
  return close(base, level);
}

Id Store::product(const Product& product, Id inside) {
  const std::span<const FieldId> order = layout_.order();
  // Parts ascend by field. One of a field that is not there would be left out: an open door.
  assert(product.parts().empty() || product.parts().back().field.index < layout_.size());
  for (unsigned level = levels(); level-- > 0 && inside != kFailed;) {
    const IntervalSet* values = product.find(order[level]);
    if (values == nullptr) continue;
    const std::size_t base = open();
    std::uint64_t next = 0;
    bool reached_end = false;
    for (const Interval& i : values->intervals()) {
      if (i.first > greatest_[level]) break;
      if (i.first > next) push(base, i.first - 1, kNoneId);
      push(base, std::min(i.last, greatest_[level]), inside);
      reached_end = i.last >= greatest_[level];
      next = i.last + 1;
    }
    if (!reached_end) push(base, greatest_[level], kNoneId);
    inside = close(base, level);
  }
  return inside;
}

void Store::grow_table() {
  std::vector<TableSlot> old(table_.size() * 2);
  old.swap(table_);
  table_mask_ = table_.size() - 1;
  for (const TableSlot& entry : old) {
    if (entry.id == kFailed) continue;
    std::size_t slot = entry.hash & table_mask_;
    while (table_[slot].id != kFailed) slot = (slot + 1) & table_mask_;
    table_[slot] = entry;
  }
  if (nodes_in_use_ > cache_.size() && cache_.size() < kLargestCache) grow_cache();
}

// ------------------------------------------------------------------------------- what is
// remembered

void Store::grow_cache() {
  std::vector<CacheLine> old(cache_.size() * 4);
  old.swap(cache_);
  cache_mask_ = cache_.size() - 1;
  for (const CacheLine& line : old) {
    if (line.tag != 0) remember(line.tag, line.a, line.b, line.result);
  }
}

std::uint32_t Store::fresh_tag() {
  if (next_fresh_ == kFirstLasting) {  // all were used: forget what they stood for
    std::fill(cache_.begin(), cache_.end(), CacheLine{});
    next_fresh_ = kFirstFresh;
  }
  return next_fresh_++;
}

std::uint32_t Store::lasting_tag() {
  assert(next_lasting_ != UINT32_MAX);
  return next_lasting_++;
}

void Store::begin() {
  scratch_.clear();
  steps_left_ = limits_.steps;
}

Error Store::over_budget() const {
  return {ErrorCode::kBudget,
          std::string("packet sets: the limit of ") + met_ + " was reached (" +
              std::to_string(nodes_in_use_) + " nodes, " + std::to_string(edges_in_use_) +
              " edges in use); raise the limits or try another order of fields"};
}

// -------------------------------------------------------------------------------------------
// memory

std::vector<bool> Store::mark(std::span<const Id> roots) const {
  std::vector<bool> seen(nodes_.size(), false);
  std::vector<Id> todo;
  const auto visit = [&](Id id) {
    if (is_leaf(id) || seen[id]) return;
    seen[id] = true;
    todo.push_back(id);
  };
  for (const Id root : roots) visit(root);
  while (!todo.empty()) {
    const Id id = todo.back();
    todo.pop_back();
    for (std::uint32_t i = 0; i < count(id); ++i) visit(child(id, i));
  }
  return seen;
}

std::vector<bool> Store::mark_live() const {
  std::vector<Id> roots;
  for (Id id = 0; id < counts_.size(); ++id) {
    if (counts_[id] != 0) roots.push_back(id);
  }
  return mark(roots);
}

// Edges move to new arrays, in the order of ids; ids stay.
void Store::collect() {
  const std::vector<bool> live = mark_live();
  std::vector<std::uint64_t> lasts;
  std::vector<Id> children;
  free_.clear();
  nodes_in_use_ = 0;
  for (Id id = 0; id < nodes_.size(); ++id) {
    Node& node = nodes_[id];
    if (!live[id]) {
      node = Node{};
      free_.push_back(id);
      continue;
    }
    const auto begin = static_cast<std::ptrdiff_t>(node.begin);
    const auto end = begin + static_cast<std::ptrdiff_t>(node.count);
    node.begin = static_cast<std::uint32_t>(lasts.size());
    lasts.insert(lasts.end(), lasts_.begin() + begin, lasts_.begin() + end);
    children.insert(children.end(), children_.begin() + begin, children_.begin() + end);
    ++nodes_in_use_;
  }
  lasts_ = std::move(lasts);
  children_ = std::move(children);
  edges_in_use_ = lasts_.size();
  std::fill(table_.begin(), table_.end(), TableSlot{});
  for (Id id = 0; id < nodes_.size(); ++id) {
    if (nodes_[id].count == 0) continue;
    std::size_t slot = nodes_[id].hash & table_mask_;
    while (table_[slot].id != kFailed) slot = (slot + 1) & table_mask_;
    table_[slot] = {nodes_[id].hash, id};
  }
  drop_dead_results(live);
  collect_at_ = std::max(kCollectFrom, edges_in_use_ * 3);
  ++collections_;
}

void Store::drop_dead_results(const std::vector<bool>& live) {
  const auto dead = [&](Id id) { return !is_leaf(id) && !live[id]; };
  for (CacheLine& line : cache_) {
    if (line.tag != 0 && (dead(line.a) || dead(line.b) || dead(line.result))) line = CacheLine{};
  }
}

bool Store::collect_for_room() {
  if (std::string_view(met_) == "steps") return false;
  const std::size_t nodes = nodes_in_use_;
  collect();
  return nodes_in_use_ < nodes;
}

Diagram::Size Store::size(Id id) const {
  Diagram::Size result;
  const std::vector<bool> seen = mark(std::span(&id, 1));
  for (Id i = 0; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    ++result.nodes;
    result.edges += nodes_[i].count;
  }
  return result;
}

Usage Store::usage() const {
  Usage usage;
  usage.nodes = nodes_in_use_;
  usage.edges = edges_in_use_;
  const std::vector<bool> live = mark_live();
  for (Id id = 0; id < live.size(); ++id) {
    if (!live[id]) continue;
    ++usage.live_nodes;
    usage.live_edges += nodes_[id].count;
  }
  constexpr std::size_t kNodeBytes = sizeof(Node) + sizeof(std::uint32_t);
  constexpr std::size_t kEdgeBytes = sizeof(std::uint64_t) + sizeof(Id);
  usage.live_bytes = usage.live_nodes * kNodeBytes + usage.live_edges * kEdgeBytes;
  usage.bytes = nodes_.capacity() * sizeof(Node) + counts_.capacity() * sizeof(std::uint32_t) +
                (free_.capacity() + children_.capacity()) * sizeof(Id) +
                lasts_.capacity() * sizeof(std::uint64_t) + table_.capacity() * sizeof(TableSlot) +
                cache_.capacity() * sizeof(CacheLine) + scratch_.capacity() * sizeof(Edge);
  usage.collections = collections_;
  return usage;
}

}  // namespace bulkhead::packet
