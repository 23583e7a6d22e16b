#include "model/find.h"

#include <algorithm>
#include <utility>

namespace bulkhead::model {

const Link* find_link(const NetNs& ns, IfIndex index) {
  const auto found = std::ranges::find(ns.links, index, &Link::index);
  return found == ns.links.end() ? nullptr : &*found;
}

Link* find_link(NetNs& ns, IfIndex index) {
  return const_cast<Link*>(find_link(std::as_const(ns), index));
}

bool names_device(const std::vector<std::string>& devices, std::string_view device) {
  return std::ranges::any_of(devices, [&](std::string_view name) {
    if (name.ends_with('*')) return device.starts_with(name.substr(0, name.size() - 1));
    return device == name;
  });
}

}  // namespace bulkhead::model
