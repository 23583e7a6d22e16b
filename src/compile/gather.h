// What the lines of a policy mean in addresses and interfaces of one host: the elements of the
// sets. Inside compile.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "compile/compile.h"
#include "compile/elements.h"

namespace bulkhead::compile {

struct Gathered {
  Elements elements;
  std::vector<std::size_t> held;
  bool host_held = false;
  std::vector<std::string> unheld;
};
[[nodiscard]] Result<Gathered> gather(const Input& input);

}  // namespace bulkhead::compile
