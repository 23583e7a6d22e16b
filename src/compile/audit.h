// What the rules of mode audit have counted (audit.nft), read from the tables of a kernel: what
// would have been dropped if these tenants, and the host, were enforced.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "model/ruleset.h"

namespace bulkhead::compile {

// Between whom; each has room of its own in each family, kAuditRoom entries.
enum class Refusal : std::uint8_t {
  kInside,    // between containers
  kOutward,   // a container, to what is beyond the host
  kInward,    // from beyond the host to a container, or to its published port
  kImpostor,  // an address of a managed network that came from elsewhere
  kToHost,    // to a service of the host
  kFromHost,  // the host, to a container
};
[[nodiscard]] std::string_view to_string(Refusal refusal);  // "inside"

// As written in audit.nft: how many are kept, and how long each after its last packet.
inline constexpr std::size_t kAuditRoom = 4096;
inline constexpr std::uint64_t kAuditKeepMs = 7ULL * 24 * 3600 * 1000;

struct Refused {
  Refusal refusal = Refusal::kInside;
  IpAddress from, to;  // after the translation of destinations
  IpProtocol protocol = IpProtocol::kTcp;
  Port port;  // 0: the protocol has none
  std::uint64_t packets = 0;
  std::uint64_t ago_ms = 0;  // the last of them, before the tables were read
};

struct Tally {
  std::vector<Refused> refused;  // by kind, then most packets first
  std::uint64_t missed = 0;      // packets for which there was no room
  std::vector<Refusal> full;     // kinds for which there was none, ascending
};

// None: the table is not there. Elements that are not of the form of audit.nft are passed over.
// O(elements log elements), of which there are twelve times kAuditRoom at most.
[[nodiscard]] std::optional<Tally> read_tally(std::span<const model::Table> tables);

}  // namespace bulkhead::compile
