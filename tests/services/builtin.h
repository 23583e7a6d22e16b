// The services that the program brings, for tests.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "services/entry.h"
#include "services/matcher.h"

namespace bulkhead::services {

inline const Matcher& builtin() {
  static const Matcher matcher = [] {
    std::vector<std::string> problems;
    Entries read = builtin_entries();
    EXPECT_THAT(read.problems, testing::IsEmpty());
    Matcher out = Matcher::make(std::move(read.entries), problems);
    EXPECT_THAT(problems, testing::IsEmpty());
    return out;
  }();
  return matcher;
}

}  // namespace bulkhead::services
