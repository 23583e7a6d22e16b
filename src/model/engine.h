// What a container engine says of itself. Names, labels, images and published ports come from here;
// what packets do comes from the kernel (network.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "model/fields.h"
#include "model/network.h"
#include "model/xt.h"

namespace bulkhead::model {

struct EngineNetwork {
  std::string id, name, driver, scope;
  bool internal = false, ipv6 = false, attachable = false, ingress = false,
       is_default_bridge = false;
  std::vector<Prefix> subnets;
  std::vector<IpAddress> gateways;
  std::string bridge;       // interface on the host: com.docker.network.bridge.name, br-ID, docker0
  std::string parent;       // of macvlan and ipvlan
  std::optional<bool> icc;  // com.docker.network.bridge.enable_icc
  std::map<std::string, std::string> options, labels;
  BULKHEAD_FIELDS(BULKHEAD_F(id) BULKHEAD_F(name) BULKHEAD_F(driver) BULKHEAD_F(scope)
                      BULKHEAD_F(internal) BULKHEAD_F(ipv6) BULKHEAD_F(attachable)
                      BULKHEAD_F(ingress) BULKHEAD_F(is_default_bridge) BULKHEAD_F(subnets)
                      BULKHEAD_F(gateways) BULKHEAD_F(bridge) BULKHEAD_F(parent) BULKHEAD_F(icc)
                      BULKHEAD_F(options) BULKHEAD_F(labels))
  friend bool operator==(const EngineNetwork&, const EngineNetwork&) = default;
};

struct Attachment {  // of a container to a network
  std::string network, network_id;
  std::optional<IpAddress> address4, address6;
  std::optional<MacAddress> mac;
  std::vector<std::string> aliases;
  BULKHEAD_FIELDS(BULKHEAD_F(network) BULKHEAD_F(network_id) BULKHEAD_F(address4)
                      BULKHEAD_F(address6) BULKHEAD_F(mac) BULKHEAD_F(aliases))
  friend bool operator==(const Attachment&, const Attachment&) = default;
};

struct PublishedPort {
  IpProtocol protocol = IpProtocol::kTcp;
  Port container_port;
  IpAddress host_address;  // 0.0.0.0, :: or one address
  Port host_port;
  BULKHEAD_FIELDS(BULKHEAD_F(protocol) BULKHEAD_F(container_port) BULKHEAD_F(host_address)
                      BULKHEAD_F(host_port))
  friend bool operator==(const PublishedPort&, const PublishedPort&) = default;
};

struct Mount {
  std::string source, destination, type;
  bool writable = true;
  BULKHEAD_FIELDS(BULKHEAD_F(source) BULKHEAD_F(destination) BULKHEAD_F(type) BULKHEAD_F(writable))
  friend bool operator==(const Mount&, const Mount&) = default;
};

struct Container {
  std::string id, name, image, state;  // state: "running", "paused", "exited"...
  std::uint32_t pid = 0;               // its first process as this host sees it; 0 when not running
  std::string network_mode;            // "bridge", "host", "none", "container:ID", network name
  std::string sandbox;                 // path of its network namespace file, "" when it has none
  std::optional<NsId> netns;           // found by sandbox or pid
  bool privileged = false, read_only = false;
  std::vector<std::string> capabilities_added, capabilities_dropped;
  std::string user;
  std::map<std::string, std::string> labels;
  std::vector<Attachment> attachments;
  std::vector<PublishedPort> published;
  std::vector<xt::PortRange> exposed_tcp, exposed_udp;  // EXPOSE: a hint, opens nothing
  std::vector<Mount> mounts;
  std::vector<std::string> environment_names;  // names only: values are secrets
  std::string project, service;                // Compose labels; "" when there are none
  BULKHEAD_FIELDS(BULKHEAD_F(id) BULKHEAD_F(name) BULKHEAD_F(image) BULKHEAD_F(state) BULKHEAD_F(pid)
                      BULKHEAD_F(network_mode) BULKHEAD_F(sandbox) BULKHEAD_F(netns)
                      BULKHEAD_F(privileged) BULKHEAD_F(read_only) BULKHEAD_F(capabilities_added)
                      BULKHEAD_F(capabilities_dropped) BULKHEAD_F(user) BULKHEAD_F(labels)
                      BULKHEAD_F(attachments) BULKHEAD_F(published) BULKHEAD_F(exposed_tcp)
                      BULKHEAD_F(exposed_udp) BULKHEAD_F(mounts) BULKHEAD_F(environment_names)
                      BULKHEAD_F(project) BULKHEAD_F(service))
  friend bool operator==(const Container&, const Container&) = default;
};

enum class EngineKind : std::uint8_t { kDocker, kPodman };

struct Engine {
  EngineKind kind = EngineKind::kDocker;
  std::string name;      // how vantages name it: "docker", "docker-2"
  std::string endpoint;  // unix:///run/docker.sock, tcp://…
  std::string id, version, api_version, host_name;
  std::string data_root, firewall_backend, cgroup_driver;
  bool swarm = false, live_restore = false, rootless = false, user_namespaces = false;
  bool userland_proxy = true;
  bool local = true;  // its containers live on this host (their namespaces were found)
  std::vector<EngineNetwork> networks;
  std::vector<Container> containers;
  std::vector<Gap> gaps;
  BULKHEAD_FIELDS(BULKHEAD_F(kind) BULKHEAD_F(name) BULKHEAD_F(endpoint) BULKHEAD_F(id)
                      BULKHEAD_F(version) BULKHEAD_F(api_version) BULKHEAD_F(host_name)
                      BULKHEAD_F(data_root) BULKHEAD_F(firewall_backend) BULKHEAD_F(cgroup_driver)
                      BULKHEAD_F(swarm) BULKHEAD_F(live_restore) BULKHEAD_F(rootless)
                      BULKHEAD_F(user_namespaces) BULKHEAD_F(userland_proxy) BULKHEAD_F(local)
                      BULKHEAD_F(networks) BULKHEAD_F(containers) BULKHEAD_F(gaps))
  friend bool operator==(const Engine&, const Engine&) = default;
};

}  // namespace bulkhead::model
