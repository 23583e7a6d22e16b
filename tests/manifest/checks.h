// What tests of files for other programs share.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "report/json_manifest.h"
#include "report/json_schema.h"

namespace bulkhead::manifest {

inline void expect_valid(const std::string& json, const std::string& name) {
  std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/" + name + ".schema.json");
  const auto schema = nlohmann::json::parse(file);
  EXPECT_EQ(testing_json::Validator(schema).check(nlohmann::json::parse(json)), "") << json;
}

}  // namespace bulkhead::manifest
