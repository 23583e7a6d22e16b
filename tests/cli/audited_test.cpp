// Since when containers that apply did not write down have their addresses.
#include "cli/audited.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "audit/host_builder.h"

namespace bulkhead::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using testing_hosts::HostBuilder;
using testing_hosts::ip;

TEST(Audited, WhoIsNotInTheRecordHasAnAddressSinceItBegan) {
  HostBuilder h;
  h.network("shop", "br-shop", "172.20.0.1");
  (void)h.container("web", "shop", "172.20.0.2", "shop", "web");
  (void)h.container("api", "shop", "172.20.0.3", "shop", "api");
  (void)h.container("new", "shop", "172.20.0.4", "", "");
  h.snapshot.taken_at_ms = 9000;
  auto& containers = h.engine().containers;
  for (std::uint32_t i = 0; i < 3; ++i) containers[i].pid = 100 + i;
  enforce::Record record;
  record.audited = {{h.engine().name, "gone", containers[0].id, 0, {}}};
  record.held = {{h.engine().name, "api", "of another", 0, {}}};
  std::uint64_t start = 7000;
  const auto start_of = [&start](std::uint32_t pid) { return pid == 102 ? start : 1; };
  EXPECT_THAT(unrecorded(record, h.snapshot, start_of), ElementsAre(Pair(ip("172.20.0.4"), 7000)));
  // Not known: only what is counted from now on is its own.
  start = 0;
  EXPECT_THAT(unrecorded(record, h.snapshot, start_of), ElementsAre(Pair(ip("172.20.0.4"), 9000)));
  containers[2].netns = containers[0].netns;
  EXPECT_THAT(unrecorded(record, h.snapshot, start_of), IsEmpty());  // a guest
  containers[2].name = "api";
  EXPECT_THAT(unrecorded(record, h.snapshot, start_of), IsEmpty());
}

}  // namespace
}  // namespace bulkhead::cli
