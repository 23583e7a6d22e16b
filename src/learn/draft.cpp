#include <algorithm>
#include <map>

#include "learn/propose.h"
#include "policy/tenants.h"
#include "yaml/write.h"

namespace bulkhead::learn {
namespace {

struct DraftTenant {
  policy::TenantBy by = policy::TenantBy::kContainer;
  std::string real;                             // of the project or container
  std::map<std::string, std::string> services;  // each with what selects it
};

std::string readable(std::string name) {
  for (char& c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-';
    if (!plain) c = '-';
  }
  return name;
}

}  // namespace

std::string draft(const flows::Book& book) {
  std::map<std::string, DraftTenant> tenants;
  std::map<std::string, std::string> named;  // ours, by what it is
  for (const flows::Who& who : book.whos()) {
    const model::Container container = who.container();
    const policy::TenantName owner = policy::tenant_of({}, {}, container);
    std::string& name = named[std::to_string(static_cast<int>(owner.by)) + owner.name];
    if (name.empty()) {
      name = readable(owner.name);
      while (tenants.contains(name)) name += "-2";
    }
    DraftTenant& tenant = tenants[name];
    tenant.by = owner.by;
    tenant.real = owner.name;
    const bool compose = !who.project.empty() && !who.service.empty() &&
                         who.project.find('/') == std::string::npos &&
                         who.service.find('/') == std::string::npos;
    const std::string selector = compose ? "compose: " + yaml::word(who.project + "/" + who.service)
                                         : "container: " + yaml::word(who.name);
    std::string service = readable(compose ? who.service : who.name);
    while (tenant.services.contains(service) && tenant.services[service] != selector)
      service += "-2";
    tenant.services[service] = selector;
  }
  std::string out = "bulkhead: 1\nmode: audit\ntenants:";
  if (tenants.empty()) out += " {}";
  out += "\n";
  for (const auto& [name, tenant] : tenants) {
    out += "  " + yaml::word(name) + ":\n";
    if (tenant.by == policy::TenantBy::kContainer) {
      out += "    containers: [" + yaml::word(tenant.real) + "]\n";
    } else if (tenant.real != name) {
      out += "    projects: [" + yaml::word(tenant.real) + "]\n";
    }
    out += "    services:\n";
    for (const auto& [service, selector] : tenant.services)
      out += "      " + yaml::word(service) + ": {" + selector + "}\n";
  }
  return out;
}

}  // namespace bulkhead::learn
