#include "compile/whose.h"

#include <algorithm>

#include "policy/tenants.h"
#include "policy/zones.h"

namespace bulkhead::compile {
namespace {

// As lines name it, else by its container.
std::string name_of(const policy::Tenant& tenant, const model::Container& container) {
  for (const policy::ServiceSelector& service : tenant.services) {
    if (policy::is_service(tenant, service.name, container))
      return tenant.name + "/" + service.name;
  }
  if (tenant.services.empty() && !container.service.empty())
    return tenant.name + "/" + container.service;
  if (tenant.services.empty()) return tenant.name + "/" + container.name;
  return "container " + container.name + " of " + tenant.name;
}

bool is_published(const model::PublishedPort& port, const Refused& refused) {
  return port.protocol == refused.protocol && port.host_port == refused.port &&
         (port.host_address == refused.to || port.host_address.is_unspecified());
}

}  // namespace

Whose::Whose(Input input) : input_(input) {
  const model::NetNs& host = input.snapshot.namespaces[input.snapshot.host.value];
  for (const model::Address& address : host.addresses) owners_[address.local] = {"host", {}, ""};
  for (std::size_t i = 0; i < input.bound.members.size(); ++i) {
    const policy::Member& member = input.bound.members[i];
    const policy::Tenant& tenant = input.config.tenants[member.tenant];
    add(*member.container, {name_of(tenant, *member.container), i, tenant.name});
  }
  for (const model::Container* stranger : input.bound.strangers)
    add(*stranger, {"container " + stranger->name, {}, ""});
}

void Whose::add(const model::Container& container, const Owner& owner) {
  const auto& netns = container.netns;
  if (!netns || netns->value >= input_.snapshot.namespaces.size()) return;
  if (*netns == input_.snapshot.host) return;
  for (const model::Address& address : input_.snapshot.namespaces[netns->value].addresses) {
    if (!address.local.is_loopback()) owners_.try_emplace(address.local, owner);
  }
}

Owner Whose::of(IpAddress address) const {
  const auto found = owners_.find(address);
  if (found != owners_.end()) return found->second;
  const model::NetNs& host = input_.snapshot.namespaces[input_.snapshot.host.value];
  // Nobody's, though the network is one of this host's: a container that has ended.
  for (const model::Engine& engine : input_.snapshot.engines) {
    for (const model::EngineNetwork& network : engine.networks) {
      const bool here = std::ranges::any_of(network.subnets,
                                            [&](const Prefix& p) { return p.contains(address); });
      const bool bridge = std::ranges::any_of(
          host.links, [&](const model::Link& l) { return l.name == network.bridge; });
      if (here && bridge) return {};
    }
  }
  const policy::Zone* zone = policy::zone_of(input_.zones, address);
  return {zone == nullptr ? "" : zone->name, {}, ""};
}

Owner Whose::of_target(const Refused& refused) const {
  Owner out = of(refused.to);
  if (refused.refusal != Refusal::kInward || out.name != "host") return out;
  for (std::size_t i = 0; i < input_.bound.members.size(); ++i) {
    const policy::Member& member = input_.bound.members[i];
    const policy::Tenant& tenant = input_.config.tenants[member.tenant];
    for (const model::PublishedPort& port : member.container->published) {
      if (is_published(port, refused)) return {name_of(tenant, *member.container), i, tenant.name};
    }
  }
  return out;
}

std::string Whose::tenant_of(const Refused& refused) const {
  const Owner from = of(refused.from), to = of_target(refused);
  const auto is_audited = [this](const Owner& owner) {
    if (!owner.member) return false;
    const policy::Member& member = input_.bound.members[*owner.member];
    return input_.config.mode_of(input_.config.tenants[member.tenant]) == policy::Mode::kAudit;
  };
  // A line stands with the tenant that is reached.
  if (is_audited(to) || (!to.tenant.empty() && !is_audited(from))) return to.tenant;
  return from.tenant;
}

}  // namespace bulkhead::compile
