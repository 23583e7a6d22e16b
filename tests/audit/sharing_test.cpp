// What an audit says of all pairs, of which most share an answer, against asking for each of them
// by itself: on hosts with random rules for single containers, whole networks and services.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "audit/ask.h"
#include "audit/inventory.h"
#include "audit/random_host.h"
#include "audit/reachability.h"

namespace bulkhead::audit {
namespace {

using namespace testing_hosts;

// "service 3 from container:docker/net0-c1 as 172.20.0.4", of all that opens to the host and to
// containers.
using Open = std::set<std::string>;

std::string line(std::size_t service, const SeatEntry& seat, const std::optional<IpAddress>& as) {
  return "service " + std::to_string(service) + " from " + seat.text + " as " +
         (as ? as->to_string() : "?");
}

Open shared(const Inventory& inventory, const Reachability& reach) {
  Open out;
  for (std::size_t i = 0; i < reach.of.size(); ++i) {
    for (const Asked& asked : reach.of[i].open) {
      const SeatEntry& seat = inventory.seats[asked.seat];
      if (!seat.is_zone()) out.insert(line(i, seat, asked.source()));
    }
  }
  return out;
}

// The first dial that opens, the service's own addresses first.
void ask_pair(const Inventory& inventory, const Oracle& oracle, std::size_t service,
              const SeatEntry& seat, Open& out, std::size_t& asked) {
  static const auto direct = [](const Dial& d) { return d.via == Via::kDirect; };
  const Service& to = inventory.services[service];
  std::vector<Dial> dials = to.dials;
  std::ranges::stable_partition(dials, direct);
  const auto whose = services_by_socket(inventory);
  bool any = false;
  for (const Dial& dial : dials) {
    if (!worth_asking(seat, to, dial)) continue;
    any = true;
    const query::Reply reply = oracle.ask(seat.seat, target_of(dial, to.subject.protocol));
    if (reply.answer.verdict != trace::Verdict::kOpen) continue;
    const auto found = whose.find(reply.answer.socket);
    const std::size_t who = found == whose.end() ? service : found->second;
    out.insert(line(who, seat, reply.answer.source));
    if (who == service) break;
  }
  asked += any ? 1 : 0;
}

TEST(Sharing, SaysOfEachPairWhatAskingForItAloneSays) {
  std::size_t open = 0, closed = 0, alike = 0;
  for (std::uint32_t seed = 0; seed < 150 && !HasFailure(); ++seed) {
    std::mt19937 random(seed);
    const HostBuilder h = random_host(random);
    const policy::Config config = policy::parse_config("bulkhead: 1\n", "bulkhead.yaml").value();
    const auto oracle = world_oracle(config)(h.snapshot).value();
    const Inventory inventory = take_inventory(h.snapshot, config, *oracle);
    const Reachability reach = ask_all(inventory, *oracle);
    Open alone;
    std::size_t asked = 0;
    for (std::size_t i = 0; i < inventory.services.size(); ++i) {
      for (const SeatEntry& seat : inventory.seats) {
        if (!seat.is_zone()) ask_pair(inventory, *oracle, i, seat, alone, asked);
      }
    }
    EXPECT_EQ(shared(inventory, reach), alone) << "seed " << seed;
    open += alone.size();
    closed += asked - std::min(asked, alone.size());
    for (std::size_t i = 0; i < inventory.seats.size(); ++i) alike += inventory.seats[i].alike != i;
  }
  EXPECT_GT(open, 2000U);
  EXPECT_GT(closed, 1000U);
  EXPECT_GT(alike, 1000U);
}

}  // namespace
}  // namespace bulkhead::audit
