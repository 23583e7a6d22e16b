// A host with engines, its model, and a plan over it.
#pragma once

#include <gtest/gtest.h>

#include "audit/host_builder.h"
#include "policy/zones.h"
#include "scan/result.h"
#include "trace/trace.h"

namespace bulkhead::scan::testing {

using testing_hosts::HostBuilder;
using testing_hosts::ip;

// web is published; api and web share a network, db has its own.
inline HostBuilder shop() {
  HostBuilder h;
  h.network("front", "br-front", "172.18.0.1");
  h.network("back", "br-back", "172.19.0.1");
  const auto web = h.container("web", "front", "172.18.0.2");
  const auto api = h.container("api", "front", "172.18.0.3");
  const auto db = h.container("db", "back", "172.19.0.2");
  h.listen(web.ns, 80, "nginx");
  h.listen(api.ns, 7000, "api");
  h.listen(db.ns, 5432, "postgres");
  h.listen(db.ns, 53, "dns", "0.0.0.0", IpProtocol::kUdp);
  h.publish(web, 8080, 80);
  h.listen(0, 25, "master", "127.0.0.1");
  h.closed_but_for({});
  return h;
}

struct Planned {
  explicit Planned(model::Snapshot given, const Wanted& wanted = {})
      : snapshot(std::move(given)),
        world(trace::World::build(snapshot).value()),
        zones(policy::guess_zones(snapshot)),
        asker(world, zones) {
    auto made = make_plan(asker, wanted);
    EXPECT_TRUE(made) << made.error().message;
    if (made) plan = *std::move(made);
  }

  [[nodiscard]] const Aim* aim(std::string_view from, std::string_view to,
                               IpProtocol protocol = IpProtocol::kTcp) const {
    for (const Aim& a : plan.aims) {
      if (plan.seats[a.seat].vantage == from && a.to == ip(to) && a.protocol == protocol) return &a;
    }
    return nullptr;
  }
  // Nothing was seen but this.
  [[nodiscard]] std::vector<Swept> swept(const Aim* where, PortRun seen) const {
    std::vector<Swept> out(plan.aims.size());
    for (std::size_t i = 0; i < plan.aims.size(); ++i) {
      if (&plan.aims[i] == where) out[i].runs.push_back(seen);
    }
    return out;
  }

  model::Snapshot snapshot;
  trace::World world;
  std::vector<policy::Zone> zones;
  query::Asker asker;
  Plan plan;
};

}  // namespace bulkhead::scan::testing
