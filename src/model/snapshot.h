// Everything that Bulkhead knows of one host at one instant. The seam between reading and
// answering: each answer is a function of a Snapshot (and of questions and policy), so that a file
// taken on one machine gives the same answers on another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/engine.h"
#include "model/fields.h"
#include "model/network.h"

namespace bulkhead::model {

// Of the JSON form. Raised with each change that an older reader would misread; json/ holds the
// migrations.
inline constexpr std::uint32_t kSnapshotVersion = 1;

// One light real connection that was tried from a vantage (Snapshot keeps them, so that a report
// made elsewhere can say what was confirmed).
struct Observation {
  std::string vantage;  // "container:docker/web"
  NsId from;
  IpAddress to;
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
  std::string how;         // accepted, refused, unreachable, dropped
  std::int32_t error = 0;  // errno of connect(), 0 when accepted
  std::uint64_t taken_at_ms = 0;
  BULKHEAD_FIELDS(BULKHEAD_F(vantage) BULKHEAD_F(from) BULKHEAD_F(to) BULKHEAD_F(port)
                      BULKHEAD_F(protocol) BULKHEAD_F(how) BULKHEAD_F(error)
                      BULKHEAD_F(taken_at_ms))
  friend bool operator==(const Observation&, const Observation&) = default;
};

struct Snapshot {
  std::uint32_t version = kSnapshotVersion;
  std::uint64_t taken_at_ms = 0;  // Unix time
  std::string host_name, kernel_release, tool_version;
  bool little_endian = true;  // of the host that made it: the order in meta, ct and mark bytes
  bool complete = false;      // nothing that Bulkhead asked for was refused (no gap anywhere)
  NsId host{0};               // the namespace in which Bulkhead ran
  std::vector<NetNs> namespaces;
  std::vector<Engine> engines;
  std::vector<Gap> gaps;
  std::vector<Observation> observations;
  bool redacted = false;
  BULKHEAD_FIELDS(BULKHEAD_F(version) BULKHEAD_F(taken_at_ms) BULKHEAD_F(host_name)
                      BULKHEAD_F(kernel_release) BULKHEAD_F(tool_version) BULKHEAD_F(little_endian)
                      BULKHEAD_F(complete) BULKHEAD_F(host) BULKHEAD_F(namespaces)
                      BULKHEAD_F(engines) BULKHEAD_F(gaps) BULKHEAD_F(observations)
                      BULKHEAD_F(redacted))
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

}  // namespace bulkhead::model
