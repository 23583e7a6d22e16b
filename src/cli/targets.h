// Addresses and ports as people write them on the command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "base/scoped_address.h"
#include "model/snapshot.h"
#include "policy/config.h"
#include "seen/ports.h"

namespace bulkhead::cli {

using seen::PortAndProtocol;
using seen::read_port;
using seen::read_port_ranges;
using seen::read_protocol;

// Whether attackers are asked about: "attacker"; "ordinary" or nothing: they are not.
[[nodiscard]] Result<bool> read_as(std::string_view text);

// An address, or a container's name, which stands for its first address; one without an address has
// no name here (kNotFound).
[[nodiscard]] Result<IpAddress> read_address(const model::Snapshot& snapshot,
                                             const std::string& text);

// fe80::1%eth0; nullopt: no link-local IPv6 address. kInvalidInput for one without an interface, or
// an interface behind anything else.
[[nodiscard]] Result<std::optional<ScopedAddress>> read_link_target(const std::string& text);

// All addresses of a container, or one address.
[[nodiscard]] Result<std::vector<IpAddress>> read_addresses(const model::Snapshot& snapshot,
                                                            const std::string& text);

struct Scanned {
  std::vector<IpAddress> addresses;  // never empty
  std::vector<policy::BeyondHost::LeftOut> left_out;
};

// The same; or all addresses of a target or zone of bulkhead.yaml, by its name. Of a zone's prefix
// that is too wide those that the file names elsewhere; kUnavailable when it names none. A public
// address that is none of this host's needs `i_own_this` (kInvalidInput).
[[nodiscard]] Result<Scanned> read_scanned(const model::Snapshot& snapshot,
                                           const policy::Config& config,
                                           const policy::BeyondHost& beyond,
                                           const std::string& text, bool i_own_this);

}  // namespace bulkhead::cli
