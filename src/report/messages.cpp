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

namespace {

// "count|container is|containers are": the words for one, the words for any other number.
std::string_view choose(std::string_view words_for, std::string_view count) {
  const std::size_t bar = words_for.find('|');
  if (bar == std::string_view::npos) return words_for;
  return count == "1" ? words_for.substr(0, bar) : words_for.substr(bar + 1);
}

}  // namespace

std::string fill(std::string_view pattern, Values values) {
  std::string out;
  while (!pattern.empty()) {
    const std::size_t open = pattern.find('{');
    out += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    pattern.remove_prefix(open);
    const std::size_t close = pattern.find('}');
    const std::string_view inside =
        close == std::string_view::npos ? std::string_view() : pattern.substr(1, close - 1);
    const std::size_t bar = inside.find('|');
    const std::string_view name = inside.substr(0, bar);
    const auto found = std::ranges::find(values, name, [](const auto& v) { return v.first; });
    if (name.empty() || found == values.end()) {
      out += '{';
      pattern.remove_prefix(1);
      continue;
    }
    out += bar == std::string_view::npos ? std::string_view(found->second)
                                         : choose(inside.substr(bar + 1), found->second);
    pattern.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace bulkhead::report
