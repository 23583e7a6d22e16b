// What the demonstration plants: two tenants and an operator's corner on one host, with every
// threat of OWASP Docker Top 10 D03 once, and clean neighbours beside them so that a false finding
// would show.
//
// Pure data: the builder (demo.cpp) and the tests that compare an audit's findings read the same
// lists.
#pragma once

#include <span>
#include <string_view>

#include "base/address.h"

namespace bulkhead::lab {

// One problem that an audit has to find.
struct Planted {
  // As an audit names it: "T1".."T6", "docker-sock", "host-mode", "default-bridge",
  // "firewall".
  std::string_view threat;
  // The container's name; "host" for a service of the host; the network's name for T6 and
  // "default-bridge".
  std::string_view subject;
  Port port;  // of the service in its own namespace; 0 where no port belongs to it
  std::string_view why;
};
std::span<const Planted> planted();

// Containers that may reach the whole Internet, and with it (nothing stops them) the cloud's
// metadata address.
std::span<const std::string_view> egress();

// Containers about which nothing but egress may be said.
std::span<const std::string_view> clean();

struct LabNetwork {
  std::string_view name;
  std::string_view project;
  std::string_view subnet;
  bool internal = false;
};
std::span<const LabNetwork> networks();

struct LabBox {
  std::string_view name;
  std::string_view project;    // Compose project: the tenant
  std::string_view network;    // first one: a network's name, "bridge", "host" or "none"
  std::string_view also;       // a second network; "" for none
  std::string_view publish;    // as in docker run -p; "" for nothing
  std::string_view command;    // words parted by blanks
  bool engine_socket = false;  // mounts the engine's socket
};
std::span<const LabBox> boxes();

// Lines 'tool words' of iptables that the host's administrator wrote: closed but for three ports.
std::span<const std::string_view> firewall();

}  // namespace bulkhead::lab
