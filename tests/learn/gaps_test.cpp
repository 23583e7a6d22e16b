#include "learn/gaps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/shop.h"

namespace bulkhead::learn {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Gaps, SameBridgeTrafficThatIsNotTrackedIsNamedByItsContainers) {
  auto h = compile::shops::shop();
  EXPECT_THAT(gaps_of(h.snapshot), Not(Contains(HasSubstr("br-shop"))));
  h.host().sysctls.bridge_nf_call_iptables = 0;
  EXPECT_THAT(gaps_of(h.snapshot), Contains(HasSubstr("IPv4 is not seen")));
  h.host().sysctls.bridge_nf_call_ip6tables.reset();
  const auto gaps = gaps_of(h.snapshot);
  EXPECT_THAT(gaps, Contains(testing::AllOf(HasSubstr("on br-shop (shop-api-1, shop-db-1, "
                                                      "shop-web-1) nothing is seen"))));
  EXPECT_THAT(gaps, Not(Contains(HasSubstr("br-blog"))));  // one container alone
}

TEST(Gaps, AFamilyThatNoRuleTracksIsNamed) {
  auto h = compile::shops::shop();
  EXPECT_THAT(gaps_of(h.snapshot), Contains(HasSubstr("IPv6 is not tracked")));
  EXPECT_THAT(gaps_of(h.snapshot), Not(Contains(HasSubstr("IPv4 is not tracked"))));
  h.host().ruleset.tables.clear();
  EXPECT_THAT(gaps_of(h.snapshot), Contains(HasSubstr("IPv4 is not tracked")));
}

TEST(Gaps, AnEngineThatCouldNotBeReadIsNamed) {
  auto h = compile::shops::shop();
  h.snapshot.gaps.push_back({"namespace net:[1]", "it is gone"});
  EXPECT_EQ(unread_of(h.snapshot), std::vector<std::string>{});
  h.snapshot.gaps.push_back({"engine unix:///x\x1b", "permission denied"});
  h.engine().gaps.push_back({"networks", "no answer"});
  EXPECT_THAT(unread_of(h.snapshot),
              testing::ElementsAre("engine unix:///x\\x1b could not be read: permission denied",
                                   "docker: networks could not be read: no answer"));
}

TEST(Gaps, WhatIsTakenOutOfTrackingIsSaid) {
  auto h = compile::shops::shop();
  EXPECT_THAT(gaps_of(h.snapshot), Not(Contains(HasSubstr("notrack"))));
  model::Rule rule;
  rule.statements.emplace_back(model::Notrack{});
  h.host().ruleset.tables[0].chains[0].rules.push_back(rule);
  EXPECT_THAT(gaps_of(h.snapshot), Contains(HasSubstr("notrack")));
}

}  // namespace
}  // namespace bulkhead::learn
