// Sets of packets as rules' matches make them: mostly products of interval sets, which stay products
// as long as possible, because a rule that is one product costs no operation on diagrams.
#pragma once

#include <vector>

#include "packet/packet_space.h"
#include "reach/chain/effect.h"

namespace bulkhead::reach {

// An intersection: the product and all of the sets.
class Cube {
 public:
  Cube() = default;  // every packet
  [[nodiscard]] static Cube none();
  [[nodiscard]] static Cube of(packet::Product product);
  [[nodiscard]] static Cube of(packet::PacketSet set);
  [[nodiscard]] static Cube where(packet::FieldId field, packet::IntervalSet values);

  void and_where(packet::FieldId field, packet::IntervalSet values);
  void and_also(const packet::Product& product);
  void and_also(const Cube& other);

  [[nodiscard]] bool never() const { return never_; }
  [[nodiscard]] bool always() const {
    return !never_ && product_.parts().empty() && sets_.empty();
  }
  [[nodiscard]] bool is_product() const { return !never_ && sets_.empty(); }
  [[nodiscard]] const packet::Product& product() const { return product_; }

  [[nodiscard]] Result<packet::PacketSet> set(const packet::PacketSpace& space) const;
  [[nodiscard]] Result<Cube> complement(const packet::PacketSpace& space) const;
  // `leaf` on the cube, kNone elsewhere.
  [[nodiscard]] Result<packet::VerdictMap> rule(const packet::PacketSpace& space,
                                                packet::Leaf leaf) const;
  // `map` on the cube, kNone elsewhere.
  [[nodiscard]] Result<packet::VerdictMap> mask(const packet::PacketSpace& space,
                                                const packet::VerdictMap& map) const;

 private:
  bool never_ = false;
  packet::Product product_;
  std::vector<packet::PacketSet> sets_;
};

[[nodiscard]] Result<Cube> any_of(const packet::PacketSpace& space,
                                  const std::vector<packet::Product>& products);
[[nodiscard]] Result<Cube> any_of(const packet::PacketSpace& space, const std::vector<Cube>& cubes);

// The packets for which a match surely holds, and those for which it may hold.
struct Condition {
  Cube yes;
  bool doubt = false;  // false: `possible` is not used, it is `yes`
  Cube possible;
  ReasonId why{};

  [[nodiscard]] static Condition certain(Cube cube) { return {std::move(cube), false, {}, {}}; }
  [[nodiscard]] static Condition always() { return {}; }
  [[nodiscard]] static Condition never() { return certain(Cube::none()); }
  [[nodiscard]] static Condition maybe(Cube where, ReasonId why) {
    return {Cube::none(), true, std::move(where), why};
  }
  [[nodiscard]] const Cube& at_most() const { return doubt ? possible : yes; }
  void and_also(const Condition& other);
  void and_also(const Cube& cube);
};
[[nodiscard]] Result<Condition> complement(const packet::PacketSpace& space, const Condition& c);
[[nodiscard]] Result<Condition> any_of(const packet::PacketSpace& space,
                                       const std::vector<Condition>& conditions);

}  // namespace bulkhead::reach
