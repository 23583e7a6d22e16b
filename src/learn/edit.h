// Adds entries to lists and maps of a YAML file, and leaves every other byte of it as it is.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bulkhead::learn {

struct Addition {
  std::vector<std::string> path;   // keys from the root; what is missing is made
  bool list = true;                // of a list; else of a map
  std::vector<std::string> items;  // "{from: a, to: b}"; of a map "name: {…}"; one line each
};

struct Edited {
  std::string text, diff;  // the diff is unified, with three lines around
};

// New entries stand behind the others, or before them: an end has no mark in YAML, and text that
// is not understood may follow. kUnsupported names the place where this is not possible.
[[nodiscard]] Result<Edited> add_to_yaml(std::string_view text, std::string_view file,
                                         std::span<const Addition> additions, bool behind);

// From nothing to `text`.
[[nodiscard]] std::string diff_of_new(std::string_view text, std::string_view file);

}  // namespace bulkhead::learn
