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
  std::size_t groups4 = 0, groups6 = 0;  // of destinations: sets egr4_0 and so on
  std::vector<std::size_t> held;
  bool host_held = false;
  Interfaces interfaces;
  std::vector<std::string> unheld;
  std::vector<std::string> apart;  // those of them that are containers on which no rule bears
};
[[nodiscard]] Result<Gathered> gather(const Input& input);

}  // namespace bulkhead::compile
