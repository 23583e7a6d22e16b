// JSON that the program writes against its schema in schemas/.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "report/json_schema.h"

namespace bulkhead::testing_json {

// `schema`: the file's name without .schema.json.
inline void expect_valid(const std::string& json, const std::string& schema) {
  std::ifstream file(std::string(BULKHEAD_SOURCE_DIR) + "/schemas/" + schema + ".schema.json");
  const Json rules = Json::parse(file);
  EXPECT_EQ(Validator(rules).check(Json::parse(json)), "") << json;
}

}  // namespace bulkhead::testing_json
