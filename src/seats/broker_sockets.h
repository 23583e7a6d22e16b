// The sockets of a scan that is made from inside of this host's network namespaces.
#pragma once

#include <cstdint>
#include <vector>

#include "collect/broker.h"
#include "probe/socket_source.h"

namespace bulkhead::seats {

// From the privileged half, by the inodes of the seats' namespaces. The broker must outlive it.
class BrokerSockets : public probe::SocketSource {
 public:
  BrokerSockets(collect::Broker& broker, std::vector<std::uint64_t> inodes)
      : broker_(broker), inodes_(std::move(inodes)) {}
  [[nodiscard]] Result<int> open(std::size_t seat, IpFamily family,
                                 probe::SocketKind kind) override;

 private:
  collect::Broker& broker_;
  std::vector<std::uint64_t> inodes_;
};

}  // namespace bulkhead::seats
