// The parts of bulkhead.yaml that say what may reach what. Inside policy.
#pragma once

#include "policy/config.h"
#include "policy/names.h"
#include "policy/reader.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

void read_host(const yaml::Node& node, const Names& names, Reader& reader, Config& config);
void read_tenants(const yaml::Node& node, const Names& names, Reader& reader, Config& config);
void read_never(const yaml::Node& node, const Names& names, Reader& reader, Config& config);
void read_tests(const yaml::Node& node, const Names& names, Reader& reader, Config& config);

// Gives each tenant that is `like` another the rules of that one. After all tenants were read.
void copy_likes(Reader& reader, Config& config);

}  // namespace bulkhead::policy
