// Where the sockets of a scan come from: one for each seat's namespace.
#pragma once

#include <cstdint>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "collect/broker.h"

namespace bulkhead::probe {

enum class SocketKind : std::uint8_t { kTcp, kUdp, kRawTcp };

class SocketSource {
 public:
  virtual ~SocketSource() = default;
  // Non-blocking, close-on-exec, of the namespace of this seat; the caller owns it.
  [[nodiscard]] virtual Result<int> open(std::size_t seat, IpFamily family, SocketKind kind) = 0;
};

// From the privileged half, by the inodes of the seats' namespaces. The broker must outlive it.
class BrokerSockets : public SocketSource {
 public:
  BrokerSockets(collect::Broker& broker, std::vector<std::uint64_t> inodes)
      : broker_(broker), inodes_(std::move(inodes)) {}
  [[nodiscard]] Result<int> open(std::size_t seat, IpFamily family, SocketKind kind) override;

 private:
  collect::Broker& broker_;
  std::vector<std::uint64_t> inodes_;
};

}  // namespace bulkhead::probe
