// Random networks: hosts with bridges, guests, routers, uplinks, and optionally the rules that
// people and engines write. The same seed gives the same network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/snapshot.h"

namespace bulkhead::reach::testing {

struct NetKinds {
  bool filter = false;  // filter chains, some with connection tracking
  bool nat = false;
  bool types = false;   // NAT that asks for types of addresses, as engines' does
  bool policy = false;  // routing rules and odd routes
  bool odd = false;     // isolation, hairpin, rp_filter, neighbours that are remembered, links down
  bool stacked = false;  // VLANs, macvlans and ipvlans on the uplink or a bridge
  bool frames = false;   // rules of bridges, which may ask for tags
  bool vxlan = false;    // machines joined by number, over their own networks
};

struct RandomNet {
  model::Snapshot snapshot;
  std::vector<model::NsId> machines;
  std::vector<IpAddress> addresses;  // worth asking for
  std::vector<std::uint16_t> ports;
  std::string text;  // what it is, for a person
};

[[nodiscard]] RandomNet random_net(std::uint32_t seed, NetKinds kinds);
// With a path for each machine, by which it is asked for as netns:/run/netns/N.
[[nodiscard]] RandomNet named(RandomNet net);

}  // namespace bulkhead::reach::testing
