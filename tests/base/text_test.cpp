#include "base/text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace bulkhead {
namespace {

TEST(EscapeText, TakesTheTeethOutOfTerminalSequences) {
  EXPECT_EQ(escape_text("plain-name_1"), "plain-name_1");
  EXPECT_EQ(escape_text("\x1b[31mred\n"), "\\x1b[31mred\\x0a");
  EXPECT_EQ(escape_text("\xe2\x80\xaepdf"), "\\u{202e}pdf");  // right-to-left override
  EXPECT_EQ(escape_text("\xc2\x9b"
                        "31m"),
            "\\u{9b}31m");                                      // C1 control: CSI
  EXPECT_EQ(escape_text("a\xff\xc0\x80"), "a\\xff\\xc0\\x80");  // invalid and overlong UTF-8
  EXPECT_EQ(escape_text("\xef\xbf\xbe\xef\xbf\xbf"), "\\u{fffe}\\u{ffff}");  // not in XML
  EXPECT_EQ(escape_text("日本"), "日本");
  EXPECT_EQ(escape_text("abcdef", 3), "abc...");
}

TEST(EscapeText, NeverLetsAControlByteThrough) {
  std::mt19937 random(3);
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (unsigned i = random() % 40; i > 0; --i) text += static_cast<char>(random());
    const std::string shown = escape_text(text, 1000);
    for (std::string_view rest = shown; !rest.empty();) {
      char32_t code = 0;
      const std::size_t size = decode_utf8(rest, code);
      ASSERT_NE(size, 0U);
      EXPECT_GE(code, 0x20U);
      EXPECT_FALSE(code >= 0x7f && code <= 0x9f);
      rest.remove_prefix(size);
    }
  }
}

TEST(AppendJsonEscaped, WritesValidJsonOfAnyBytes) {
  std::string out;
  append_json_escaped(out, std::string_view("q\"b\\\n\0\xff", 7));
  EXPECT_EQ(out, "q\\\"b\\\\\\u000a\\u0000\xef\xbf\xbd");
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}

TEST(DisplayWidth, CountsEastAsianLettersTwice) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("到達"), 4U);
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);  // combining acute accent
}

}  // namespace
}  // namespace bulkhead
