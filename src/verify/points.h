// Destinations that are asked about, each by itself. Inside verify.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "packet/packet_set.h"
#include "reach/reach.h"
#include "verify/reachable.h"

namespace bulkhead::verify {

class Points {
 public:
  // Keeps a copy. O(n log n).
  explicit Points(std::span<const Point> all);

  [[nodiscard]] std::span<const Point> all() const { return all_; }
  [[nodiscard]] bool is_of(std::span<const Point> others) const {
    return std::ranges::equal(all_, others, [](const Point& a, const Point& b) {
      return a.to == b.to && a.port == b.port && a.protocol == b.protocol;
    });
  }

  // All packets of the family of `reach` with one of the protocol's destinations; a set of its
  // space, kept until forget(). kBudget as PacketSpace::any_of().
  [[nodiscard]] Result<packet::PacketSet> set(const reach::Reach& reach, IpProtocol protocol);
  // Before the space of the sets goes.
  void forget() { sets_.clear(); }

  // Each of the protocol whose destination is in the set (of destinations alone, none of them
  // another's); nothing is called and false returned when these are too many products to list.
  // O(what is called * log n).
  [[nodiscard]] bool each_in(const reach::Fields& fields, const packet::PacketSet& destinations,
                             IpProtocol protocol,
                             const std::function<void(std::size_t)>& take) const;

 private:
  std::vector<Point> all_;
  std::vector<std::size_t> sorted_;  // by protocol, address and port
  std::map<std::pair<IpFamily, IpProtocol>, packet::PacketSet> sets_;
};

}  // namespace bulkhead::verify
