#include "report/layout.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "report/parts.h"

namespace bulkhead::report {
namespace {

TEST(Layout, NoLineIsLongerThanItsWidthInEitherScript) {
  const std::string_view texts[] = {
      "published on 0.0.0.0:5432; let in by ip nat/DOCKER handle 7, and so on and so forth",
      "公開されていませんが、ホストが172.18.0.2:"
      "5432あてのパケットを転送します。長い説明が続きます。",
      "averyveryveryveryveryveryveryveryveryveryverylongwordwithoutaspace", "混ぜmixed書きwords。",
      ""};
  for (std::string_view text : texts) {
    for (std::size_t width = 8; width < 60; ++width) {
      std::string all;
      for (const std::string& line : wrap(text, width)) {
        EXPECT_LE(display_width(line), width + 2) << text;  // closing marks may hang over the edge
        for (char c : line) {
          if (c != ' ') all += c;
        }
      }
      std::string plain;
      for (char c : text) {
        if (c != ' ') plain += c;
      }
      EXPECT_EQ(all, plain) << "nothing is lost";
    }
  }
}

TEST(Layout, NoLineBeginsWithAClosingMark) {
  for (std::size_t width = 8; width < 40; ++width) {
    for (const std::string& line : wrap("これは、長い。文です、はい。そうです、ええ。", width)) {
      EXPECT_FALSE(line.starts_with("。") || line.starts_with("、")) << line;
    }
  }
}

TEST(Layout, LinesUnderAHeadAreIndented) {
  std::string out;
  Style style;
  style.width = 20;
  add_wrapped(out, "why  ", "one two three four five", style);
  EXPECT_EQ(out, "why  one two three\n     four five\n");
}

TEST(Layout, CuttingCountsColumns) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc...");
  EXPECT_EQ(shortened("日本語です", 8), "日本...");
  EXPECT_EQ(padded("日本", 6), "日本  ");
}

TEST(Layout, ColourIsAChoice) {
  Style style;
  EXPECT_EQ(inked("x", Ink::kRed, style), "x");
  style.color = true;
  EXPECT_EQ(inked("x", Ink::kRed, style), "\x1b[1;31mx\x1b[0m");
}

TEST(Parts, TimesAreUtc) {
  EXPECT_EQ(utc_text(0), "1970-01-01 00:00 UTC");
  EXPECT_EQ(utc_text(951782399999), "2000-02-28 23:59 UTC");
  EXPECT_EQ(utc_text(1795478400000), "2026-11-24 00:00 UTC");
}

}  // namespace
}  // namespace bulkhead::report
