// Few named destinations are walked to one by one, many are computed at once. Both must say the
// same: on random networks, the same ports are asked for alone and among hundreds of others. All at
// once may leave more in doubt (verify::Reachable::doubts), seldom.
#include <gtest/gtest.h>

#include <random>

#include "policy/zones.h"
#include "reach/random_net.h"
#include "scan/plan.h"

namespace bulkhead::scan {
namespace {

using reach::testing::random_net;
using reach::testing::RandomNet;

struct Tally {
  std::size_t destinations = 0, open = 0, doubt = 0;
  std::size_t only_computed = 0;  // in doubt where all is computed at once, and settled by a walk
};

class TwoPlans {
 public:
  explicit TwoPlans(std::uint32_t seed)
      : net_(named(
            random_net(seed, {.filter = true, .nat = true, .policy = seed % 3 == 0, .odd = true}))),
        seed_(seed),
        random_(seed),
        world_(trace::World::build(net_.snapshot).value()),
        zones_(policy::guess_zones(net_.snapshot)),
        asker_(world_, zones_) {}

  void compare(Tally& tally) {
    Wanted few;
    for (const model::NsId ns : net_.machines) {
      auto from = query::Vantage::parse("netns:/run/netns/" + std::to_string(ns.value));
      ASSERT_TRUE(from);
      few.from.push_back(*from);
    }
    // All at once of one address, or of the network that holds all four.
    for (int i = seed_ % 2 == 0 ? 0 : 3; i < 4; ++i)
      few.to.push_back(net_.addresses[random_() % net_.addresses.size()]);
    for (const std::uint16_t port : net_.ports) {
      for (const IpProtocol protocol : {IpProtocol::kTcp, IpProtocol::kUdp})
        few.ports.push_back({{port, port}, protocol});
    }
    Wanted many = few;
    many.ports.push_back({{60000, 60999}, IpProtocol::kTcp});
    const auto one = make_plan(asker_, few), all = make_plan(asker_, many);
    ASSERT_TRUE(one && all);
    ASSERT_EQ(one->aims.size(), all->aims.size());
    for (std::size_t i = 0; i < one->aims.size(); ++i)
      compare(*one, one->aims[i], all->aims[i], tally);
  }

 private:
  void compare(const Plan& plan, const Aim& one, const Aim& all, Tally& tally) const {
    ASSERT_EQ(one.to, all.to);
    ASSERT_EQ(one.protocol, all.protocol);
    const auto told = [&] {
      return "seed " + std::to_string(seed_) + " from " + plan.seats[one.seat].vantage + " to " +
             one.to.to_string() + "\n" + net_.text;
    };
    for (const packet::Interval& i : one.ports.intervals()) {
      for (std::uint64_t port = i.first; port <= i.last; ++port) {
        const bool doubt = all.doubt.contains(port);
        ASSERT_TRUE(doubt || !one.doubt.contains(port)) << port << " " << told();
        if (!doubt) {
          ASSERT_EQ(one.open.contains(port), all.open.contains(port)) << port << " " << told();
        }
        ++tally.destinations;
        tally.open += one.open.contains(port) ? 1 : 0;
        tally.doubt += one.doubt.contains(port) ? 1 : 0;
        tally.only_computed += doubt && !one.doubt.contains(port) ? 1 : 0;
      }
    }
  }

  RandomNet net_;
  std::uint32_t seed_;
  std::mt19937 random_;
  trace::World world_;
  std::vector<policy::Zone> zones_;
  query::Asker asker_;
};

TEST(FewDestinations, AreToldAsAmongMany) {
  Tally tally;
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    TwoPlans(seed).compare(tally);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(tally.destinations, 20000U);
  EXPECT_GT(tally.open, 200U);
  EXPECT_GT(tally.doubt, 5U);
  EXPECT_LT(tally.only_computed, tally.destinations / 100);
}

}  // namespace
}  // namespace bulkhead::scan
