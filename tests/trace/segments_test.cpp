// No frame leaves its segment, on random networks.
#include <gtest/gtest.h>

#include <set>

#include "reach/random_net.h"
#include "topology/topology.h"

namespace bulkhead::topology {
namespace {

using reach::testing::random_net;

TEST(Segments, HoldAllThatAFrameGetsTo) {
  std::size_t met = 0, several = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    const auto net =
        random_net(seed, {.odd = true, .stacked = seed % 2 == 0, .vxlan = seed % 3 == 0});
    const Topology topology = Topology::build(net.snapshot);
    std::set<std::uint32_t> segments;
    for (const auto& machine : topology.machines()) {
      for (const auto& device : machine->devices) {
        if (device->loopback) continue;
        segments.insert(device->segment);
        for (const bool outside : {false, true}) {
          const Wires w = wires(*device, outside);
          for (const auto& list : {w.stations, w.entrances, w.tunnels}) {
            for (const Device* other : list) {
              ++met;
              ASSERT_EQ(device->segment, other->segment)
                  << device->name() << ", " << other->name() << "\n"
                  << net.text;
            }
          }
        }
      }
    }
    several += segments.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(met, 5000U);
  EXPECT_GT(several, 150U);
}

}  // namespace
}  // namespace bulkhead::topology
