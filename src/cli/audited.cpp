#include "cli/audited.h"

#include <algorithm>
#include <map>

#include "cli/held_addresses.h"
#include "compile/audit.h"
#include "compile/whose.h"
#include "policy/zones.h"

namespace bulkhead::cli {
namespace {

using Why = report::Uncovered::Why;

void tell_refused(const compile::Tally& tally, const compile::Input& input, report::Audited& out) {
  const compile::Whose whose(input);
  std::map<std::string, std::vector<report::WouldRefuse>> by_tenant;
  for (const compile::Refused& one : tally.refused) {
    const std::string tenant = whose.tenant_of(one);
    report::WouldRefuse& way = by_tenant[tenant].emplace_back();
    way.tenant = tenant;
    way.kind = compile::to_string(one.refusal);
    way.from = whose.of(one.from).name;
    way.to = whose.of_target(one).name;
    way.from_address = one.from;
    way.to_address = one.to;
    way.protocol = one.protocol;
    way.port = one.port;
    way.packets = one.packets;
    way.last_ms = input.now_ms - std::min(one.ago_ms, input.now_ms);
  }
  for (const auto& [tenant, ways] : by_tenant)
    out.would_refuse.insert(out.would_refuse.end(), ways.begin(), ways.end());
  out.missed = tally.missed;
  for (const compile::Refusal full : tally.full) out.full.push_back(compile::to_string(full));
}

}  // namespace

std::vector<report::Uncovered> unknown_members(const policy::Config& config,
                                               const policy::Bound& bound,
                                               const model::Snapshot& snapshot, policy::Mode mode,
                                               const std::vector<enforce::Held>& known) {
  std::vector<report::Uncovered> out;
  for (const policy::Member& member : bound.members) {
    const model::Container& container = *member.container;
    if (config.mode_of(config.tenants[member.tenant]) != mode || !member.unheld.empty()) continue;
    const auto& netns = container.netns;
    if (!netns) continue;
    const model::NetNs& place = snapshot.namespaces[netns->value];
    const auto held = std::ranges::find(known, container.id, &enforce::Held::id);
    if (held == known.end()) {
      out.push_back({member.engine->name, container.name, Why::kSince});
    } else if (held->netns != place.inode) {
      out.push_back({member.engine->name, container.name, Why::kAnew});
    } else if (held->addresses != held_addresses(place)) {
      out.push_back({member.engine->name, container.name, Why::kMoved});
    }
  }
  return out;
}

report::Audited audited_of(const enforce::Record& record, const policy::Config& config,
                           const policy::Bound& bound, const model::Snapshot& snapshot) {
  report::Audited out;
  for (const enforce::Held& one : record.audited) out.containers.push_back({one.engine, one.name});
  out.host = record.host_audited;
  out.since = unknown_members(config, bound, snapshot, policy::Mode::kAudit, record.audited);
  const auto& tables = snapshot.namespaces[snapshot.host.value].ruleset.tables;
  const auto tally = compile::read_tally(tables);
  if (!tally) return out;
  out.counting = true;
  const auto zones = policy::resolve_zones(config, snapshot);
  tell_refused(*tally, {config, bound, zones, snapshot, snapshot.taken_at_ms, false}, out);
  return out;
}

}  // namespace bulkhead::cli
