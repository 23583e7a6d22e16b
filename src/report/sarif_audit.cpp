#include <algorithm>

#include "base/text.h"
#include "report/parts.h"
#include "report/sarif.h"
#include "report/sarif_log.h"

namespace bulkhead::report {
namespace {

using audit::Finding;
using audit::Severity;

// In the order of audit::Kind; then what contradicts a real connection.
const std::vector<SarifRule>& rules() {
  static const std::vector<SarifRule> kRules{
      {"T1", "ManagementFromInternet", "A management interface is reachable from the Internet."},
      {"T2", "ManagementFromInside",
       "A management interface is reachable from the LAN, a DMZ or containers."},
      {"T3", "HostServiceFromContainer", "A service of the host is reachable from containers."},
      {"T4", "NeedlesslyExposedService", "A microservice is needlessly exposed."},
      {"T5", "ExposedTraditionalService", "A traditional service is exposed."},
      {"T6", "TenantsShareSegment", "Tenants share a link-layer segment."},
      {"management-network", "ManagementNetworkReachable",
       "A network for management is reachable from elsewhere."},
      {"firewall", "FirewallContradicted",
       "The firewall says closed, and the container engine opened it."},
      {"v4-only-rule", "OnlyIpv4Closed", "Closed by a rule for IPv4 alone, and open over IPv6."},
      {"ipv6-unfirewalled", "Ipv6Unfirewalled", "Not published, and open over IPv6."},
      {"loopback-published", "LoopbackPublishedReachable",
       "Published on the host's loopback, and reached from outside all the same."},
      {"docker-sock", "EngineSocketMounted", "The engine's socket is mounted into a container."},
      {"host-mode", "HostNetworkMode",
       "A container runs in the host's network without a visible need."},
      {"cloud-metadata", "CloudMetadataReachable",
       "The cloud's metadata service is reachable from containers."},
      {"default-bridge", "DefaultBridge", "Containers are on the default bridge."},
      {"egress", "UnlimitedEgress", "Containers reach the whole Internet."},
      {"contradiction", "ComputedAndObservedDiffer",
       "A real connection ended otherwise than the computed answer says."}};
  return kRules;
}
constexpr std::size_t kContradictionRule = audit::kKinds;

SarifLevel level_of(Severity severity) {
  switch (severity) {
    case Severity::kCritical:
    case Severity::kHigh: return SarifLevel::kError;
    case Severity::kMedium: return SarifLevel::kWarning;
    case Severity::kLow:
    case Severity::kInfo: return SarifLevel::kNote;
  }
  return SarifLevel::kNote;
}

// The scale of CVSS, by which several viewers sort.
const char* security_severity(Severity severity) {
  switch (severity) {
    case Severity::kCritical: return "9.5";
    case Severity::kHigh: return "8.0";
    case Severity::kMedium: return "5.5";
    case Severity::kLow: return "3.0";
    case Severity::kInfo: return "0.0";
  }
  return "0.0";
}

SarifLog::Place place_of(const audit::Subject& s) {
  std::string port = s.port ? ":" + port_text(*s.port, s.protocol) : "";
  if (!s.container.empty()) return {safe(s.engine) + "/" + safe(s.container) + port, "container"};
  if (!s.network.empty()) return {safe(s.network) + port, "network"};
  return {"host" + (s.process.empty() ? "" : "/" + safe(s.process)) + port, "host"};
}

// Not of a shell or a program: "compose.yaml", "/etc/docker/daemon.json". Ours, so safe in a URI.
bool is_file(std::string_view where) {
  return where.ends_with(".yaml") || where.ends_with(".json");
}

SarifLog::Result result_of(const Finding& finding, const Style& style) {
  SarifLog::Result out;
  out.rule = static_cast<std::size_t>(finding.kind);
  out.level = level_of(finding.severity);
  out.message = say(finding.what, finding, style) + "\n" + say(finding.why, finding, style);
  if (!finding.cures.empty()) out.message += "\n" + say(finding.cures.front().say, finding, style);
  out.fingerprint = finding.id;
  const auto in_a_file =
      std::ranges::find_if(finding.cures, [](const audit::Cure& c) { return is_file(c.where); });
  if (in_a_file != finding.cures.end()) out.file = in_a_file->where;
  out.suppressed_by = escape_text(finding.suppressed_by);
  out.places.push_back(place_of(finding.subject));
  for (const audit::Subject& member : finding.members) out.places.push_back(place_of(member));
  SarifLog::Json from = SarifLog::Json::array(), references = SarifLog::Json::array();
  for (const audit::Reach& reach : finding.reaches)
    from.push_back(safe(reach.vantage) + " -> " + dial_text(reach) + "/" +
                   to_string(reach.protocol));
  for (const audit::Reference& r : finding.references)
    references.push_back(std::string(r.standard) + " " + std::string(r.section));
  out.properties = {{"severity", to_string(finding.severity)},
                    {"security-severity", security_severity(finding.severity)},
                    {"state", to_string(finding.state)},
                    {"reached_from", std::move(from)},
                    {"references", std::move(references)}};
  return out;
}

SarifLog::Result result_of(const audit::Contradiction& c, const Style& style) {
  SarifLog::Result out;
  out.rule = kContradictionRule;
  out.level = SarifLevel::kWarning;
  out.message = say(Label::kContradictionLine, style,
                    {{"vantage", safe(c.vantage)},
                     {"to", c.to.to_string()},
                     {"port", contradicted_text(c)},
                     {"computed", c.computed},
                     {"observed", safe(c.observed)}});
  out.places.push_back({dial_text(c.to, c.port) + "/" + to_string(c.protocol), "address"});
  return out;
}

}  // namespace

std::string audit_sarif(const audit::Report& report, const Style& style, std::string_view version) {
  SarifLog log(rules(), version);
  log.at(report.at_ms);
  for (const Finding& finding : report.findings) log.add(result_of(finding, style));
  for (const audit::Contradiction& c : report.contradictions) log.add(result_of(c, style));
  for (const auto& [what, reason] : report.gaps)
    log.problem(escape_text(what, 100) + ": " + escape_text(reason, 400));
  return log.text();
}

}  // namespace bulkhead::report
