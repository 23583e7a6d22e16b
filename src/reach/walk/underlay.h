// Who walks the packets that the kernel sends around frames: they may be of another address family,
// and are asked about while a walk is under way.
#pragma once

#include "topology/vxlan.h"

namespace bulkhead::reach::walks {

class Underlay {
 public:
  Underlay() = default;
  Underlay(const Underlay&) = delete;
  Underlay& operator=(const Underlay&) = delete;
  virtual ~Underlay() = default;
  // Remembered. Valid while it lives.
  [[nodiscard]] virtual const topology::VxlanCarried& carry(
      const topology::VxlanPacket& packet) = 0;
};

}  // namespace bulkhead::reach::walks
