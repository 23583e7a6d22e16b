// What `compile` makes, for programs: schemas/compile.schema.json.
#pragma once

#include <string>

#include "compile/compile.h"
#include "manifest/manifest.h"

namespace bulkhead::report {

// `to`: "compose" or "networkpolicy".
[[nodiscard]] std::string manifest_json(const policy::Config& config, std::string_view to,
                                        const manifest::Manifest& manifest);
// The same of the rules for nft.
[[nodiscard]] std::string rules_json(const policy::Config& config,
                                     const compile::Compiled& compiled);

}  // namespace bulkhead::report
