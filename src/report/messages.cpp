#include "report/messages.h"

#include <algorithm>

namespace bulkhead::report {

std::string_view words(Language language, audit::Phrase phrase) {
  switch (language) {
    case Language::kEnglish: return english::words(phrase);
    case Language::kJapanese: return japanese::words(phrase);
  }
  return {};
}

std::string_view words(Language language, Label label) {
  switch (language) {
    case Language::kEnglish: return english::words(label);
    case Language::kJapanese: return japanese::words(label);
  }
  return {};
}

std::string fill(std::string_view pattern, Values values) {
  std::string out;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    pattern.remove_prefix(open);
    const std::size_t close = pattern.find('}');
    const std::string_view name = close == std::string_view::npos ? std::string_view() : pattern.substr(1, close - 1);
    const auto found = std::ranges::find(values, name, [](const auto& v) { return v.first; });
    if (name.empty() || found == values.end()) {
      out += '{';
      pattern.remove_prefix(1);
      continue;
    }
    out += found->second;
    pattern.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace bulkhead::report
