#include "plan/lockout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"

namespace bulkhead::plan {
namespace {

using compile::shops::Policy;
using testing_hosts::ip;

std::vector<ShutOut> shut_out_of(const Policy& policy, const std::vector<Administrator>& who) {
  const auto compiled = compile::compile(policy.input());
  EXPECT_TRUE(compiled) << compiled.error().message;
  auto out = shut_out(policy.input(), *compiled, who);
  EXPECT_TRUE(out) << out.error().message;
  return out.value_or(std::vector<ShutOut>{});
}

// The policy of the shop lets 198.51.100.0/28 in at port 22, and an exporter's port for blog/app.
TEST(Lockout, AsksForEachAdministratorsConnection) {
  const Policy policy;
  const std::vector<Administrator> who{
      {ip("198.51.100.7"), ip("192.0.2.10"), Port{22}},    // permitted
      {ip("198.51.100.77"), ip("192.0.2.10"), Port{22}},   // behind the same router, and not
      {ip("192.0.2.99"), ip("192.0.2.10"), Port{22}},      // on the LAN, and not
      {ip("198.51.100.7"), ip("192.0.2.10"), Port{9100}},  // another port
      {ip("127.0.0.1"), ip("127.0.0.1"), Port{22}},        // the host itself
      {ip("172.21.0.2"), ip("172.21.0.1"), Port{9100}},    // a container that is permitted
      {ip("172.20.0.3"), ip("172.20.0.1"), Port{22}},      // and one that is not
  };
  std::vector<std::size_t> shut;
  for (const ShutOut& one : shut_out_of(policy, who)) {
    shut.push_back(one.who);
    EXPECT_FALSE(one.reason.empty());
  }
  EXPECT_THAT(shut, testing::ElementsAre(1, 2, 3, 6));
}

TEST(Lockout, WhereNobodyListensOneIsShutOut) {
  const Policy policy;
  EXPECT_THAT(shut_out_of(policy, {{ip("198.51.100.7"), ip("192.0.2.10"), Port{2222}}}),
              testing::SizeIs(1));
}

TEST(Lockout, WhatIsNotKnownCountsAsShutOut) {
  Policy policy;
  policy.zones.clear();
  const auto out = shut_out_of(policy, {{ip("198.51.100.7"), ip("192.0.2.10"), Port{22}}});
  ASSERT_THAT(out, testing::SizeIs(1));
  EXPECT_THAT(out[0].reason, testing::HasSubstr("not known from where 198.51.100.7 sends"));
}

TEST(Lockout, WithoutAHostSectionNobodyIsShutOut) {
  std::string text(compile::shops::kPolicy);
  text.erase(text.find("host: {ssh"), text.find("tenants:") - text.find("host: {ssh"));
  const Policy policy(compile::shops::shop().snapshot, text);
  EXPECT_THAT(shut_out_of(policy, {{ip("203.0.113.200"), ip("192.0.2.10"), Port{22}}}),
              testing::IsEmpty());
}

}  // namespace
}  // namespace bulkhead::plan
