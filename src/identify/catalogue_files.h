// The catalogue by which services are recognised: what was compiled in, and what a user adds.
#pragma once

#include <string>

#include "base/result.h"
#include "services/matcher.h"

namespace bulkhead::identify {

inline constexpr std::size_t kMostFiles = 256;  // of a folder

// `folder`: all its files *.yaml in the order of their names, of the form that the head of
// services/catalogue.yaml explains; their entries stand after the compiled-in ones. "": none.
//
// kInvalidInput names each entry that breaks a rule by file, line and column: what deny.h forbids,
// a pattern that RE2 refuses, an id that is taken. Nothing of a folder with such an entry counts.
[[nodiscard]] Result<services::Matcher> read_catalogue(const std::string& folder);

}  // namespace bulkhead::identify
