// Reads scan: of a bulkhead.yaml. Inside policy.
#pragma once

#include "policy/config.h"
#include "policy/names.h"
#include "policy/reader.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

void read_scan(const yaml::Node& node, const Names& names, Reader& reader, Config& config);

}  // namespace bulkhead::policy
