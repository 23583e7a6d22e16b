#include "topology/exit_text.h"

#include "base/text.h"

namespace bulkhead::topology {

std::string exit_text(const Device& device) {
  std::string out = escape_text(device.name());
  if (device.link->kind == "tun") out += " to a program in user space (slirp4netns, pasta, a VPN)";
  if (device.kind == DeviceKind::kVxlan) out += " (VXLAN) to an end that is not in the snapshot";
  return out;
}

}  // namespace bulkhead::topology
