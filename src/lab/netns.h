// The lab's network namespaces: a host, and what stands around it. Needs root and iproute2.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/traces.h"

namespace bulkhead::lab {

// Path below /run/netns of the namespace `name` of this lab.
std::string namespace_path(const Traces& traces, std::string_view name);

// Makes it, with its loopback up.
Status add_namespace(const Traces& traces, std::string_view name);

// Runs lines of ip(8) in it, in order; the first that fails is the error.
Status configure(const Traces& traces, std::string_view name,
                 const std::vector<std::string>& lines);

// A veth pair, both ends up.
struct Cable {
  std::string_view left;
  std::string_view left_device;
  std::string_view right;
  std::string_view right_device;
};
Status connect(const Traces& traces, const Cable& cable);

}  // namespace bulkhead::lab
