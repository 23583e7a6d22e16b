// What is asked of a host as it stands is what computing it for all packets says.
#include "plan/standing.h"

#include <gtest/gtest.h>

#include <random>

#include "audit/random_host.h"
#include "compile/shop.h"
#include "plan/redirects.h"
#include "views/survey.h"

namespace bulkhead::plan {
namespace {

using compile::shops::Policy;

struct Compared {
  std::size_t open = 0, closed = 0, unlike = 0;
};

// is_closed() computes what was only asked before.
void compare(const Policy& p, const std::string& what, Compared& out) {
  ASSERT_TRUE(only_published_ports_lead(p.snapshot)) << what;
  Standing standing = Standing::of(p.input(), p.snapshot).value();
  const trace::World world = trace::World::build(p.snapshot).value();
  const query::Asker asker(world, p.zones);
  const auto survey = views::Survey::make(asker, p.config, {}).value();
  const audit::Inventory& inventory = survey.inventory();
  for (std::size_t s = 0; s < inventory.seats.size(); ++s) {
    std::vector<bool> asked;
    for (std::size_t i = 0; i < inventory.services.size(); ++i)
      asked.push_back(standing.is_open(s, i));
    for (std::size_t i = 0; i < inventory.services.size(); ++i) {
      if (views::Survey::own(inventory.seats[s], inventory.services[i])) continue;
      static_cast<void>(standing.is_closed(s, i).value());
      const bool open = standing.is_open(s, i);
      ++(open ? out.open : out.closed);
      out.unlike += open != asked[i] ? 1 : 0;
      EXPECT_EQ(open, asked[i]) << what << ": " << inventory.seats[s].text << " -> service " << i;
    }
  }
}

TEST(Standing, OfTheShopIsWhatIsComputed) {
  Compared all;
  compare(Policy(), "shop", all);
  EXPECT_GT(all.open, 10U);
  EXPECT_GE(all.closed, 10U);
}

TEST(Standing, OfRandomHostsIsWhatIsComputed) {
  Compared all;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    Policy p(testing_hosts::random_host(random).snapshot);
    compare(p, "seed " + std::to_string(seed), all);
  }
  EXPECT_GT(all.open, 100U);
  EXPECT_GT(all.closed, 100U);
}

}  // namespace
}  // namespace bulkhead::plan
