// The host of most report tests, and golden files.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "audit/host_builder.h"

namespace bulkhead::testing_report {

inline model::Snapshot usual() {
  testing_hosts::HostBuilder h;
  h.network("shop_default", "br-shop", "172.18.0.1");
  h.network("shared", "br-shared", "172.19.0.1");
  const auto db =
      h.container("shop-db-1", "shop_default", "172.18.0.2", "shop", "db", "postgres:16");
  const auto web =
      h.container("shop-web-1", "shop_default", "172.18.0.3", "shop", "web", "nginx:1");
  h.container("a-app-1", "shared", "172.19.0.2", "a", "app");
  h.container("b-app-1", "shared", "172.19.0.3", "b", "app");
  h.listen(db.ns, 5432, "postgres");
  h.listen(web.ns, 80, "nginx");
  h.publish(db, 5432, 5432);
  h.publish(web, 80, 80);
  h.listen(0, 2375, "dockerd");
  h.listen(0, 22, "sshd");
  h.closed_but_for({22, 80, 2375});
  h.engine().containers[2].mounts.push_back(
      {"/var/run/docker.sock", "/var/run/docker.sock", "bind", true});
  return h.snapshot;
}

// BULKHEAD_GOLDEN=write makes the files anew; look at the difference before you keep it.
inline void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(BULKHEAD_SOURCE_DIR) + "/tests/report/golden/" + name;
  if (std::getenv("BULKHEAD_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  std::ifstream in(path, std::ios::binary);
  const std::string kept((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text, kept) << path;
}

}  // namespace bulkhead::testing_report
