#include "audit/finding.h"

#include <algorithm>

namespace bulkhead::audit {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kT1: return "T1";
    case Kind::kT2: return "T2";
    case Kind::kT3: return "T3";
    case Kind::kT4: return "T4";
    case Kind::kT5: return "T5";
    case Kind::kT6: return "T6";
    case Kind::kManagementNetwork: return "management-network";
    case Kind::kFirewallContradicted: return "firewall";
    case Kind::kV4OnlyRule: return "v4-only-rule";
    case Kind::kIpv6Unfirewalled: return "ipv6-unfirewalled";
    case Kind::kLoopbackPublished: return "loopback-published";
    case Kind::kEngineSocket: return "docker-sock";
    case Kind::kHostMode: return "host-mode";
    case Kind::kMetadata: return "cloud-metadata";
    case Kind::kDefaultBridge: return "default-bridge";
    case Kind::kEgress: return "egress";
  }
  return "";
}

bool is_threat(Kind kind) {
  return kind <= Kind::kT6;
}

bool only_forged(const std::vector<Reach>& reaches) {
  return !reaches.empty() &&
         std::ranges::all_of(reaches, [](const Reach& r) { return r.forged.has_value(); });
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kInfo: return "info";
    case Severity::kLow: return "low";
    case Severity::kMedium: return "medium";
    case Severity::kHigh: return "high";
    case Severity::kCritical: return "critical";
  }
  return "";
}

std::string_view to_string(LinkWay way) {
  switch (way) {
    case LinkWay::kConnections: return "connections";
    case LinkWay::kForged: return "forged";
    case LinkWay::kArp: return "arp";
    case LinkWay::kFrames: return "frames";
  }
  return "";
}

std::string_view to_string(State state) {
  switch (state) {
    case State::kComputed: return "computed";
    case State::kConfirmed: return "confirmed";
    case State::kContradicted: return "contradicted";
  }
  return "";
}

Opening Report::opening(const Exposure& exposure, const Exposed& exposed) const {
  const ReportVantage& vantage = all_vantages.at(exposed.vantage);
  Opening out;
  out.vantage = vantage.text;
  out.role = vantage.role;
  out.guessed_zone = vantage.guessed_zone;
  out.up_to_uplink = vantage.private_uplink && exposed.to.is_v4();
  out.to = exposed.to;
  if (exposed.link) out.link = links.at(*exposed.link);
  out.port = exposed.port;
  out.protocol = exposure.subject.protocol;
  out.as_attacker = exposed.as_attacker;
  return out;
}

}  // namespace bulkhead::audit
