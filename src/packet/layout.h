// The fields of which packets consist, and the order in which diagrams ask for them.
//
// A field is a name and a width; what its numbers mean is the caller's. Conventions that work:
// an IPv6 address is two fields of 64 bits (high, low), a MAC one of 48, a mark one field per group
// of BitGroups, interface names numbers given out in sorted order ("eth+" is then an interval) with
// one more for every other name, a matcher whose outcome is unknown a field of 1 bit.
// One layout serves one address family.
//
// Order: what constrains together stands together, endpoint fields above the rest:
// iif src mac oif dst state proto flags dport sport ... unknown matchers last. Diagrams depend on
// it in size and time, not in meaning (docs/decisions/0022-packet-sets.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "packet/interval_set.h"

namespace bulkhead::packet {

struct FieldId {  // the place in the list given to Layout::make, whatever the order
  std::uint8_t index = 0;
  friend constexpr auto operator<=>(FieldId, FieldId) = default;
};

struct Field {
  std::string name;
  unsigned bits = 0;  // 1 to 64
};

// The value of every field of one packet, by FieldId.
class Packet {
 public:
  Packet() = default;
  explicit Packet(std::size_t fields) : values_(fields, 0) {}
  [[nodiscard]] std::uint64_t& operator[](FieldId field) { return values_.at(field.index); }
  [[nodiscard]] std::uint64_t operator[](FieldId field) const { return values_.at(field.index); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  friend bool operator==(const Packet&, const Packet&) = default;

 private:
  std::vector<std::uint64_t> values_;
};

class Layout {
 public:
  static constexpr std::size_t kMaxFields = 200;

  // `order` lists every field once, the one asked first first; empty: as they are listed.
  // kInvalidInput: no field or more than kMaxFields, a width that is not 1 to 64, a name that is
  // empty or repeated, an order that is no permutation.
  [[nodiscard]] static Result<Layout> make(std::vector<Field> fields,
                                           std::vector<FieldId> order = {});

  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  [[nodiscard]] const std::string& name(FieldId field) const {
    return fields_.at(field.index).name;
  }
  [[nodiscard]] unsigned bits(FieldId field) const { return fields_.at(field.index).bits; }
  [[nodiscard]] std::optional<FieldId> find(std::string_view name) const;
  [[nodiscard]] std::span<const FieldId> order() const { return order_; }
  [[nodiscard]] unsigned level(FieldId field) const { return levels_.at(field.index); }  // 0: first
  [[nodiscard]] Packet packet() const { return Packet(size()); }  // all values 0

 private:
  std::vector<Field> fields_;
  std::vector<FieldId> order_;
  std::vector<std::uint8_t> levels_;
};

// A product of interval sets, as most rules are: every named field takes a value of its set, every
// other field any value. A field that is named twice takes a value of both sets.
class Product {
 public:
  struct Part {
    FieldId field;
    IntervalSet values;
    friend bool operator==(const Part&, const Part&) = default;
  };

  Product& where(FieldId field, IntervalSet values);
  [[nodiscard]] std::span<const Part> parts() const {
    return parts_;
  }  // each field once, ascending
  [[nodiscard]] const IntervalSet* find(FieldId field) const;  // null: any value
  [[nodiscard]] bool contains(const Packet& packet) const;
  friend bool operator==(const Product&, const Product&) = default;

 private:
  std::vector<Part> parts_;
};

// 128-bit numbers as two fields.
struct Wide {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend constexpr auto operator<=>(const Wide&, const Wide&) = default;
};
struct WideInterval {  // both ends included; reversed: nothing
  Wide first;
  Wide last;
};
struct WideField {
  FieldId high;
  FieldId low;
};
[[nodiscard]] WideInterval wide_prefix(Wide address, unsigned length);  // length 0 to 128
// Disjoint products that together hold the interval: at most three.
[[nodiscard]] std::vector<Product> wide_products(WideField field, const WideInterval& interval);

}  // namespace bulkhead::packet
