// Published ports at which nobody outside arrives.
#pragma once

#include <string>
#include <vector>

#include "views/survey.h"

namespace bulkhead::views {

enum class Why : std::uint8_t {
  kNobodyListens,  // in the container
  kLoopback,       // published on the host's loopback
  kFirewall,       // a rule closes it
  kNoAddress,      // the host has no such address
  kOther,          // see the reason
  kUnknown,        // it is not known whether somebody gets there
};
[[nodiscard]] std::string_view to_string(Why why);

// One port of the host that an engine promised to a container; IPv4 and IPv6 together.
struct PublishedUnused {
  audit::Subject subject;  // of the container
  Port host_port, container_port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::vector<IpAddress> binds;
  Why why = Why::kOther;
  bool contradicted = false;  // reach and trace differ (kUnknown)
  std::string vantage;        // of the representative packet; "" when none could be sent
  verify::Witness witness;    // that packet
  std::string reason;         // what became of it, escaped; "" when `why` says all
  std::vector<audit::RuleQuote> rules;
};

struct Unused {
  std::vector<PublishedUnused> ports;  // known first
  std::size_t published = 0, reached = 0;
  std::size_t zones = 0;  // asked
};

// Errors and cost: Survey::row() for each zone.
[[nodiscard]] Result<Unused> find_unused(Survey& survey);

}  // namespace bulkhead::views
