#include "outside/targets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::outside {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Names of a world of its own.
Result<std::vector<IpAddress>> resolve(const std::string& name) {
  if (name == "db") return std::vector{IpAddress::v4(192, 168, 1, 7)};
  if (name == "far") return std::vector{IpAddress::v4(192, 168, 1, 8), IpAddress::v4(8, 8, 8, 8)};
  return fail(ErrorCode::kNotFound, "no such name");
}

Result<std::vector<Machine>> read(std::vector<std::string> texts, bool i_own_this = false) {
  return read_targets(texts, i_own_this, resolve);
}

std::vector<std::string> addresses(const Result<std::vector<Machine>>& machines) {
  std::vector<std::string> out;
  if (!machines) return {machines.error().message};
  for (const Machine& machine : *machines) out.push_back(machine.address.to_string());
  return out;
}

TEST(Targets, AreAddressesPrefixesAndNames) {
  EXPECT_THAT(addresses(read({"10.0.0.1", "fd00::1", "127.0.0.1", "::1", "169.254.1.1"})),
              ElementsAre("10.0.0.1", "127.0.0.1", "169.254.1.1", "::1", "fd00::1"));
  EXPECT_THAT(addresses(read({"192.168.1.4/30"})), ElementsAre("192.168.1.5", "192.168.1.6"));
  EXPECT_THAT(addresses(read({"192.168.1.4/31"})), ElementsAre("192.168.1.4", "192.168.1.5"));
  EXPECT_THAT(addresses(read({"fd00::/126"})),
              ElementsAre("fd00::", "fd00::1", "fd00::2", "fd00::3"));
  const auto named = read({"db", "192.168.1.7", "db"});
  ASSERT_TRUE(named);
  ASSERT_EQ(named->size(), 1U);
  EXPECT_THAT((*named)[0].names, ElementsAre("db"));
}

TEST(Targets, ThatArePublicAreRefusedUnlessTheyAreTheUsersOwn) {
  for (const char* text : {"8.8.8.8", "8.8.8.0/30", "2001:db8::1", "::ffff:8.8.8.8", "far",
                           "64:ff9b::808:808", "172.32.0.1", "11.0.0.0", "100.128.0.1"}) {
    const auto refused = read({"10.0.0.1", text});
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidInput);
    EXPECT_THAT(refused.error().message, HasSubstr("--i-own-this"));
    EXPECT_TRUE(read({text}, true)) << text;
  }
  EXPECT_THAT(read({"far"}).error().message, HasSubstr("8.8.8.8"));
}

TEST(Targets, ThatAreNoMachinesAreRefusedWhoeverOwnsThem) {
  for (const char* text : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "fe80::1",
                           "10.0.0.1/8", "10.0.0.0/19", "fd00::/64", "nobody", "10.0.0.0/33"}) {
    EXPECT_FALSE(read({text}, true)) << text;
  }
}

TEST(Targets, AreBounded) {
  EXPECT_EQ(read({"10.0.0.0/20"})->size(), kMostMachines - 2);
  EXPECT_EQ(read({"fd00::/116"})->size(), kMostMachines);
  EXPECT_FALSE(read({"10.0.0.0/20", "10.1.0.0/20"}));
}

}  // namespace
}  // namespace bulkhead::outside
