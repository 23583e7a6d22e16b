// A real engine: what it says and what the kernel says meet in one snapshot.
#include <gmock/gmock.h>

#include <algorithm>

#include "collect/collect.h"
#include "lab/demo.h"

namespace bulkhead::collect {
namespace {

const model::NetNs* place(const model::Snapshot& snapshot, const model::Container& container) {
  if (!container.netns) return nullptr;
  return &snapshot.namespaces.at(container.netns->value);
}

bool has_address(const model::NetNs& ns, IpAddress address) {
  return std::ranges::any_of(ns.addresses,
                             [&](const model::Address& item) { return item.local == address; });
}

Result<int> look(const lab::DemoSite& site) {
  auto broker = Broker::start();
  if (!broker) return std::unexpected(broker.error());
  Options options;
  options.engines = {{.url = site.engine, .tls_directory = {}}};
  const auto snapshot = take_snapshot(*broker, options);
  if (!snapshot) return std::unexpected(snapshot.error());
  EXPECT_EQ(snapshot->engines.size(), 1U);
  if (snapshot->engines.empty()) return 1;
  const model::Engine& engine = snapshot->engines.front();
  EXPECT_EQ(engine.name, "docker");
  EXPECT_TRUE(engine.local);
  EXPECT_TRUE(engine.gaps.empty());
  std::size_t placed = 0, owned = 0;
  for (const model::Container& container : engine.containers) {
    if (container.state != "running") continue;
    const model::NetNs* ns = place(*snapshot, container);
    EXPECT_NE(ns, nullptr) << container.name;
    if (ns == nullptr) continue;
    ++placed;
    for (const model::Attachment& attachment : container.attachments) {
      if (attachment.address4) {
        EXPECT_TRUE(has_address(*ns, *attachment.address4)) << container.name;
      }
    }
    for (const model::Socket& socket : ns->sockets) {
      for (const model::SocketOwner& owner : socket.owners)
        owned += owner.container_id == container.id;
    }
  }
  EXPECT_GE(placed, 4U);
  EXPECT_GE(owned, 4U) << "listeners of containers are known to be theirs";
  return 0;
}

TEST(LabEngine, ContainersStandInTheirNamespacesAndOwnTheirSockets) {
  ASSERT_TRUE(lab::missing_packages().empty());
  lab::DemoOptions options;
  options.visit = look;
  const auto result = lab::run_demo(options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, 0);
}

}  // namespace
}  // namespace bulkhead::collect
