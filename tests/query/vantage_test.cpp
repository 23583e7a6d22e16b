#include "query/vantage.h"

#include <gtest/gtest.h>

namespace bulkhead::query {
namespace {

TEST(Vantage, EachFormIsReadAndWrittenBack) {
  for (const char* text : {"internet", "lan", "lan:eth1", "zone:office", "host", "container:web",
                           "container:podman/web", "netns:/run/netns/x", "addr:192.0.2.1@office",
                           "addr:2001:db8::1@lan:eth0"}) {
    const auto vantage = Vantage::parse(text);
    ASSERT_TRUE(vantage) << text;
    EXPECT_EQ(vantage->to_string(), text);
  }
}

TEST(Vantage, WhatIsNoneIsRefusedWithTheFormsThatAre) {
  for (const char* text :
       {"", "internets", "zone:", "lan:", "container:", "container:/web", "container:docker/",
        "addr:192.0.2.1", "addr:192.0.2.1@", "addr:x@lan", "pod:web", "\x1b[31m:x"}) {
    const auto vantage = Vantage::parse(text);
    ASSERT_FALSE(vantage) << text;
    EXPECT_EQ(vantage.error().code, ErrorCode::kInvalidInput) << text;
    EXPECT_EQ(vantage.error().message.find('\x1b'), std::string::npos);
  }
  EXPECT_NE(Vantage::parse("nonsense").error().message.find("container:NAME"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::query
