// Who is there: the services that listen or are published, and the seats from which they are asked.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "audit/finding.h"
#include "audit/oracle.h"
#include "model/snapshot.h"
#include "policy/config.h"

namespace bulkhead::audit {

// One address at which a service may be dialled.
struct Dial {
  IpAddress to;
  Port port;
  Via via = Via::kDirect;
  IfIndex scope = {};  // of a link-local address: the seat's interface
  friend auto operator<=>(const Dial&, const Dial&) = default;
};

// The question whether an ordinary connection gets there.
[[nodiscard]] query::Target target_of(const Dial& dial, IpProtocol protocol);

struct Service {
  Subject subject;
  model::NsId ns;
  const model::Engine* engine = nullptr;  // of a container
  const model::Container* container = nullptr;
  std::vector<const model::Socket*> sockets;  // its own
  std::vector<const model::Socket*> fronts;   // docker-proxy and its like, in the host's namespace
  std::vector<const model::PublishedPort*> published;
  std::vector<Dial> dials;  // published first
  bool forwarded = false;   // by a program that alone knows the port behind; the port is the host's
  [[nodiscard]] bool of_host() const { return container == nullptr; }
  // Where it listens, of the container's ports.
  [[nodiscard]] policy::PortSpec port() const {
    return {subject.port.value_or(Port{}), subject.protocol};
  }
};

struct SeatEntry {
  query::Vantage vantage;
  query::Seat seat;
  std::string text;  // vantage as text
  const policy::Zone* zone = nullptr;
  const model::Engine* engine = nullptr;
  const model::Container* container = nullptr;
  std::optional<model::NsId> ns;  // of a container or the host
  policy::TenantName tenant;
  std::vector<std::string> also;  // containers in the same namespace
  std::vector<IpAddress> uplink;  // of an Internet zone: the host's addresses there
  // The first container seat that differs in nothing but its address and names, by which answers
  // are shared where no rule asked for these; its own position when there is none before it.
  std::size_t alike = 0;
  std::optional<IpAddress> address;  // its only one of IPv4, where another is alike
  [[nodiscard]] bool is_zone() const { return zone != nullptr; }
};
// Whether what becomes of its packets may be said of other services (trace::EndReads): zones, IPv6
// and link-local addresses are asked one by one.
[[nodiscard]] bool is_retold(const SeatEntry& from, const Dial& dial);
// The nearer to the Internet the lower: Internet, DMZ, LAN, management, host, containers.
[[nodiscard]] int nearness(const SeatEntry& seat);

struct Inventory {
  std::vector<Service> services;
  std::vector<SeatEntry> seats;  // zones, host, containers
  std::size_t containers = 0;    // running
};

// Whose a socket is, as a position in Inventory::services.
[[nodiscard]] std::unordered_map<const model::Socket*, std::size_t> services_by_socket(
    const Inventory& inventory);

[[nodiscard]] Inventory take_inventory(const model::Snapshot& snapshot,
                                       const policy::Config& config, const Oracle& oracle,
                                       std::span<const services::Service> added = {});

// "host", "container docker/web", "netns /run/netns/x": for paths.
[[nodiscard]] std::string name_of(const model::Snapshot& snapshot, model::NsId ns);

// The link's name, its number when it is not there; as it came from outside.
[[nodiscard]] std::string link_name(const model::Snapshot& snapshot, model::NsId ns, IfIndex link);

[[nodiscard]] Subject subject_of(const policy::Config& config, const model::Engine& engine,
                                 const model::Container& container);

}  // namespace bulkhead::audit
