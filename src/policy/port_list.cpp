#include "policy/port_list.h"

#include <cstddef>

namespace bulkhead::policy {

std::string ports_text(std::span<const PortSpec> ports) {
  std::string out;
  for (std::size_t first = 0, last = 0; first < ports.size(); first = ++last) {
    const auto follows = [&](const PortSpec& next) {
      return next.protocol == ports[last].protocol &&
             next.port.number == ports[last].port.number + 1;
    };
    while (last + 1 < ports.size() && follows(ports[last + 1])) ++last;
    if (!out.empty()) out += ", ";
    // Two are as short as a range of two.
    if (last == first + 1) {
      out += to_string(ports[first]) + ", ";
    } else if (last != first) {
      out += std::to_string(ports[first].port.number) + "-";
    }
    out += to_string(ports[last]);
  }
  return out;
}

}  // namespace bulkhead::policy
