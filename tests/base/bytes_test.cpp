#include "base/bytes.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(Cursor, RefusesWhatDoesNotFitAndMovesNothing) {
  const Bytes bytes{1, 2, 3};
  Cursor cursor(bytes);
  EXPECT_FALSE(cursor.big_endian<std::uint32_t>());
  EXPECT_EQ(cursor.position(), 0U);
  EXPECT_EQ(cursor.big_endian<std::uint16_t>(), 0x0102);
  EXPECT_FALSE(cursor.take(2));
  EXPECT_FALSE(cursor.take(static_cast<std::size_t>(-1)));
  EXPECT_EQ(cursor.left(), 1U);
  EXPECT_EQ(cursor.native<std::uint8_t>(), 3);
  EXPECT_TRUE(cursor.done());
  EXPECT_TRUE(cursor.take(0));
}

TEST(Hex, ReadsBackWhatItWrote) {
  Bytes bytes;
  for (unsigned i = 0; i < 256; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
}

}  // namespace
}  // namespace bulkhead
