// A host with containers, each on its own link, for tests of who holds what.
#pragma once

#include <string>
#include <string_view>

#include "model/snapshot.h"

namespace bulkhead::flows::testing_flows {

inline IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

class Host {
 public:
  model::Snapshot snapshot;

  Host() {
    snapshot.taken_at_ms = 1'000'000;
    snapshot.namespaces.resize(1);
    model::Address own;
    own.link = IfIndex{2};
    own.local = ip("192.0.2.10");
    snapshot.namespaces[0].addresses.push_back(own);
    model::Engine& engine = snapshot.engines.emplace_back();
    engine.name = "docker";
    model::EngineNetwork network;
    network.subnets = {Prefix::parse("10.1.1.0/24").value()};
    engine.networks.push_back(network);
  }

  model::Container& container(std::string name, std::string_view address, std::uint32_t port) {
    const auto number = static_cast<std::uint32_t>(snapshot.namespaces.size());
    model::NetNs& ns = snapshot.namespaces.emplace_back();
    model::Link link;
    link.index = IfIndex{2};
    link.kind = "veth";
    link.peer = IfIndex{port};
    link.peer_ns = model::NsId{0};
    ns.links.push_back(link);
    model::Address a;
    a.link = IfIndex{2};
    a.local = ip(address);
    ns.addresses.push_back(a);
    model::Container c;
    c.name = std::move(name);
    c.state = "running";
    c.pid = port;
    c.netns = model::NsId{number};
    snapshot.engines[0].containers.push_back(c);
    model::Link host_end;
    host_end.index = IfIndex{port};
    snapshot.namespaces[0].links.push_back(host_end);
    return snapshot.engines[0].containers.back();
  }
};

inline std::uint64_t long_ago(std::uint32_t) {
  return 1000;
}

}  // namespace bulkhead::flows::testing_flows
