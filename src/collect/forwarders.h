// Which containers the programs serve that forward in user space (rootlessport, slirp4netns,
// pasta), and so which ports of the host are theirs. Pure.
//
// The kernel says who holds a socket and in which namespaces a forwarder stands. What only a
// command line says, counts for containers of that user alone, and can give nobody else's a port.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/snapshot.h"

namespace bulkhead::collect {

// A port as pasta's command line names it (-t 127.0.0.1/8080-8081:80-81, -u 53).
struct Forwarding {
  IpProtocol protocol = IpProtocol::kTcp;
  Port host_port, container_port;
};

struct Forwarder {
  std::uint32_t pid = 0, uid = 0;
  std::vector<std::uint64_t> namespaces;  // inodes: where its children stand, and what it holds
  std::string container_id;               // in the path of its API socket (slirp4netns), or ""
  std::vector<Forwarding> forwardings;    // at most 4,096
};

// Records of reader_conmon.h.
[[nodiscard]] Result<std::vector<Forwarder>> decode_forwarders(ByteView bytes);

// Gives the containers that no engine told of the ports of the host which their forwarders hold.
// The port behind is 0 where only the forwarder knows it. Needs the containers' namespaces and the
// owners of sockets.
void publish_forwarded(const std::vector<Forwarder>& forwarders, model::Snapshot& snapshot);

}  // namespace bulkhead::collect
