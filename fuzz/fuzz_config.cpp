// bulkhead.yaml. A complaint names the file on each of its lines and can be shown in a terminal;
// what is accepted is complete, so that nobody who uses it needs to look again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "policy/config.h"

namespace {

using namespace bulkhead;

constexpr std::string_view kFile = "b.yaml";
constexpr std::size_t kLongestComplaint = 64UL * 1024;

void must(bool holds) {
  if (!holds) std::abort();
}

void check_complaint(std::string_view text) {
  must(!text.empty() && text.size() <= kLongestComplaint);
  must(text.starts_with(kFile));
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    must(!line.empty() && escape_text(line, line.size()) == line);
  }
}

void check_ports(const std::vector<policy::PortSpec>& ports) {
  for (const policy::PortSpec& p : ports) must(p.port.number != 0);
}

void check_tenant(const policy::Tenant& tenant) {
  must(!tenant.name.empty() && (!tenant.projects.empty() || !tenant.containers.empty()));
  for (const policy::ServiceSelector& s : tenant.services) {
    must(!s.name.empty() && s.project.empty() == s.service.empty());
    must(!s.project.empty() || !s.labels.empty() || !s.container.empty());
  }
  for (const policy::SharedNetwork& n : tenant.networks) must(!n.reason.empty());
  for (const policy::IngressRule& rule : tenant.ingress) {
    must(!rule.to.empty() && !rule.publish.empty() && !rule.from.empty());
    check_ports(rule.publish);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = policy::parse_config(text, kFile);
  if (!config) {
    check_complaint(config.error().message);
    return 0;
  }
  for (const policy::ZoneRule& zone : config->zones) {
    must(!zone.name.empty() && (!zone.interface.empty() || !zone.prefixes.empty()));
  }
  for (const policy::HostRule& rule : config->host) check_ports({rule.port});
  for (const policy::Tenant& tenant : config->tenants) check_tenant(tenant);
  for (const policy::Suppression& s : config->suppress) {
    must(!s.id.empty() && !s.reason.empty() && s.expires_ms != 0);
  }
  return 0;
}
