#include "trace/filter.h"

#include <gtest/gtest.h>

namespace bulkhead::trace {
namespace {

TEST(Filter, AnEmptyRulesetAcceptsEverything) {
  const model::Ruleset rules;
  const Filter filter(rules, true);
  Packet packet;
  Context context;
  context.packet = &packet;
  EXPECT_EQ(filter.run(FilterPoint::kIpInput, -1000, 1000, context).outcome, Outcome::kAccept);
  EXPECT_FALSE(filter.has_chains(FilterPoint::kIpInput));
}

}  // namespace
}  // namespace bulkhead::trace
