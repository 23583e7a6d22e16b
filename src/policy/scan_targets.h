// What a scan asks beyond the host (scan: in bulkhead.yaml): valuable machines that stand elsewhere
// and that no container should get to. Nothing that is not written here is ever asked.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "policy/port_spec.h"
#include "services/catalogue.h"
#include "yaml/yaml.h"

namespace bulkhead::policy {

struct Config;

struct ScanTarget {  // targets: {NAME: {at: […], ports: […], is: management}}
  std::string name;
  std::vector<Prefix> at;                    // addresses, and prefixes of at most kMostOfPrefix
  std::vector<std::string> zones;            // whose prefixes are meant
  std::vector<PortSpec> ports;               // none: those of the catalogue
  std::optional<services::ServiceClass> is;  // management or traditional; absent: by what answers
  std::string why;
  yaml::Place place;
};

struct ScanRules {
  std::vector<ScanTarget> targets;
  // Zones whose prefixes are asked as well; absent: those of role management.
  std::optional<std::vector<std::string>> zones;
};

inline constexpr std::size_t kMostOfPrefix = 256;     // addresses
inline constexpr std::size_t kMostBeyondHost = 1024;  // addresses in all
// Of a prefix of more than one address the network's own and its broadcast address are no machines.
[[nodiscard]] std::vector<IpAddress> machines_of(const Prefix& prefix);
[[nodiscard]] bool is_too_wide(const Prefix& prefix);  // more than kMostOfPrefix

// One address beyond the host.
struct Beyond {
  IpAddress to;
  std::string target;       // of ScanRules::targets, or a zone's name
  bool of_zone = false;     // that is a zone's
  bool management = false;  // it lies in a zone of role management
  std::vector<PortSpec> ports;
  std::optional<services::ServiceClass> is;
};

struct BeyondHost {
  std::vector<Beyond> machines;  // each address once: targets in the order of the file, then zones
  struct LeftOut {
    std::string what, why;  // raw; for a person
    std::string zone = {};  // that is too wide: whoever declares it need not want it asked
  };
  std::vector<LeftOut> left_out;  // zones that are too wide, and what is beyond kMostBeyondHost
};

// Of a zone's prefix that is_too_wide(): which of its machines are asked all the same, for a
// person.
[[nodiscard]] std::string why_left_out(const Prefix& prefix, const std::vector<Beyond>& machines);

// O(addresses * zones).
[[nodiscard]] BeyondHost beyond_host(const Config& config);

}  // namespace bulkhead::policy
