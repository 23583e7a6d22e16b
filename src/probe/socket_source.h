// Where the sockets of a scan come from: one for each seat's namespace.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/address.h"
#include "base/result.h"

namespace bulkhead::probe {

enum class SocketKind : std::uint8_t { kTcp, kUdp, kRawTcp };

class SocketSource {
 public:
  virtual ~SocketSource() = default;
  // Non-blocking, close-on-exec, of the namespace of this seat; the caller owns it.
  [[nodiscard]] virtual Result<int> open(std::size_t seat, IpFamily family, SocketKind kind) = 0;
};

// Of the network namespace in which this process is, whatever the seat. kDenied for raw ones
// without CAP_NET_RAW.
class OwnSockets : public SocketSource {
 public:
  [[nodiscard]] Result<int> open(std::size_t seat, IpFamily family, SocketKind kind) override;
};

}  // namespace bulkhead::probe
