// Audits of hand-made hosts, and what tests want to know of them.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "audit/audit.h"
#include "audit/host_builder.h"

namespace bulkhead::testing_hosts {

inline audit::Report audit_of(const model::Snapshot& snapshot,
                              std::string_view yaml = "bulkhead: 1\n",
                              audit::Options options = {}) {
  static std::vector<std::unique_ptr<policy::Config>> configs;  // outlive the oracles
  auto config = policy::parse_config(yaml, "bulkhead.yaml");
  EXPECT_TRUE(config) << config.error().message;
  configs.push_back(std::make_unique<policy::Config>(config.value_or(policy::Config{})));
  auto report =
      audit::audit(snapshot, *configs.back(), options, audit::world_oracle(*configs.back()));
  EXPECT_TRUE(report) << report.error().message;
  return report.value_or(audit::Report{});
}

inline std::vector<const audit::Finding*> of_kind(const audit::Report& report, audit::Kind kind) {
  std::vector<const audit::Finding*> out;
  for (const audit::Finding& f : report.findings) {
    if (f.kind == kind) out.push_back(&f);
  }
  return out;
}

inline std::vector<std::string> from(const audit::Finding& finding) {
  std::vector<std::string> out;
  for (const audit::Reach& r : finding.reaches) out.push_back(r.vantage);
  return out;
}

// "T5 shop/db", one word per finding, for whole-host comparisons.
inline std::vector<std::string> summary(const audit::Report& report) {
  std::vector<std::string> out;
  for (const audit::Finding& f : report.findings) {
    const audit::Subject& s = f.subject;
    const std::string what = !s.network.empty()     ? s.network
                             : !s.container.empty() ? s.container
                                                    : s.process;
    out.push_back(std::string(to_string(f.kind)) + (what.empty() ? "" : " " + what));
  }
  return out;
}

}  // namespace bulkhead::testing_hosts
