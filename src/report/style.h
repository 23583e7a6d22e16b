// How text is laid out, chosen by the command line.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bulkhead::report {

enum class Language : std::uint8_t { kEnglish, kJapanese };

struct Style {
  Language language = Language::kEnglish;
  bool color = false;         // the command line knows about NO_COLOR, terminals and --no-color
  bool details = false;       // evidence, paths and all lines to paste
  std::size_t width = 80;     // columns; lines that are to be pasted are never wrapped
};

}  // namespace bulkhead::report
