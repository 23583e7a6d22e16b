#include "audit/map.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "audit/host_builder.h"

namespace bulkhead::audit {
namespace {

using namespace testing_hosts;

std::map<std::string, std::string> makers(const model::Snapshot& snapshot) {
  std::map<std::string, std::string> out;
  for (const MapInterface& i : draw_map(snapshot, {}, {}).interfaces) out[i.name] = i.made_by;
  return out;
}

TEST(MapMaker, IsTheEngineThatToldOfTheNetwork) {
  HostBuilder h;
  h.engine().name = "docker-2";
  h.network("shop", "br-shop", "172.18.0.1");
  EXPECT_EQ(makers(h.snapshot)["br-shop"], "docker-2");
  EXPECT_EQ(makers(h.snapshot)["eth0"], "");
}

TEST(MapMaker, OfANetworkThatNobodyToldOfIsWhoseContainersHangThereElseTheName) {
  HostBuilder h;
  h.engine().name = "podman";
  h.network("a", "br-0123456789ab", "172.18.0.1");
  h.network("b", "podman1", "172.19.0.1");
  h.network("c", "br-ba9876543210", "172.20.0.1");
  h.container("web", "a", "172.18.0.2");
  h.engine().networks.clear();
  auto made_by = makers(h.snapshot);
  EXPECT_EQ(made_by["br-0123456789ab"], "podman");
  EXPECT_EQ(made_by["podman1"], "podman");
  EXPECT_EQ(made_by["br-ba9876543210"], "docker");
}

}  // namespace
}  // namespace bulkhead::audit
