// What is asked of a host as it stands is what computing it for all packets says.
#include "plan/standing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "audit/random_host.h"
#include "audit/reachability.h"
#include "audit/varied_host.h"
#include "compile/shop.h"
#include "plan/redirects.h"
#include "views/survey.h"

namespace bulkhead::plan {
namespace {

using compile::shops::Policy;

struct Compared {
  std::size_t open = 0, closed = 0, on_links = 0;
};

// The only dial that opens is a link-local address of the host: of these nothing is computed.
bool is_open_on_a_link(const views::Survey& survey, std::size_t seat, std::size_t service) {
  const audit::Inventory& inventory = survey.inventory();
  if (inventory.seats[seat].container == nullptr) return false;
  const auto asked = ask_all(inventory, audit::AskerOracle(survey.asker()));
  const auto& open = asked.of[service].open;
  return std::ranges::any_of(open, [seat](const auto& a) { return a.seat == seat; }) &&
         std::ranges::all_of(
             open, [seat](const auto& a) { return a.seat != seat || a.dial.to.is_link_local(); });
}

// What stands is told before anything is computed for it, and stays so.
void compare(const Policy& p, const std::string& what, Compared& out) {
  ASSERT_TRUE(only_published_ports_lead(p.snapshot)) << what;
  Standing standing = Standing::of(p.input(), p.snapshot).value();
  const trace::World world = trace::World::build(p.snapshot).value();
  const query::Asker asker(world, p.zones);
  auto survey = views::Survey::make(asker, p.config, {}).value();
  const audit::Inventory& inventory = survey.inventory();
  for (std::size_t s = 0; s < inventory.seats.size(); ++s) {
    std::vector<bool> asked;
    for (std::size_t i = 0; i < inventory.services.size(); ++i)
      asked.push_back(standing.is_open(s, i));
    const views::Row row = survey.row(inventory.seats[s].seat).value();
    for (std::size_t i = 0; i < inventory.services.size(); ++i) {
      if (views::Survey::own(inventory.seats[s], inventory.services[i])) continue;
      const audit::Subject& to = inventory.services[i].subject;
      const std::string where = what + ": " + inventory.seats[s].text + " -> " + to.container +
                                to.process + " " + std::to_string(to.port.value_or(Port{}).number);
      const bool open = row[i].verdict == trace::Verdict::kOpen;
      const bool on_link = asked[i] && !open && is_open_on_a_link(survey, s, i);
      ++(open ? out.open : on_link ? out.on_links : out.closed);
      EXPECT_EQ(asked[i], open || on_link) << where << ": " << row[i].reason;
      EXPECT_EQ(standing.is_closed(s, i).value(),
                row[i].verdict == trace::Verdict::kClosed && !on_link)
          << where << ": " << row[i].reason;
      EXPECT_EQ(standing.is_open(s, i), asked[i]) << where << ", after others were computed";
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

// docker-proxy listens at 127.0.0.1, too, which no rule for the container's address closes.
TEST(Standing, TheHostReachesPublishedPortsByItsLoopback) {
  testing_hosts::HostBuilder h = compile::shops::shop();
  model::Chain out = testing_hosts::HostBuilder::base("OUTPUT", model::Hook::kOutput,
                                                      model::ChainType::kFilter, 0);
  for (const std::uint16_t port : {80, 8080}) {
    model::Rule drop = h.rule();
    testing_hosts::HostBuilder::add(
        drop, testing_hosts::HostBuilder::equals(
                  {model::PayloadTerm{model::PayloadBase::kNetwork, 16, 1}}, {127},
                  model::CompareOp::kNotEqual));
    testing_hosts::HostBuilder::add(drop, testing_hosts::HostBuilder::is_proto(6));
    testing_hosts::HostBuilder::add(drop, testing_hosts::HostBuilder::is_port(port));
    testing_hosts::HostBuilder::add(drop,
                                    testing_hosts::HostBuilder::decide(model::VerdictKind::kDrop));
    out.rules.push_back(std::move(drop));
  }
  h.table("filter").chains.push_back(std::move(out));
  Compared all;
  compare(Policy(h.snapshot), "by loopback", all);
  EXPECT_GT(all.open, 10U);
}

// STANDING_SEEDS and STANDING_FIRST choose other hosts.
TEST(Standing, OfVariedHostsIsWhatIsComputed) {
  const auto number = [](const char* name, std::uint32_t otherwise) {
    const char* given = std::getenv(name);
    return given == nullptr ? otherwise : static_cast<std::uint32_t>(std::atoi(given));
  };
  const std::uint32_t first = number("STANDING_FIRST", 1), count = number("STANDING_SEEDS", 30);
  Compared all;
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    std::mt19937 random(seed);
    Policy p(testing_hosts::VariedHost(random).make());
    compare(p, "varied, seed " + std::to_string(seed), all);
  }
  std::printf("open %zu, on links %zu, closed %zu\n", all.open, all.on_links, all.closed);
  EXPECT_GT(all.open, 10U * count);
  EXPECT_GT(all.on_links, 0U);
  EXPECT_GT(all.closed, 10U * count);
}

}  // namespace
}  // namespace bulkhead::plan
