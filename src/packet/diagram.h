// What PacketSet and VerdictMap share: a counted reference to one function from packets to small
// numbers, kept by a PacketSpace in a canonical form.
//
// Canonical: two functions of one space are the same exactly when their references are equal, so ==
// compares two words. Copying counts a reference and costs a few instructions; a reference keeps
// the space's memory alive, even past the PacketSpace. Mixing two spaces is a programming error,
// checked in every build. Neither a space nor its references may be used by two threads at once.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::packet {

// What a map says of a packet. kNone: says nothing, the next map decides.
using Leaf = std::uint32_t;
inline constexpr Leaf kNone = 0;
inline constexpr Leaf kMaxLeaf = 0x7ffffffe;

class Store;  // the nodes; known inside packet/ only

class Diagram {
 public:
  Diagram(const Diagram& other) noexcept;
  Diagram(Diagram&& other) noexcept;
  Diagram& operator=(const Diagram& other) noexcept;
  Diagram& operator=(Diagram&& other) noexcept;

  // Distinct nodes and edges that this function needs; linear in them.
  struct Size {
    std::size_t nodes = 0;
    std::size_t edges = 0;
  };
  [[nodiscard]] Size size() const;

  friend bool operator==(const Diagram&, const Diagram&) = default;

 protected:
  Diagram(Store& store, std::uint32_t root) noexcept;
  ~Diagram();
  [[nodiscard]] Store& store() const;
  [[nodiscard]] std::uint32_t root() const { return root_; }
  // The root of `other`, which must be of the same space.
  [[nodiscard]] std::uint32_t root_of(const Diagram& other) const;

 private:
  Store* store_;        // null only once moved from
  std::uint32_t root_;  // a node or a leaf; see store.h
};

}  // namespace bulkhead::packet
