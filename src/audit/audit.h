// The audit: a snapshot, what people declared, and an answerer; out come findings.
//
// Pure: the instant is an input. Cost: services * vantages * addresses questions, and one model
// built for each cure that is tried (bounded by Options::cures).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "audit/finding.h"
#include "audit/oracle.h"
#include "base/result.h"
#include "model/snapshot.h"
#include "policy/config.h"
#include "services/catalogue.h"

namespace bulkhead::audit {

struct Options {
  // Unix time by which suppressions and what is declared expire; 0: when the snapshot was taken.
  std::uint64_t at_ms = 0;
  std::size_t cures = 64;  // models built to try cures
  // A user's own services (services/added.h); the report points into it.
  std::span<const services::Service> services = {};
};

// Enumerates every listener and published port against every vantage. Observations that the
// snapshot holds are merged. kInvalidInput: the snapshot has no host namespace.
[[nodiscard]] Result<Report> audit(const model::Snapshot& snapshot, const policy::Config& config,
                                   const Options& options, const MakeOracle& make);

// What to try with real connections: the ordinary reaches that start in a namespace of this
// machine, each once.
struct ProbeWish {
  std::string vantage;
  model::NsId from;
  IpAddress to;
  Port port;
  IpProtocol protocol = IpProtocol::kTcp;
};
[[nodiscard]] std::vector<ProbeWish> wanted_probes(const Report& report);

// Compares real connections with the model. What agrees confirms a finding; a difference is a
// contradiction, and such findings come first. Internet and LAN are never confirmed from here.
void merge_observations(Report& report, const std::vector<model::Observation>& observations,
                        const Oracle& oracle);

// The same with what was seen from outside: the vantages are zones, and the observations are those
// of one sender there. Where only some senders of the zone get in, one that does not says nothing.
void merge_outside(Report& report, const std::vector<model::Observation>& observations,
                   const Oracle& oracle);

// Worst first: contradicted, then by severity; threats before advice; suppressed ones last.
void sort_findings(std::vector<Finding>& findings);

}  // namespace bulkhead::audit
