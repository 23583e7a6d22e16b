// Where a packet is filtered: the protocol family's hooks (include/uapi/linux/netfilter.h). Ingress and
// egress belong to a device.
#pragma once

#include <cstdint>

namespace bulkhead::reach {

enum class HookPoint : std::uint8_t {
  kIpPrerouting,
  kIpInput,
  kIpForward,
  kIpOutput,
  kIpPostrouting,  // v4 and v6, by the family of the fields
  kBridgePrerouting,
  kBridgeInput,
  kBridgeForward,
  kBridgeOutput,
  kBridgePostrouting,
  kNetdevIngress,
  kNetdevEgress,
  kInetIngress,  // inet family, hook ingress
};

}  // namespace bulkhead::reach
