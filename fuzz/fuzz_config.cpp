// bulkhead.yaml. A complaint names the file on each of its lines and can be shown in a terminal;
// what is accepted is complete, so that nobody who uses it needs to look again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "policy/config.h"
#include "policy/lint.h"
#include "policy/meaning.h"

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

// A name stands for something that the file declares: nobody needs to look again.
void check_parties(const policy::Config& config, const std::vector<policy::Party>& parties) {
  for (const policy::Party& p : parties) {
    switch (p.kind) {
      case policy::PartyKind::kService:
        must(p.tenant == "*" || config.tenant(p.tenant) != nullptr);
        must(!p.name.empty());
        break;
      case policy::PartyKind::kTrust:
        must(std::ranges::any_of(config.trust, [&](const auto& t) { return t.name == p.name; }));
        break;
      case policy::PartyKind::kHostService:
        must(std::ranges::any_of(config.host, [&](const auto& h) { return h.name == p.name; }));
        break;
      case policy::PartyKind::kZone:
      case policy::PartyKind::kDomain: must(!p.name.empty()); break;
      case policy::PartyKind::kHost:
      case policy::PartyKind::kPrefix: break;
    }
  }
}

void check_service(const policy::ServiceSelector& s) {
  must(!s.name.empty() && (s.project.empty() || !s.service.empty()));
  must(!s.service.empty() || !s.labels.empty() || !s.container.empty() || !s.image.empty() ||
       !s.pod.empty() || !s.kube_container.empty());
  check_ports(s.expect);
}

void check_tenant(const policy::Tenant& tenant) {
  must(!tenant.name.empty() && (!tenant.projects.empty() || !tenant.containers.empty()));
  std::ranges::for_each(tenant.services, check_service);
  for (const policy::SharedNetwork& n : tenant.networks) must(!n.reason.empty());
}

void check_lines(const policy::Config& config) {
  for (const policy::Line& line : policy::all_lines(config)) {
    must(line.clause != nullptr && line.clause->place.line != 0);
    must((line.kind == policy::LineKind::kHost) == (line.host != nullptr));
    must(line.host != nullptr || (!line.from.empty() && !line.to.empty()));
    check_parties(config, {line.from.begin(), line.from.end()});
    check_parties(config, {line.to.begin(), line.to.end()});
    check_ports({line.ports.begin(), line.ports.end()});
  }
  for (const policy::NeverRule& rule : config.never) {
    must(!rule.from.empty() && !rule.to.empty());
    check_parties(config, rule.from);
    check_parties(config, rule.to);
  }
  for (const policy::TestRule& rule : config.tests) check_parties(config, {rule.from, rule.to});
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
  check_lines(*config);
  for (const policy::Lint& l : policy::lint(*config, {}, {}, 0))
    must(!l.what.empty() && escape_text(l.what, l.what.size()) == l.what);
  for (const policy::Tenant& tenant : config->tenants) check_tenant(tenant);
  for (const policy::Suppression& s : config->suppress) {
    must(!s.id.empty() && !s.reason.empty() && s.expires_ms != 0);
  }
  return 0;
}
