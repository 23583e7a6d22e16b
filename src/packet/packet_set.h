// A set of packets, exact over the fields of its PacketSpace.
//
// Canonical and counted (diagram.h): equality, empty() and full() are one comparison. Every
// operation that makes a set can run out of the space's limits and then fails with kBudget: never
// an approximation, and the operands stay valid. Two operands of n and m edges cost at most n * m
// steps, usually about n + m.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "packet/diagram.h"
#include "packet/layout.h"
#include "packet/rewrite.h"

namespace bulkhead::packet {

class VerdictMap;

// Chooses the value of one field of a witness among those still possible (never empty), asked for
// the fields in the layout's order; `packet` holds the values chosen so far, 0 elsewhere. A value
// that is not possible is replaced by the least one that is.
using Chooser =
    std::function<std::uint64_t(FieldId field, const IntervalSet& possible, const Packet& packet)>;

// A chooser from a table: for each field, sets of values, the most wanted first; the least possible
// value of the first set that has one. Earlier fields of the order win over later ones.
class Preferences {
 public:
  Preferences& prefer(FieldId field, IntervalSet values);  // behind those already there
  [[nodiscard]] std::uint64_t operator()(FieldId field, const IntervalSet& possible,
                                         const Packet& packet) const;

 private:
  std::vector<Product::Part> wanted_;
};

struct Products {
  std::vector<Product> products;  // disjoint
  bool complete = true;           // false: there are more than were asked for
};

class PacketSet : public Diagram {
 public:
  PacketSet(Store& store, std::uint32_t root) noexcept
      : Diagram(store, root) {}  // of packet/ alone
  [[nodiscard]] bool empty() const;
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool contains(const Packet& packet) const;  // one search per field
  // Build nothing and stop at the first difference; kBudget only when the limit of steps is
  // reached.
  [[nodiscard]] Result<bool> subset_of(const PacketSet& other) const;
  [[nodiscard]] Result<bool> intersects(const PacketSet& other) const;

  [[nodiscard]] Result<PacketSet> unite(const PacketSet& other) const;
  [[nodiscard]] Result<PacketSet> intersect(const PacketSet& other) const;
  [[nodiscard]] Result<PacketSet> subtract(const PacketSet& other) const;
  [[nodiscard]] Result<PacketSet> complement() const;

  // The packets p such that p with these values is in the set: cofactor f[field := value]. The
  // result does not depend on the fields.
  [[nodiscard]] Result<PacketSet> cofactor(std::span<const Assign> values) const;
  // The packets p such that p with some value of `values` is in the set.
  [[nodiscard]] Result<PacketSet> cofactor(FieldId field, const IntervalSet& values) const;
  // The packets p such that p with some values of the fields is in the set: "exists".
  [[nodiscard]] Result<PacketSet> project(std::span<const FieldId> fields) const;

  // Where the packets of the set get to: { r(p) : p in the set }. kUnsupported: Copy from a field
  // of more than 12 bits, kInvalidInput: Copy between widths, Choose from no value.
  [[nodiscard]] Result<PacketSet> image(const Rewrite& rewrite) const;
  // Where packets come from that get into the set: { p : r(p) in the set }; with Choose, the
  // packets for which some choice gets in (complement both sides for "every choice").
  [[nodiscard]] Result<PacketSet> preimage(const Rewrite& rewrite) const;

  // The values that the field takes in the set; linear in its size.
  [[nodiscard]] IntervalSet values(FieldId field) const;
  // The fields on which membership depends, in the layout's order.
  [[nodiscard]] std::vector<FieldId> support() const;
  // How many packets; exact below 2^64, then to 64 binary digits.
  [[nodiscard]] long double count() const;
  // The member that is least in the layout's order, or what the chooser makes of it; nullopt when
  // empty.
  [[nodiscard]] std::optional<Packet> witness() const;
  [[nodiscard]] std::optional<Packet> witness(const Chooser& choose) const;
  // The set as disjoint products, at most `limit` of them.
  [[nodiscard]] Products products(std::size_t limit) const;

  // `inside` on the set, kNone elsewhere. Linear; `inside` is not kNone.
  [[nodiscard]] Result<VerdictMap> to_map(Leaf inside) const;

 private:
  friend class PacketSpace;
  friend class VerdictMap;
};

}  // namespace bulkhead::packet
