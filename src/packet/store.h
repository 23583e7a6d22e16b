// The nodes of a PacketSpace: a hash-consed multi-terminal interval diagram. Private to packet/.
//
// An id is a leaf (highest bit set, the rest its value) or the index of a node. A node stands on
// the level of one field and cuts all its values into intervals, each with a child further down; it
// is kept as the intervals' last values (ascending; the last one is the field's greatest value) and
// their children. Canonical: neighbouring children differ, a node has at least two, and no two
// nodes are equal; so two ids are equal exactly when their functions are.
//
// Nodes are made by open(), push() of intervals from left to right, close(). Operations are written
// over ids and return kFailed once a limit was met; run() turns that into an error. Nothing is
// collected while an operation runs, so ids inside one need no references. Ids never move.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "packet/diagram.h"
#include "packet/layout.h"
#include "packet/packet_space.h"

namespace bulkhead::packet {

using Id = std::uint32_t;
inline constexpr Id kLeafBit = 0x80000000;
inline constexpr Id kFailed = 0xffffffff;
inline constexpr Id kNoneId = kLeafBit | kNone;
inline constexpr Id kOut = kLeafBit;  // of a set: not a member; the same as kNoneId
inline constexpr Id kIn = kLeafBit | 1;
inline constexpr unsigned kLeafLevel = 255;

[[nodiscard]] constexpr bool is_leaf(Id id) {
  return (id & kLeafBit) != 0;
}
[[nodiscard]] constexpr Id leaf_id(Leaf leaf) {
  return kLeafBit | leaf;
}
[[nodiscard]] constexpr Leaf leaf_of(Id id) {
  return id & ~kLeafBit;
}

struct Edge {
  std::uint64_t last = 0;
  Id child = kNoneId;
};

class Store {
 public:
  Store(Layout layout, const Limits& limits);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // ---- references: counted per node, and in all; the store deletes itself with the last one.
  void retain(Id id) {
    ++references_;
    if (!is_leaf(id)) ++counts_[id];
  }
  void release(Id id) {
    if (!is_leaf(id)) --counts_[id];
    if (--references_ == 0) delete this;
  }

  // ---- reading
  [[nodiscard]] const Layout& layout() const { return layout_; }
  [[nodiscard]] unsigned levels() const { return static_cast<unsigned>(greatest_.size()); }
  [[nodiscard]] std::uint64_t greatest(unsigned level) const { return greatest_[level]; }
  [[nodiscard]] unsigned level(Id id) const { return is_leaf(id) ? kLeafLevel : nodes_[id].level; }
  [[nodiscard]] std::uint32_t count(Id id) const { return nodes_[id].count; }
  [[nodiscard]] std::uint64_t last(Id id, std::uint32_t i) const {
    return lasts_[nodes_[id].begin + i];
  }
  [[nodiscard]] Id child(Id id, std::uint32_t i) const { return children_[nodes_[id].begin + i]; }
  // The index of the interval that holds `value`, and the child there.
  [[nodiscard]] std::uint32_t find(Id id, std::uint64_t value) const;
  [[nodiscard]] Id child_at(Id id, std::uint64_t value) const { return child(id, find(id, value)); }
  // No packet gets kNone.
  [[nodiscard]] bool total(Id id) const {
    return is_leaf(id) ? id != kNoneId : nodes_[id].total != 0;
  }
  [[nodiscard]] Id evaluate(Id id, const Packet& packet) const;
  [[nodiscard]] std::size_t node_slots() const { return nodes_.size(); }

  // ---- making nodes
  [[nodiscard]] std::size_t open() const { return scratch_.size(); }
  void push(std::size_t base, std::uint64_t last, Id child) {
    if (scratch_.size() > base && scratch_.back().child == child) {
      scratch_.back().last = last;
    } else {
      scratch_.push_back({last, child});
    }
  }
  [[nodiscard]] Id close(std::size_t base, unsigned level);
  Id abandon(std::size_t base) {
    scratch_.resize(base);
    return kFailed;
  }
  // A node of `level` from edges whose children are further down.
  [[nodiscard]] Id make(unsigned level, std::span<const Edge> edges);
  [[nodiscard]] Id product(const Product& product, Id inside);

  // ---- operations remembered by (tag, a, b)
  // A tag of no earlier call, for what is remembered within one operation.
  [[nodiscard]] std::uint32_t fresh_tag();
  [[nodiscard]] std::uint32_t lasting_tag();                      // never given out again
  [[nodiscard]] Id cached(std::uint32_t tag, Id a, Id b) const {  // kFailed: not known
    const CacheLine& line = cache_[cache_slot(tag, a, b)];
    return line.tag == tag && line.a == a && line.b == b ? line.result : kFailed;
  }
  void remember(std::uint32_t tag, Id a, Id b, Id result) {
    cache_[cache_slot(tag, a, b)] = {tag, a, b, result};
  }
  // Counts a step; false when there were too many.
  [[nodiscard]] bool step() {
    if (steps_left_ == 0) {
      met_ = "steps";
      return false;
    }
    --steps_left_;
    return true;
  }

  // Runs one operation, collecting before it when that pays, and once more after it met a limit.
  template <class Operation>
  [[nodiscard]] Result<Id> run(Operation&& operation) {
    if (edges_in_use_ >= collect_at_) collect();
    for (bool again : {true, false}) {
      begin();
      const Id id = operation();
      if (id != kFailed) return id;
      if (!again || !collect_for_room()) break;
    }
    return std::unexpected(over_budget());
  }

  // ---- memory
  void collect();
  [[nodiscard]] Usage usage() const;
  [[nodiscard]] Diagram::Size size(Id id) const;
  void set_limits(const Limits& limits) { limits_ = limits; }
  [[nodiscard]] Error over_budget() const;

 private:
  struct Node {
    std::uint32_t begin = 0;  // of its edges
    std::uint32_t count = 0;  // 0: the slot is free
    std::uint32_t hash = 0;
    std::uint8_t level = 0;
    std::uint8_t total = 0;
  };
  struct CacheLine {
    std::uint32_t tag = 0;  // 0: empty
    Id a = 0, b = 0;
    Id result = 0;
  };
  struct TableSlot {
    std::uint32_t hash = 0;
    Id id = kFailed;  // kFailed: empty
  };

  ~Store() = default;
  [[nodiscard]] std::size_t cache_slot(std::uint32_t tag, Id a, Id b) const {
    std::uint64_t mixed = (std::uint64_t{a} << 32 | b) * 0x9e3779b97f4a7c15 ^ tag;
    mixed *= 0xd6e8feb86659fd93;
    return static_cast<std::size_t>(mixed >> 32) & cache_mask_;
  }
  void begin();
  [[nodiscard]] bool collect_for_room();
  [[nodiscard]] bool same_edges(Id id, unsigned level, std::span<const Edge> edges) const;
  [[nodiscard]] Id add_node(std::span<const Edge> edges, unsigned level, std::uint32_t hash);
  void grow_table();
  void grow_cache();
  [[nodiscard]] std::vector<bool> mark(std::span<const Id> roots) const;
  [[nodiscard]] std::vector<bool> mark_live() const;
  void drop_dead_results(const std::vector<bool>& live);

  Layout layout_;
  std::vector<std::uint64_t> greatest_;  // by level
  Limits limits_;
  std::uint64_t references_ = 0;

  std::vector<Node> nodes_;
  std::vector<std::uint32_t> counts_;  // references by node
  std::vector<Id> free_;
  std::vector<std::uint64_t> lasts_;
  std::vector<Id> children_;
  std::size_t nodes_in_use_ = 0;
  std::size_t edges_in_use_ = 0;
  std::vector<TableSlot> table_;
  std::size_t table_mask_ = 0;

  std::vector<CacheLine> cache_;
  std::size_t cache_mask_ = 0;
  std::uint32_t next_fresh_ = 0;
  std::uint32_t next_lasting_ = 0;

  std::vector<Edge> scratch_;  // edges of the nodes under way, innermost last
  std::uint64_t steps_left_ = 0;
  const char* met_ = "";  // the limit that the last failed operation met
  std::size_t collect_at_ = 0;
  std::uint64_t collections_ = 0;
};

}  // namespace bulkhead::packet
