// Blocks of addresses hold what the ranges hold.
#include "manifest/blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace bulkhead::manifest {
namespace {

using compile::Range;
using testing::IsEmpty;
using testing::SizeIs;

Prefix prefix(std::string_view text) {
  return Prefix::parse(text).value();
}

std::vector<Block> blocks(const std::vector<Prefix>& in, const std::vector<Prefix>& out,
                          IpFamily f) {
  return blocks_of(compile::ranges_of(in, out, f));
}

TEST(Blocks, HaveExceptionsWhereThatIsShorter) {
  EXPECT_THAT(blocks({}, {}, IpFamily::kV4), IsEmpty());
  EXPECT_EQ(blocks({prefix("0.0.0.0/0")}, {prefix("10.0.0.0/8"), prefix("192.168.0.0/16")},
                   IpFamily::kV4),
            (std::vector<Block>{
                {prefix("0.0.0.0/0"), {prefix("10.0.0.0/8"), prefix("192.168.0.0/16")}}}));
  EXPECT_EQ(blocks({prefix("::/0")}, {prefix("fd00::/8")}, IpFamily::kV6),
            (std::vector<Block>{{prefix("::/0"), {prefix("fd00::/8")}}}));
  EXPECT_THAT(blocks({prefix("10.0.0.1"), prefix("192.0.2.0/24")}, {}, IpFamily::kV4), SizeIs(2));
}

// 16 addresses at either end of the whole space and in its middle, of both families.
TEST(Blocks, HoldTheSameAddresses) {
  EXPECT_TRUE(rc::check("blocks of random ranges", [] {
    const bool six = *rc::gen::arbitrary<bool>();
    const std::string_view base = *rc::gen::elementOf(
        six ? std::vector<std::string_view>{"::", "fd00::",
                                            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0"}
            : std::vector<std::string_view>{"0.0.0.0", "10.1.2.0", "255.255.255.240"});
    std::vector<IpAddress> all{IpAddress::parse(base).value()};
    while (all.size() < 16) all.push_back(all.back().next());
    std::vector<Range> ranges;
    std::vector<bool> in(16);
    for (std::size_t i = 0; i < 16; ++i) {
      in[i] = *rc::gen::arbitrary<bool>();
      if (in[i]) ranges.push_back({all[i], all[i]});
    }
    const auto made = blocks_of(compile::merged(ranges));
    for (std::size_t i = 0; i < 16; ++i) {
      const bool held = std::ranges::any_of(made, [&](const Block& b) {
        return b.cidr.contains(all[i]) &&
               std::ranges::none_of(b.except, [&](const Prefix& e) { return e.contains(all[i]); });
      });
      RC_ASSERT(held == in[i]);
    }
    for (const Block& b : made) {
      for (const Prefix& e : b.except) RC_ASSERT(b.cidr.contains(e) && b.cidr != e);
    }
  }));
}

}  // namespace
}  // namespace bulkhead::manifest
