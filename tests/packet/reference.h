// A plain reference for packet sets: a list of disjoint boxes, each one interval per field. Written
// to be right, not fast, and independent of the product's code.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace bulkhead::packet::testing {

using Values = std::vector<std::uint64_t>;  // one for each field

struct Range {
  std::uint64_t first = 0, last = 0;  // both included
};
using Box = std::vector<Range>;  // one for each field; never empty

inline bool in_box(const Box& box, const Values& packet) {
  for (std::size_t f = 0; f < box.size(); ++f) {
    if (packet[f] < box[f].first || packet[f] > box[f].last) return false;
  }
  return true;
}

inline std::optional<Box> meet(const Box& a, const Box& b) {
  Box result;
  for (std::size_t f = 0; f < a.size(); ++f) {
    const Range both{std::max(a[f].first, b[f].first), std::min(a[f].last, b[f].last)};
    if (both.first > both.last) return std::nullopt;
    result.push_back(both);
  }
  return result;
}

// a without b: peels off what lies below and above b, field by field.
inline std::vector<Box> without(Box a, const Box& b) {
  if (!meet(a, b)) return {a};
  std::vector<Box> result;
  for (std::size_t f = 0; f < a.size(); ++f) {
    if (a[f].first < b[f].first) {
      result.push_back(a);
      result.back()[f].last = b[f].first - 1;
      a[f].first = b[f].first;
    }
    if (a[f].last > b[f].last) {
      result.push_back(a);
      result.back()[f].first = b[f].last + 1;
      a[f].last = b[f].last;
    }
  }
  return result;
}

class Boxes {
 public:
  explicit Boxes(Box everything) : everything_(std::move(everything)) {}

  const std::vector<Box>& list() const { return boxes_; }
  void add(const Box& box) {  // keeps the list disjoint
    std::vector<Box> fresh{box};
    for (const Box& old : boxes_) {
      std::vector<Box> rest;
      for (const Box& piece : fresh) {
        for (Box& part : without(piece, old)) rest.push_back(std::move(part));
      }
      fresh = std::move(rest);
    }
    boxes_.insert(boxes_.end(), fresh.begin(), fresh.end());
  }

  bool contains(const Values& packet) const {
    return std::any_of(boxes_.begin(), boxes_.end(),
                       [&](const Box& box) { return in_box(box, packet); });
  }
  bool empty() const { return boxes_.empty(); }
  long double count() const {
    long double total = 0;
    for (const Box& box : boxes_) {
      long double size = 1;
      for (const Range& r : box) size *= static_cast<long double>(r.last - r.first) + 1;
      total += size;
    }
    return total;
  }

  Boxes unite(const Boxes& other) const {
    Boxes result = *this;
    for (const Box& box : other.boxes_) result.add(box);
    return result;
  }
  Boxes intersect(const Boxes& other) const {
    Boxes result(everything_);
    for (const Box& a : boxes_) {
      for (const Box& b : other.boxes_) {
        if (auto both = meet(a, b)) result.boxes_.push_back(*both);
      }
    }
    return result;
  }
  Boxes subtract(const Boxes& other) const {
    Boxes result = *this;
    for (const Box& b : other.boxes_) {
      std::vector<Box> rest;
      for (const Box& a : result.boxes_) {
        for (Box& part : without(a, b)) rest.push_back(std::move(part));
      }
      result.boxes_ = std::move(rest);
    }
    return result;
  }
  Boxes complement() const {
    Boxes all(everything_);
    all.boxes_ = {everything_};
    return all.subtract(*this);
  }
  bool same(const Boxes& other) const {
    return subtract(other).empty() && other.subtract(*this).empty();
  }

  // Each packet with every value of the field.
  Boxes project(std::size_t field) const {
    Boxes result(everything_);
    for (Box box : boxes_) {
      box[field] = everything_[field];
      result.add(box);
    }
    return result;
  }
  Boxes cut_to(std::size_t field, Range range) const {
    Boxes only(everything_);
    only.boxes_ = {everything_};
    only.boxes_[0][field] = range;
    return intersect(only);
  }
  // Each packet with the field set to the value.
  Boxes assign(std::size_t field, std::uint64_t value) const {
    Boxes result(everything_);
    for (Box box : boxes_) {
      box[field] = {value, value};
      result.add(box);
    }
    return result;
  }
  // The packets that get into the set when the field is set to the value.
  Boxes cofactor(std::size_t field, std::uint64_t value) const {
    return cut_to(field, {value, value}).project(field);
  }

 private:
  Box everything_;
  std::vector<Box> boxes_;
};

// First match over rules, each a list of boxes and a leaf.
struct ReferenceRule {
  Boxes match;
  std::uint32_t leaf = 0;
};
inline std::uint32_t first_match(const std::vector<ReferenceRule>& rules, const Values& packet) {
  for (const ReferenceRule& rule : rules) {
    if (rule.leaf != 0 && rule.match.contains(packet)) return rule.leaf;
  }
  return 0;
}

}  // namespace bulkhead::packet::testing
