// One open port of a machine beyond the host (beyond.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/finding.h"
#include "base/address.h"
#include "seen/record.h"

namespace bulkhead::scan {

// How it is known what answers there, weakest first.
enum class BeyondBy : std::uint8_t { kNothing, kPort, kItself };
[[nodiscard]] std::string_view to_string(BeyondBy by);  // "nothing", "port", "itself"

struct BeyondFinding {
  std::string id;  // as in an audit: of the threat, the target and the port
  audit::Kind kind = audit::Kind::kT5;
  audit::Severity severity = audit::Severity::kMedium;
  std::size_t beyond = 0;  // in Plan::beyond
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::vector<std::string> from;         // vantages of containers
  std::vector<std::string> permitted;    // of them: the whitelist lets them
  std::optional<seen::Service> service;  // that answered
  std::string likely;                    // else the name of a service of that port, raw
  BeyondBy by = BeyondBy::kNothing;
  std::string suppressed_by;  // the reason given; "" when it stands
};

}  // namespace bulkhead::scan
