#include "base/scoped_address.h"

#include <gtest/gtest.h>

namespace bulkhead {
namespace {

TEST(ScopedAddress, IsReadAndWritten) {
  for (const char* text :
       {"10.0.0.1", "fd00::1", "fe80::1", "fe80::1%eth0", "fe80::1%br-0a1b2c3d4e5"}) {
    const auto read = ScopedAddress::parse(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->to_string(), text);
  }
  EXPECT_EQ(ScopedAddress::parse("fe80::1%eth0")->link, "eth0");
}

TEST(ScopedAddress, RefusesWhatHasNoInterfaceAndWhatIsNoName) {
  for (const char* text : {"", "%eth0", "10.0.0.1%eth0", "fd00::1%eth0", "fe80::1%", "fe80::1%a/b",
                           "fe80::1%a b", "fe80::1%sixteen_letters_", "fe80::1%..", "eth0"})
    EXPECT_FALSE(ScopedAddress::parse(text)) << text;
}

TEST(ScopedAddress, EscapesTheName) {
  EXPECT_EQ(
      (ScopedAddress{IpAddress::parse("fe80::1").value(), "a\x1b[1m"}.to_string().find('\x1b')),
      std::string::npos);
}

}  // namespace
}  // namespace bulkhead
