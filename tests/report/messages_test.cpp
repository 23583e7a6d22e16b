#include "report/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/text.h"

namespace bulkhead::report {
namespace {

// Their names: a language may use one twice, or choose words by it ({count|is|are}).
std::set<std::string> placeholders(std::string_view text) {
  std::set<std::string> out;
  for (std::size_t open = text.find('{'); open != std::string_view::npos;
       open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) break;
    const std::string_view inside = text.substr(open + 1, close - open - 1);
    out.insert(std::string(inside.substr(0, inside.find('|'))));
  }
  return out;
}

template <class Id>
void compare(Id id, std::string_view name) {
  const auto english = words(Language::kEnglish, id), japanese = words(Language::kJapanese, id);
  EXPECT_FALSE(english.empty()) << name;
  EXPECT_FALSE(japanese.empty()) << name;
  EXPECT_EQ(placeholders(english), placeholders(japanese)) << name;
  EXPECT_EQ(escape_text(english, 4096), english) << name;
  EXPECT_EQ(escape_text(japanese, 4096), japanese) << name;
}

TEST(Messages, BothCataloguesHaveTheSameIdsAndPlaceholders) {
  for (audit::Phrase phrase : audit::kPhrases) compare(phrase, audit::phrase_id(phrase));
  for (Label label : kLabels) compare(label, std::to_string(static_cast<int>(label)));
}

TEST(Messages, SentencesAreTranslatedNotCopied) {
  for (audit::Phrase phrase : audit::kPhrases) {
    EXPECT_NE(words(Language::kEnglish, phrase), words(Language::kJapanese, phrase))
        << audit::phrase_id(phrase);
  }
}

TEST(Messages, ValuesArePutInWhateverTheirOrder) {
  const std::vector<std::pair<std::string_view, std::string>> values{{"a", "1"}, {"b", "{a}"}};
  EXPECT_EQ(fill("{b} and {a}", values), "{a} and 1") << "values are not patterns";
  EXPECT_EQ(fill("{c} {", values), "{c} {");
  EXPECT_EQ(fill("", values), "");
  EXPECT_EQ(fill("{a} {a|box is|boxes are}", values), "1 box is");
  EXPECT_EQ(fill("{n} {n|box is|boxes are}",
                 std::vector<std::pair<std::string_view, std::string>>{{"n", "11"}}),
            "11 boxes are");
}

}  // namespace
}  // namespace bulkhead::report
