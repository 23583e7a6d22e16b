// Hosts with an engine, some published ports, and random rules for single containers, whole
// networks and services.
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "audit/host_builder.h"

namespace bulkhead::testing_hosts {

// Rules before all others, for one or both ends.
inline void add_random_rules(HostBuilder& h, const std::vector<HostBuilder::Box>& boxes,
                             std::mt19937& random) {
  const auto address = [&](unsigned offset) {
    const auto octets = boxes[random() % boxes.size()].address.octets();
    const std::size_t length = random() % 4 == 0 ? 3 : 4;  // of a network, or of one
    return HostBuilder::equals(
        {model::PayloadTerm{model::PayloadBase::kNetwork, offset, static_cast<unsigned>(length)}},
        Bytes(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(length)));
  };
  auto& rules = h.chain("filter", "FORWARD").rules;
  for (std::size_t i = random() % 30; i > 0; --i) {
    model::Rule r = h.rule();
    const auto ends = random() % 3;
    if (ends != 0) HostBuilder::add(r, address(12));
    if (ends != 1) HostBuilder::add(r, address(16));
    if (random() % 4 == 0) {
      HostBuilder::add(r, HostBuilder::is_proto(6));
      HostBuilder::add(r, HostBuilder::is_port(random() % 2 == 0 ? 6379 : 80));
    }
    HostBuilder::add(r, HostBuilder::decide(random() % 2 == 0 ? model::VerdictKind::kDrop
                                                              : model::VerdictKind::kAccept));
    rules.insert(rules.begin(), std::move(r));
  }
}

inline HostBuilder random_host(std::mt19937& random, std::size_t networks = 3,
                               std::size_t containers = 6) {
  HostBuilder h;
  std::vector<HostBuilder::Box> boxes;
  for (std::size_t n = 0; n < networks; ++n) {
    const std::string name = "net" + std::to_string(n),
                      subnet = "172.2" + std::to_string(n) + ".0.";
    h.network(name, "br" + std::to_string(n), subnet + "1");
    std::size_t last = 2;
    for (std::size_t c = 0; c < containers; ++c, last += 1 + random() % 2)
      boxes.push_back(
          h.container(name + "-c" + std::to_string(c), name, subnet + std::to_string(last), name));
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const std::uint16_t port = random() % 2 == 0 ? 6379 : 80;
    if (random() % 2 == 0) h.listen(boxes[i].ns, port, "server");
    if (random() % 5 == 0) h.publish(boxes[i], static_cast<std::uint16_t>(20000 + i), port);
  }
  h.listen(0, 5432, "postgres");
  add_random_rules(h, boxes, random);
  return h;
}

}  // namespace bulkhead::testing_hosts
