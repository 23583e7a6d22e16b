// The map: where each interface of the host leads, who made it, and what hangs on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "model/snapshot.h"
#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::audit {

enum class LeadsTo : std::uint8_t {
  kZones,      // outside: the Internet, a LAN, ...
  kNetwork,    // a network of an engine
  kContainer,  // one container, without a bridge
  kNamespace,  // another namespace of this machine
  kItself,     // loopback
  kNowhere,    // down, or nothing is attached
  kUnknown,    // the other end was not read
};
[[nodiscard]] std::string_view to_string(LeadsTo leads);

struct MapListener {
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::string process, service;  // service: the catalogue's name, or ""
};

struct MapContainer {
  std::string engine, name, project, service, image, state, tenant, mode;
  std::vector<std::string> addresses;  // on this interface
  std::vector<model::PublishedPort> published;
  std::vector<MapListener> listeners;
};

struct MapInterface {
  std::string name, kind;  // kind: "bridge", "veth", ..., "device"
  bool up = false;
  std::vector<std::string> addresses;  // with prefix length
  std::string made_by;                 // "docker", "podman", "libvirt", "kernel", ""
  LeadsTo leads = LeadsTo::kUnknown;
  std::vector<policy::Zone> zones;
  std::string network, network_driver;  // of an engine
  bool internal = false;
  std::string peer;                // namespace or interface at the other end
  std::vector<std::string> ports;  // of a bridge, those that lead to no container
  std::vector<MapContainer> containers;
};

struct Map {
  std::string host_name;
  std::vector<MapInterface> interfaces;  // zones first, then networks, then the rest
  std::vector<MapListener> host_listeners;
  std::vector<MapContainer> in_host_namespace, without_network;
  std::size_t stopped = 0;              // containers that do not run
  std::vector<std::string> namespaces;  // of no container, joined to the host by links; by path
  std::size_t unjoined = 0;             // of no container, and no link leads there
};

[[nodiscard]] Map draw_map(const model::Snapshot& snapshot, const policy::Config& config,
                           const std::vector<policy::Zone>& zones);

}  // namespace bulkhead::audit
