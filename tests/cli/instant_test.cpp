#include "cli/instant.h"

#include <gtest/gtest.h>

namespace bulkhead::cli {
namespace {

TEST(Instant, IsReadWithItsZone) {
  struct Row {
    const char* text;
    std::uint64_t ms;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"1970-01-01T00:00:00Z", 0},
           {"2026-11-24T23:20:00Z", 1795562400000},
           {"2026-11-25T08:20:00+09:00", 1795562400000},
           {"2026-11-24T17:50:00-05:30", 1795562400000},
           {"2026-11-24 23:20:00z", 1795562400000},
           {"2026-11-24t23:20:00.999Z", 1795562400000},
           {"2026-11-24", 1795478400000},
           {"2000-02-29", 951782400000},
           {"2016-12-31T23:59:60Z", 1483228800000},  // a leap second is the next one in Unix time
           {"9999-12-31T23:59:59Z", 253402300799000}}) {
    const auto at = parse_instant(row.text);
    ASSERT_TRUE(at) << row.text << ": " << at.error().message;
    EXPECT_EQ(*at, row.ms) << row.text;
  }
}

TEST(Instant, WhatIsNoneIsRefusedAndSafeToShow) {
  for (const char* text : {"",
                           "now",
                           "2026",
                           "2026-11",
                           "2026-11-31",
                           "2100-02-29",
                           "2026-13-01",
                           "2026-00-10",
                           "26-11-24",
                           "2026-11-24T",
                           "2026-11-24T23:20Z",
                           "2026-11-24T23:20:00",
                           "2026-11-24T24:00:00Z",
                           "2026-11-24T23:60:00Z",
                           "2026-11-24T23:20:61Z",
                           "2026-11-24T23:20:00+24:00",
                           "2026-11-24T23:20:00+9",
                           "2026-11-24T23:20:00Z ",
                           "2026-11-24T23:20:00.Z",
                           "2026-11-24T23:20:00,5Z",
                           "+026-11-24",
                           "2026-11-2 ",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+01:00",
                           "2026-11-24\x1b[2J"}) {
    const auto at = parse_instant(text);
    ASSERT_FALSE(at) << text;
    EXPECT_EQ(at.error().code, ErrorCode::kInvalidInput);
    EXPECT_NE(at.error().message.find("write 2026-11-24T23:20:00Z"), std::string::npos);
    EXPECT_EQ(at.error().message.find('\x1b'), std::string::npos);
  }
}

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_period("30s", "--for"), 30'000U);
  EXPECT_EQ(parse_period("15m", "--for"), 900'000U);
  EXPECT_EQ(parse_period("6h", "--for"), 21'600'000U);
  EXPECT_EQ(parse_period("366d", "--for"), 31'622'400'000U);
  for (const char* text :
       {"", "0s", "5", "s", "-1s", "1.5h", "1m30s", "367d", "99999999999999999999s"})
    EXPECT_FALSE(parse_period(text, "--for")) << text;
}

}  // namespace
}  // namespace bulkhead::cli
