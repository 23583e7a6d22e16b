// Where packet sets live: one layout of fields, and the memory that its sets and maps share.
//
// The structure behind it: a hash-consed multi-terminal interval diagram, one level per field
// (docs/decisions/0022-packet-sets.md). Nothing of it is public.
//
// Memory: what no reference (PacketSet, VerdictMap and what holds them) can reach is garbage. It is
// collected at the start of an operation once it outweighs what lives, when an operation meets a
// limit (which is then tried once more), and by collect(). No reference ever moves or dies by it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "packet/packet_set.h"
#include "packet/verdict_map.h"

namespace bulkhead::packet {

struct Limits {
  std::size_t nodes = std::size_t{1} << 22;      // at once, garbage included
  std::size_t edges = std::size_t{1} << 24;      // 12 bytes each
  std::uint64_t steps = std::uint64_t{1} << 28;  // of one operation; about 20 ns each
};

struct Usage {
  std::size_t nodes = 0;  // allocated, garbage included
  std::size_t edges = 0;
  std::size_t live_nodes = 0;  // reachable from a reference
  std::size_t live_edges = 0;
  std::size_t bytes = 0;       // all that the space holds: arrays, tables, cache
  std::size_t live_bytes = 0;  // nodes and edges that live
  std::uint64_t collections = 0;
};

class PacketSpace {
 public:
  explicit PacketSpace(Layout layout, Limits limits = {});
  ~PacketSpace();
  PacketSpace(PacketSpace&& other) noexcept;
  PacketSpace& operator=(PacketSpace&& other) noexcept;

  [[nodiscard]] const Layout& layout() const;

  [[nodiscard]] PacketSet none() const;
  [[nodiscard]] PacketSet all() const;
  // Built from the bottom up, without merging: linear in the number of intervals.
  [[nodiscard]] Result<PacketSet> set(const Product& product) const;
  // Addresses of 128 bits in any order, overlapping or not; n log n.
  [[nodiscard]] Result<PacketSet> set(WideField field,
                                      std::span<const WideInterval> intervals) const;
  [[nodiscard]] Result<PacketSet> any_of(std::span<const PacketSet> sets) const;  // balanced union

  [[nodiscard]] VerdictMap constant(Leaf leaf) const;
  // One rule: `leaf` where the product holds, kNone elsewhere.
  [[nodiscard]] Result<VerdictMap> rule(const Product& match, Leaf leaf) const;
  // The first map that is not kNone decides: over() of all, merged in halves. Empty: kNone.
  [[nodiscard]] Result<VerdictMap> first_match(std::span<const VerdictMap> maps) const;

  [[nodiscard]] LeafOperation operation(std::function<Leaf(Leaf, Leaf)> function) const;

  void collect();
  [[nodiscard]] Usage usage() const;  // marks what lives: linear
  void set_limits(const Limits& limits);

 private:
  Store* store_;  // shared with the references; null only once moved from
};

// What was built, and the space in which.
template <class T>
struct Built {
  std::unique_ptr<PacketSpace> space;
  T value;
  std::size_t order = 0;  // which of the orders
};

// Runs `build`, a function from PacketSpace& to Result<T>, in a space with the first order; when
// that ends with kBudget, with the next, each in a fresh space. No order is good for every ruleset:
// one that is right for chains by endpoint makes half a million nodes of what another does in two
// thousand. Fails as the last order does; any other error at once.
template <class Build>
[[nodiscard]] auto build_in_orders(const std::vector<Field>& fields,
                                   std::span<const std::vector<FieldId>> orders,
                                   const Limits& limits, Build build)
    -> Result<Built<typename std::invoke_result_t<Build&, PacketSpace&>::value_type>> {
  using T = typename std::invoke_result_t<Build&, PacketSpace&>::value_type;
  Error last{ErrorCode::kInvalidInput, "no order of fields was given"};
  for (std::size_t i = 0; i < orders.size(); ++i) {
    auto layout = Layout::make(fields, orders[i]);
    if (!layout) return std::unexpected(layout.error());
    auto space = std::make_unique<PacketSpace>(*std::move(layout), limits);
    Result<T> value = build(*space);
    if (value) return Built<T>{std::move(space), *std::move(value), i};
    last = std::move(value.error());
    if (last.code != ErrorCode::kBudget) break;
  }
  return std::unexpected(std::move(last));
}

}  // namespace bulkhead::packet
