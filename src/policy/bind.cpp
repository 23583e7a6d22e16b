#include "policy/bind.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "model/find.h"
#include "policy/tenants.h"

namespace bulkhead::policy {
namespace {

constexpr std::uint32_t kLoopback = 8;  // IFF_LOOPBACK
constexpr std::size_t kLongestName = 64;

std::vector<IpAddress> addresses_on(const model::NetNs& ns, IfIndex link) {
  std::vector<IpAddress> out;
  for (const model::Address& a : ns.addresses) {
    if (a.link == link) out.push_back(a.local);
  }
  return out;
}

class Binder {
 public:
  Binder(const Config& config, const model::Snapshot& snapshot)
      : config_(config), snapshot_(snapshot) {
    for (std::size_t i = 0; i < config.tenants.size(); ++i)
      tenants_.emplace(config.tenants[i].name, i);
  }

  Bound run() {
    for (const model::Engine& engine : snapshot_.engines) {
      if (!engine.local) continue;
      for (const model::Container& container : engine.containers) {
        if (container.state == "running") add(engine, container);
      }
    }
    return std::move(out_);
  }

 private:
  void add(const model::Engine& engine, const model::Container& container) {
    const TenantName owner = tenant_of(config_, engine, container);
    const auto tenant = tenants_.find(owner.name);
    if (owner.by != TenantBy::kPolicy || tenant == tenants_.end()) {
      out_.strangers.push_back(&container);
      return;
    }
    Member member;
    member.tenant = tenant->second;
    member.engine = &engine;
    member.container = &container;
    place(member);
    out_.members.push_back(std::move(member));
  }

  void place(Member& member) const {
    const model::Container& container = *member.container;
    if (member.engine->rootless) {
      member.unheld = "its engine is rootless: its forwarders in user space pass by the bridges";
    } else if (container.network_mode == "host" || container.netns == snapshot_.host) {
      member.unheld = "it sits in the host's own network: it is told from no process of the host";
    } else if (!container.netns || container.netns->value >= snapshot_.namespaces.size()) {
      member.unheld = "its network namespace was not found";
    } else {
      attach(member, snapshot_.namespaces[container.netns->value]);
    }
  }

  void attach(Member& member, const model::NetNs& inside) const {
    if (snapshot_.host.value >= snapshot_.namespaces.size()) return;
    const model::NetNs& host = snapshot_.namespaces[snapshot_.host.value];
    for (const model::Link& link : inside.links) {
      if ((link.flags & kLoopback) != 0) continue;
      const model::Link* port = link.kind == "veth" && link.peer_ns == snapshot_.host
                                    ? model::find_link(host, link.peer)
                                    : nullptr;
      const model::Link* bridge = port == nullptr ? nullptr : model::find_link(host, port->master);
      if (bridge == nullptr || bridge->kind != "bridge") {
        if (addresses_on(inside, link.index).empty()) continue;
        member.unheld = "its interface " + escape_text(link.name, kLongestName) +
                        " ends at no bridge of the host";
        continue;
      }
      member.attached.push_back({port->index, port->name, bridge->index, bridge->name, link.mac,
                                 addresses_on(inside, link.index)});
    }
  }

  const Config& config_;
  const model::Snapshot& snapshot_;
  std::map<std::string_view, std::size_t> tenants_;
  Bound out_;
};

}  // namespace

std::vector<std::size_t> Bound::members_of(const Config& config, const Party& party) const {
  std::vector<std::size_t> out;
  if (party.kind != PartyKind::kService) return out;
  const bool any = party.tenant == "*";
  const auto named = std::ranges::find(config.tenants, party.tenant, &Tenant::name);
  const auto tenant = static_cast<std::size_t>(named - config.tenants.begin());
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!any && members[i].tenant != tenant) continue;
    if (is_service(config.tenants[members[i].tenant], party.name, *members[i].container))
      out.push_back(i);
  }
  return out;
}

std::vector<std::size_t> Bound::members_of(const Config& config,
                                           std::span<const Party> parties) const {
  std::set<std::size_t> out;
  for (const Party& party : parties) {
    for (const std::size_t i : members_of(config, party)) out.insert(i);
  }
  return {out.begin(), out.end()};
}

Bound bind(const Config& config, const model::Snapshot& snapshot) {
  return Binder(config, snapshot).run();
}

}  // namespace bulkhead::policy
