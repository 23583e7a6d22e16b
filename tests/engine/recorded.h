// What a real engine answered (tests/engine/record makes the files anew).
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bulkhead::engine {

inline std::string recorded(const std::string& name) {
  std::ifstream in(BULKHEAD_SOURCE_DIR "/tests/engine/data/" + name + ".json", std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (text.str().empty()) throw std::runtime_error("no recorded answer " + name);
  return text.str();
}

}  // namespace bulkhead::engine
