// What a rule does to a packet, as steps on single fields, one after another.
//
// DNAT to one address: Assign of address and port. SNAT to a range of ports: Choose. NETMAP, whose
// rule matches exactly the network that it maps: Offset by the difference of the networks. A mark
// with a mask: BitGroups turns it into Assign and Invert on the groups. CONNMARK save and restore:
// Copy, group by group.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "packet/layout.h"

namespace bulkhead::packet {

struct Assign {
  FieldId field;
  std::uint64_t value = 0;
};
struct Choose {  // becomes one of the values, it is not known which; not empty
  FieldId field;
  IntervalSet values;
};
struct Offset {  // adds, modulo 2^bits; to subtract, add the two's complement
  FieldId field;
  std::uint64_t delta = 0;
};
struct Invert {  // every bit
  FieldId field;
};
struct Copy {  // the value of `from`, which stays
  FieldId to;
  FieldId from;  // of the same width
};

using RewriteStep = std::variant<Assign, Choose, Offset, Invert, Copy>;
using Rewrite = std::vector<RewriteStep>;

}  // namespace bulkhead::packet
