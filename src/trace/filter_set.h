// An nf_tables set or map made ready for lookups.
//
// Exact keys and plain intervals: binary search. Concatenated keys with intervals: exact elements
// by binary search, then the first of the others in their order (nft_set_pipapo.c), which are filed
// under those of their fields that are one value.
// Elements with a time-out count as present: a snapshot is one instant.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/ruleset.h"
#include "trace/filter_value.h"

namespace bulkhead::trace::filtering {

struct VerdictCode {
  model::VerdictKind kind = model::VerdictKind::kContinue;
  std::int32_t chain = -1;  // of jump and goto; -1: the table has no such chain
  bool queue_bypass = false;
};

struct ElementCode {
  const model::SetElement* element = nullptr;
  VerdictCode verdict;
};

class SetCode {
 public:
  explicit SetCode(const model::SetDef& definition);

  struct Found {
    const ElementCode* element = nullptr;
    bool doubt = false;  // the key has bits that are not known, or the set's form is broken
  };
  [[nodiscard]] Found find(const Value& key) const;

  [[nodiscard]] const model::SetDef& definition() const { return *definition_; }
  [[nodiscard]] std::vector<ElementCode>& elements() { return elements_; }
  // Rules add to it or delete from it: what a snapshot shows may have moved on.
  bool filled_by_rules = false;
  std::string why_filled;

 private:
  struct Interval {
    std::vector<std::uint8_t> first, last;
    std::uint32_t element = 0;
  };
  struct Narrow {  // keys of at most eight bytes
    std::uint64_t first = 0, last = 0;
    std::uint32_t element = 0;
  };
  // Elements of which the same fields are one value each.
  struct File {
    std::vector<bool> exact;                                             // by field
    std::unordered_map<std::string, std::vector<std::size_t>> by_value;  // into ranges_, ascending
  };
  void add(std::uint32_t index);
  void file(Interval interval);
  [[nodiscard]] std::string filed_under(const File& file, std::span<const std::uint8_t> key) const;
  [[nodiscard]] std::vector<std::uint8_t> laid_out(const std::vector<std::uint8_t>& bytes) const;
  [[nodiscard]] const ElementCode* search(std::span<const std::uint8_t> key) const;
  [[nodiscard]] bool holds(const Interval& interval, std::span<const std::uint8_t> key) const;

  const model::SetDef* definition_;
  std::vector<ElementCode> elements_;
  std::size_t width_ = 0;  // of a key, padding included
  std::vector<std::pair<std::size_t, std::size_t>>
      fields_;  // offset, length; more than one: concatenated
  bool broken_ = false;
  std::vector<Narrow> narrow_;
  std::vector<Interval> sorted_, ranges_;
  std::vector<File> files_;
  const ElementCode* catch_all_ = nullptr;
};

}  // namespace bulkhead::trace::filtering
