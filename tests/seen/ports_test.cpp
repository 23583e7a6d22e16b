#include "seen/ports.h"

#include <gtest/gtest.h>

namespace bulkhead::seen {
namespace {

TEST(Ports, AreReadAsPeopleWriteThem) {
  const auto ports = read_port_ranges("22,8000-8100,53/udp,1-1024/udp");
  ASSERT_TRUE(ports) << ports.error().message;
  ASSERT_EQ(ports->size(), 4U);
  EXPECT_EQ((*ports)[1].ports, (PortRange{8000, 8100}));
  EXPECT_EQ((*ports)[1].protocol, std::nullopt);
  EXPECT_EQ((*ports)[3].ports, (PortRange{1, 1024}));
  EXPECT_EQ((*ports)[3].protocol, IpProtocol::kUdp);
}

TEST(Ports, ThatAreNoneAreRefused) {
  for (const char* text :
       {"", "0", "x", "80-22", "65536", "1-", "-1", "22,,23", "22 ", "53/sctp"}) {
    EXPECT_FALSE(read_port_ranges(text)) << text;
  }
}

}  // namespace
}  // namespace bulkhead::seen
