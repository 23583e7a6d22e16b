// A document of a test that must be right.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "policy/config.h"

namespace bulkhead::policy {

inline Config good(std::string_view text) {
  auto config = parse_config(text, "bulkhead.yaml");
  EXPECT_TRUE(config) << config.error().message;
  return config.value_or(Config{});
}

}  // namespace bulkhead::policy
