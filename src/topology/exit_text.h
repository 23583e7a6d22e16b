// How the reason reads when a packet leaves what is known.
#pragma once

#include <string>

#include "topology/topology.h"

namespace bulkhead::topology {

// The device's name, escaped; of a tun or tap device (drivers/net/tun.c) also that a program holds
// its other end: slirp4netns or pasta of rootless containers, a VPN, a virtual machine.
[[nodiscard]] std::string exit_text(const Device& device);

}  // namespace bulkhead::topology
