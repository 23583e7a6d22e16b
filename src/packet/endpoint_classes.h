// Endpoints that no rule tells apart: the classes of the values of neighbouring fields.
//
// Two settings of the fields are of one class when every one of the given maps is the same function
// of the rest of the packet for both. With endpoint fields on top of the order the classes
// fall out of the diagram. For pairs: the source classes of one map by iif, src, mac; then the
// destination classes of those classes' maps by oif, dst. A thousand sources and a thousand
// destinations are then two thousand lookups and a table of classes times classes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "packet/packet_space.h"

namespace bulkhead::packet {

class EndpointClasses {
 public:
  // By the first `fields` fields of the layout's order; at least one map. kBudget when classes and
  // the steps of the search for them are more than `limit`.
  [[nodiscard]] static Result<EndpointClasses> of(const PacketSpace& space,
                                                  std::span<const VerdictMap> maps,
                                                  std::size_t fields,
                                                  std::size_t limit = std::size_t{1} << 20);

  [[nodiscard]] std::size_t size() const { return classes_.size(); }
  // The class of a packet, by the fields; one search for each.
  [[nodiscard]] std::size_t find(const Packet& packet) const;
  // What the maps make of the rest of the packet in this class, one for each map given to of().
  [[nodiscard]] std::span<const VerdictMap> maps(std::size_t index) const {
    return classes_.at(index).maps;
  }
  // A packet of the class; what the classes do not look at is 0.
  [[nodiscard]] const Packet& example(std::size_t index) const {
    return classes_.at(index).example;
  }

 private:
  struct Class {
    std::vector<VerdictMap> maps;
    Packet example;
  };
  // A place in the tree of searches: a class, or a field and where each interval of it leads.
  struct Step {
    bool is_class = false;
    std::size_t index = 0;  // of the class
    FieldId field;
    std::vector<std::uint64_t> lasts;
    std::vector<std::uint32_t> next;
  };
  class Search;

  std::vector<Class> classes_;
  std::vector<Step> steps_;
  std::uint32_t first_ = 0;
};

}  // namespace bulkhead::packet
