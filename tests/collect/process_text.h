// What /proc tells of a process, for tests of its readers.
#pragma once

#include <string>

namespace bulkhead::collect {

inline const std::string kIdA(64, 'a'), kIdB(64, 'b');  // of containers

// "a b" as a command line.
inline std::string line(std::string words) {
  for (char& c : words) c = c == ' ' ? '\0' : c;
  return words + '\0';
}

}  // namespace bulkhead::collect
