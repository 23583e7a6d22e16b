#include "cli/language.h"

#include <cstdlib>
#include <string_view>

#include "cli/files.h"

namespace bulkhead::cli {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// POSIX: the first of the three that is set and not empty decides.
std::string_view locale_name() {
  for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    if (const auto value = environment(name); !value.empty()) return value;
  }
  return {};
}

}  // namespace

report::Style text_style(const OutputOptions& options) {
  report::Style style;
  const std::string_view language = options.language.empty() ? locale_name() : options.language;
  style.language =
      language.starts_with("ja") ? report::Language::kJapanese : report::Language::kEnglish;
  style.color = stdout_is_terminal() && !options.no_color && environment("NO_COLOR").empty();
  style.details = options.details;
  return style;
}

}  // namespace bulkhead::cli
