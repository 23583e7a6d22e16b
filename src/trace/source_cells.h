// Sets of IPv4 addresses as parts of their range, for telling apart which of them get the same.
// Addresses are numbers in host order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bulkhead::trace {

inline constexpr std::uint32_t kLastAddress = 0xffffffff;

struct AddressPart {
  std::uint32_t first = 0, last = kLastAddress;
  [[nodiscard]] bool is_single() const { return first == last; }
  friend bool operator==(const AddressPart&, const AddressPart&) = default;
};

// Ascending parts that do not overlap.
using AddressCell = std::vector<AddressPart>;

// O(parts of both).
[[nodiscard]] AddressCell without(const AddressCell& cell, const AddressCell& hole);
[[nodiscard]] AddressCell within(const AddressCell& cell, const AddressCell& other);
[[nodiscard]] AddressCell joined(const AddressCell& cell, const AddressCell& other);  // disjoint
// What lies in none of the holes, which may be in any order and overlap. O(n log n).
[[nodiscard]] AddressCell between(const AddressPart& all, AddressCell holes);
[[nodiscard]] bool contains(const AddressCell& cell, std::uint32_t address);

// Makes the address a part by itself. `starts`: the first addresses of parts, ascending.
void set_apart(std::vector<std::uint32_t>& starts, std::uint32_t address);

// Which addresses have been told of, and where they were told apart.
class ToldAddresses {
 public:
  void add(const AddressCell& cell);
  void add(std::uint32_t address);
  // The first part of which nothing was told; nullopt: there is none.
  [[nodiscard]] std::optional<AddressPart> next() const {
    return left_.empty() ? std::nullopt : std::optional(left_.front());
  }
  [[nodiscard]] const AddressCell& left() const { return left_; }
  // In which one lies of which nothing was told yet; else the address alone.
  [[nodiscard]] AddressPart around(std::uint32_t address) const;
  // The first address of each part that was told by itself, ascending, 0 among them.
  [[nodiscard]] const std::vector<std::uint32_t>& starts() const { return starts_; }

 private:
  AddressCell left_ = {AddressPart{}};
  std::vector<std::uint32_t> starts_ = {0};
};

}  // namespace bulkhead::trace
