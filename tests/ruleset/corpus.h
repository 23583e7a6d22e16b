// The rules in tests/ruleset/data.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

namespace bulkhead::test {

inline std::string corpus(const std::string& name) {
  std::ifstream in(std::string(BULKHEAD_SOURCE_DIR) + "/tests/ruleset/data/" + name);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace bulkhead::test
