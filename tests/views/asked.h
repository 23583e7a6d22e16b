// Hosts with engines, and the views of them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string_view>

#include "audit/host_builder.h"
#include "policy/zones.h"
#include "trace/net.h"
#include "views/survey.h"

namespace bulkhead::views::testing {

using testing_hosts::HostBuilder;

struct Asked {
  explicit Asked(model::Snapshot given, const verify::Limits& limits = {},
                 const Workers& workers = alone())
      : snapshot(std::move(given)),
        world(trace::World::build(snapshot).value()),
        zones(policy::guess_zones(snapshot)),
        asker(world, zones),
        survey(Survey::make(asker, config, limits, Detail::kAll, workers).value()) {}

  model::Snapshot snapshot;
  policy::Config config;
  trace::World world;
  std::vector<policy::Zone> zones;
  query::Asker asker;
  Survey survey;

  [[nodiscard]] query::Seat seat(std::string_view from) const {
    return asker.seat(query::Vantage::parse(from).value()).value();
  }
};

// web is published; api and db are on a network of their own, web and api on another.
inline HostBuilder shop() {
  HostBuilder h;
  h.network("front", "br-front", "172.18.0.1");
  h.network("back", "br-back", "172.19.0.1");
  const auto web = h.container("web", "front", "172.18.0.2");
  const auto api = h.container("api", "front", "172.18.0.3");
  h.container("api2", "front", "172.18.0.4");
  const auto db = h.container("db", "back", "172.19.0.2");
  h.join_network(api, "back", "172.19.0.3");
  h.listen(web.ns, 80, "nginx");
  h.listen(api.ns, 7000, "api");
  h.listen(db.ns, 5432, "postgres");
  h.publish(web, 8080, 80);
  h.listen(0, 2375, "dockerd", "172.19.0.1");
  h.listen(0, 25, "master", "127.0.0.1");
  h.closed_but_for({});
  return h;
}

// Guests a, b (one bridge) and c as containers; both families; c is two containers in one
// namespace.
inline model::Snapshot dual_stack() {
  trace::testing::Net n = trace::testing::host_net();
  n.link("host", "up0").peer_ns.reset();
  n.link("host", "up0").peer_elsewhere = true;
  n.route("host", "default", "192.0.2.254", "up0");
  model::Engine& engine = n.snapshot.engines.emplace_back();
  engine.name = "docker";
  for (const auto& [name, machine] : {std::pair("a", "a"), {"b", "b"}, {"c", "c"}, {"side", "c"}}) {
    model::Container& c = engine.containers.emplace_back();
    c.name = name;
    c.id = std::string(63, 'f') + name;
    c.state = "running";
    c.network_mode = std::string_view(name) == "side" ? "container:c" : "net";
    c.netns = n.id(machine);
  }
  return n.snapshot;
}

}  // namespace bulkhead::views::testing
