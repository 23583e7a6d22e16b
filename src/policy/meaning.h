// What a policy permits, line by line, whatever section it stands in. All that no line permits is
// denied to and from the containers of tenants.
//
// Lines are not multiplied out: a line with a services on one side, b on the other and c ports
// permits a * b * c flows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "policy/zone.h"

namespace bulkhead::policy {

enum class LineKind : std::uint8_t {
  kIngress,  // from zones and trust groups, to a published port of a service
  kEgress,   // from services, to zones, trust groups, prefixes and names
  kAllow,    // from services and the host, to services
  kHost,     // from zones, trust groups and services, to a service of the host
};
[[nodiscard]] std::string_view to_string(LineKind kind);  // "ingress": its section

struct Line {
  LineKind kind = LineKind::kAllow;
  const Tenant* tenant = nullptr;   // in which it stands; null: kHost
  const HostRule* host = nullptr;   // kHost: what is reached
  std::span<const Party> from, to;  // kHost: `to` is empty
  std::span<const PortSpec> ports;  // kIngress: of the host, before any translation
  const Clause* clause = nullptr;
};

// In the order of the file: host, then tenants with ingress, egress, allow. Lines that have expired
// at `now_ms` are left out. Points into the configuration. O(lines).
[[nodiscard]] std::vector<Line> permitted(const Config& config, std::uint64_t now_ms);
// All lines, expired ones too.
[[nodiscard]] std::vector<Line> all_lines(const Config& config);

// The configuration without the lines, promises and tests that have expired at `now_ms`.
[[nodiscard]] Config in_force(Config config, std::uint64_t now_ms);

// How people write a party: "shop/api", "internet", "host.ssh".
[[nodiscard]] std::string to_string(const Party& party);

// Whether a zone is one of those that a party names: by its name, or by its role.
[[nodiscard]] bool names_zone(const Party& party, const Zone& zone);
// "internet" as a sender: from everywhere, neighbours of the uplink among them.
[[nodiscard]] bool is_everybody(const Party& party);
// Whether the host's own processes are among them.
[[nodiscard]] bool names_host(std::span<const Party> parties);

// Whether everything that `inner` names is named by `outer` too, whatever runs on the host.
[[nodiscard]] bool covers(const Config& config, const Party& outer, const Party& inner);

}  // namespace bulkhead::policy
