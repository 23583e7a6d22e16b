// The interfaces of one namespace as the numbers of kIif, kOif, kPhysIn and kPhysOut: 0 is none,
// the n-th by name is n. "eth+" is then an interval.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "model/network.h"
#include "packet/interval_set.h"

namespace bulkhead::reach {

class Links {
 public:
  // `links` must outlive this; at most 65,535 of them count.
  explicit Links(std::span<const model::Link> links);

  [[nodiscard]] std::uint64_t numbers() const { return sorted_.size() + 1; }  // 0 included
  [[nodiscard]] const model::Link* link(std::uint64_t number) const;          // null: none
  [[nodiscard]] std::uint64_t number(IfIndex index) const;  // 0: no such interface
  [[nodiscard]] packet::IntervalSet all() const;            // without 0
  [[nodiscard]] packet::IntervalSet named(std::string_view name) const;
  [[nodiscard]] packet::IntervalSet prefixed(std::string_view prefix) const;  // without 0
  // Those for which it holds; null is asked too (0).
  [[nodiscard]] packet::IntervalSet where(
      const std::function<bool(const model::Link*)>& holds) const;

 private:
  std::vector<const model::Link*> sorted_;                   // by name
  std::vector<std::pair<IfIndex, std::uint64_t>> by_index_;  // ascending
};

}  // namespace bulkhead::reach
