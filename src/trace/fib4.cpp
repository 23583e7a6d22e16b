// IPv4 lookups: fib_table_lookup() walks from the longest prefix to the shortest and, within one,
// over aliases by tos and metric. Without custom rules the local and main tables are one trie
// (fib_trie_table(), fib_unmerge()), so that a longer prefix in main beats a shorter one in local.
#include <algorithm>

#include "trace/choices.h"
#include "trace/fib.h"
#include "trace/fib_rule.h"
#include "trace/world_state.h"

namespace bulkhead::trace {
namespace {

constexpr std::uint32_t kMergedTable = 0;

bool is_default_v4(const model::RoutingRule& rule) {
  return is_plain_lookup(rule) &&
         ((rule.priority == 0 && rule.table == topology::rt_table::kLocal) ||
          (rule.priority == 32766 && rule.table == topology::rt_table::kMain) ||
          (rule.priority == 32767 && rule.table == topology::rt_table::kDefault));
}

bool usable(const Machine& machine, const model::NextHop& hop, const Flow& flow,
            bool ignore_linkstate) {
  if ((hop.flags & kHopDead) != 0) return false;
  if (!ignore_linkstate && (hop.flags & kHopLinkdown) != 0) {
    const Device* device = machine.device(hop.link);
    if (device != nullptr && device->ignore_linkdown4) return false;
  }
  return !flow.oif || flow.oif == hop.link;
}

}  // namespace

void Fib4::build(const Machine& machine) {
  machine_ = &machine;
  for (const model::RoutingRule& rule : machine.ns->routing_rules) {
    if (rule.family != IpFamily::kV4) continue;
    rules_.push_back(&rule);
    dissects_ = dissects_ || asks_for_ports(rule);
  }
  std::ranges::stable_sort(rules_, {}, &model::RoutingRule::priority);
  merged_ = std::ranges::all_of(rules_, [](const auto* r) { return is_default_v4(*r); });
  const auto into = [&](std::uint32_t id) -> RouteTable& {
    const auto at = std::ranges::find(tables_, id, &RouteTable::id);
    if (at != tables_.end()) return *at;
    tables_.emplace_back().id = id;
    return tables_.back();
  };
  for (const model::Route& route : machine.ns->routes) {
    if (!route.destination.address().is_v4()) continue;
    const bool joined = merged_ && (route.table == topology::rt_table::kLocal ||
                                    route.table == topology::rt_table::kMain);
    into(joined ? kMergedTable : route.table).add(&route);
  }
  for (RouteTable& t : tables_) t.finish(t.id == kMergedTable);
}

const RouteTable* Fib4::table(std::uint32_t id) const {
  const auto at = std::ranges::find(tables_, id, &RouteTable::id);
  return at == tables_.end() ? nullptr : &*at;
}

NetError Fib4::table_lookup(const RouteTable& table, const Flow& flow, bool ignore_linkstate,
                            Choices* choices, RouteHit& hit) const {
  NetError result = NetError::kAgain;
  table.each(flow.destination, [&](const model::Route* const* at, const model::Route* const* end) {
    for (; at != end; ++at) {
      const model::Route& route = **at;
      if (route.tos != 0 && route.tos != flow.tos) continue;
      if (const NetError e = error_of_type(route.type); e != NetError::kNone) {
        hit.route = &route;
        result = e;
        return true;
      }
      if ((route.flags & kHopDead) != 0) continue;
      const model::NextHop* found = nullptr;
      for (const model::NextHop& hop : route.next_hops) {
        if (!usable(*machine_, hop, flow, ignore_linkstate)) continue;
        if (found == nullptr) {
          found = &hop;
          if (choices == nullptr || flow.oif) break;
        } else if (choices->pick_once(&hop, "multipath route: the kernel chooses by a hash")) {
          continue;
        } else {
          found = &hop;
        }
      }
      if (found == nullptr) continue;
      hit.route = &route;
      hit.hop = found;
      hit.device = machine_->device(found->link);
      result = NetError::kNone;
      return true;
    }
    return false;
  });
  return result;
}

RouteHit Fib4::by_rules(const Flow& flow, bool ignore_linkstate, Choices* choices) const {
  return follow_rules(*machine_, rules_, flow, [&](std::uint32_t id, RouteHit& hit) {
    const RouteTable* t = table(id);
    return t == nullptr ? NetError::kAgain : table_lookup(*t, flow, ignore_linkstate, choices, hit);
  });
}

RouteHit Fib4::lookup(const Flow& flow, bool ignore_linkstate, Choices* choices) const {
  if (!merged_) return by_rules(flow, ignore_linkstate, choices);
  RouteHit hit;
  for (const std::uint32_t id : {kMergedTable, topology::rt_table::kDefault}) {
    const RouteTable* t = table(id);
    if (t == nullptr) continue;
    hit.error = table_lookup(*t, flow, ignore_linkstate, choices, hit);
    if (hit.ok()) return hit;
  }
  if (hit.error == NetError::kAgain) hit.error = NetError::kNetUnreachable;
  return hit;
}

RouteHit Fib4::local_table(const IpAddress& address) const {
  RouteHit hit;
  const RouteTable* t = table(merged_ ? kMergedTable : topology::rt_table::kLocal);
  if (t == nullptr) return hit;
  Flow flow;
  flow.destination = address;
  hit.error = table_lookup(*t, flow, true, nullptr, hit);
  return hit;
}

}  // namespace bulkhead::trace
