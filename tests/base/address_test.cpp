#include "base/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>

namespace bulkhead {
namespace {

struct ParseRow {
  const char* text;
  const char* printed;  // nullptr: refused
};

TEST(Address, ParsesWhatTheRfcsAllowAndPrintsItCanonically) {
  for (const ParseRow& row :
       std::initializer_list<ParseRow>{{"0.0.0.0", "0.0.0.0"},
                                       {"127.0.0.1", "127.0.0.1"},
                                       {"255.255.255.255", "255.255.255.255"},
                                       {"256.0.0.1", nullptr},
                                       {"1.2.3", nullptr},
                                       {"1.2.3.4.5", nullptr},
                                       {"01.2.3.4", nullptr},
                                       {" 1.2.3.4", nullptr},
                                       {"1.2.3.4 ", nullptr},
                                       {"", nullptr},
                                       {"::", "::"},
                                       {"::1", "::1"},
                                       {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                       {"2001:0DB8::00ff", "2001:db8::ff"},
                                       {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},
                                       {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
                                       {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
                                       {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
                                       {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                                       {"1:2:3:4:5:6:7:8:9", nullptr},
                                       {"1::2::3", nullptr},
                                       {":1:2:3:4:5:6:7", nullptr},
                                       {"12345::", nullptr},
                                       {"fe80::1%eth0", nullptr},
                                       {"[::1]", nullptr},
                                       {"1.2.3.4::", nullptr}}) {
    auto address = IpAddress::parse(row.text);
    EXPECT_EQ(address.has_value(), row.printed != nullptr) << row.text;
    if (address && row.printed != nullptr) {
      EXPECT_EQ(address->to_string(), row.printed) << row.text;
    }
  }
}

// The C library is the oracle for IPv6 text in both directions.
TEST(Address, AgreesWithTheCLibraryOnRandomAddresses) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::array<std::uint8_t, 16> octets{};
    for (auto& octet : octets) octet = random() % 3 == 0 ? static_cast<std::uint8_t>(random()) : 0;
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(AF_INET6, octets.data(), text.data(), text.size());
    const IpAddress address = IpAddress::v6(octets);
    auto parsed = IpAddress::parse(text.data());
    ASSERT_TRUE(parsed) << text.data();
    EXPECT_EQ(*parsed, address) << text.data();
    auto again = IpAddress::parse(address.to_string());
    ASSERT_TRUE(again) << address.to_string();
    EXPECT_EQ(*again, address);
  }
}

TEST(Address, NextAndPreviousUndoEachOtherAndWrapAround) {
  for (const char* text : {"0.0.0.0", "10.0.0.255", "255.255.255.255", "::", "fd00::ffff",
                           "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const IpAddress address = *IpAddress::parse(text);
    EXPECT_EQ(address.next().previous(), address) << text;
    EXPECT_EQ(address.previous().next(), address) << text;
  }
  EXPECT_EQ(IpAddress::parse("255.255.255.255")->next().to_string(), "0.0.0.0");
}

TEST(Address, KnowsItsKind) {
  EXPECT_TRUE(IpAddress::parse("127.8.9.1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("172.31.0.1")->is_private());
  EXPECT_FALSE(IpAddress::parse("172.32.0.1")->is_private());
  EXPECT_TRUE(IpAddress::parse("fd12::1")->is_private());
  EXPECT_TRUE(IpAddress::parse("febf::1")->is_link_local());
  EXPECT_FALSE(IpAddress::parse("fec0::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("239.1.1.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("::ffff:10.0.0.1")->is_v4_mapped());
  EXPECT_EQ(IpAddress::parse("::ffff:10.0.0.1")->unmapped(), IpAddress::v4(10, 0, 0, 1));
}

TEST(Prefix, NamesTheOneThatWasMeantWhenBitsAreLeftOver) {
  auto prefix = Prefix::parse("10.1.2.3/8");
  ASSERT_FALSE(prefix);
  EXPECT_NE(prefix.error().message.find("10.0.0.0/8"), std::string::npos);
  EXPECT_FALSE(Prefix::parse("10.0.0.0/33"));
  EXPECT_FALSE(Prefix::parse("10.0.0.0/"));
  EXPECT_FALSE(Prefix::parse("10.0.0.0/-1"));
  EXPECT_EQ(Prefix::parse("10.0.0.1")->to_string(), "10.0.0.1/32");
}

// contains() against its definition: the first `length` bits are equal.
TEST(Prefix, ContainsExactlyTheAddressesThatShareItsBits) {
  std::mt19937 random(2);
  for (int round = 0; round < 20'000; ++round) {
    const auto a = static_cast<std::uint32_t>(random());
    const unsigned length = random() % 33;
    std::uint32_t b =
        random() % 2 == 0 ? static_cast<std::uint32_t>(random()) : a ^ (1U << (random() % 32));
    const Prefix prefix = Prefix::covering(IpAddress::v4(a), length);
    const bool expected = length == 0 || (a >> (32 - length)) == (b >> (32 - length));
    EXPECT_EQ(prefix.contains(IpAddress::v4(b)), expected);
    EXPECT_EQ(prefix.first() <= IpAddress::v4(b) && IpAddress::v4(b) <= prefix.last(), expected);
  }
  EXPECT_FALSE(Prefix::all(IpFamily::kV4).contains(*IpAddress::parse("::1")));
}

TEST(MacAddress, ParsesColonsOnly) {
  EXPECT_EQ(MacAddress::parse("02:42:AC:11:00:02")->to_string(), "02:42:ac:11:00:02");
  for (const char* text :
       {"", "02:42:ac:11:00", "02:42:ac:11:00:0g", "02-42-ac-11-00-02", "02:42:ac:11:00:02:"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(IpProtocol, EachNumberIsReadBackFromItsName) {
  for (unsigned n = 0; n < 256; ++n) {
    const auto protocol = static_cast<IpProtocol>(n);
    auto read = parse_protocol(to_string(protocol));
    ASSERT_TRUE(read) << n;
    EXPECT_EQ(*read, protocol);
  }
  EXPECT_FALSE(parse_protocol("tcpp"));
  EXPECT_FALSE(parse_protocol("256"));
}

}  // namespace
}  // namespace bulkhead
