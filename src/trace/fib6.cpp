// IPv6 lookups: fib6_rule_lookup(), then fib6_table_lookup() and rt6_select() within a prefix.
//
// Unlike IPv4 the local table is always asked before main. An error route (unreachable, prohibit)
// is an answer; `throw` and "nothing found" go on to the next rule.
#include <algorithm>

#include "trace/choices.h"
#include "trace/fib.h"
#include "trace/fib_rule.h"
#include "trace/world_state.h"

namespace bulkhead::trace {
namespace {

bool is_default_v6(const model::RoutingRule& rule) {
  return is_plain_lookup(rule) &&
         ((rule.priority == 0 && rule.table == topology::rt_table::kLocal) ||
          (rule.priority == 32766 && rule.table == topology::rt_table::kMain));
}

bool usable(const model::NextHop& hop, const Device* device) {
  if (device == nullptr || (hop.flags & kHopDead) != 0) return false;
  return !(device->ignore_linkdown6 && (hop.flags & kHopLinkdown) != 0);
}

// What rt6_select() keeps while it looks through the routes of one metric.
struct Best {
  const model::Route* route = nullptr;
  const model::NextHop* hop = nullptr;
  int score = -1;
};

}  // namespace

void Fib6::build(const Machine& machine) {
  machine_ = &machine;
  for (const model::RoutingRule& rule : machine.ns->routing_rules) {
    if (rule.family != IpFamily::kV6) continue;
    rules_.push_back(&rule);
    dissects_ = dissects_ || asks_for_ports(rule);
    custom_ = custom_ || !is_default_v6(rule);
  }
  std::ranges::stable_sort(rules_, {}, &model::RoutingRule::priority);
  for (const model::Route& route : machine.ns->routes) {
    if (!route.destination.address().is_v6()) continue;
    const auto at = std::ranges::find(tables_, route.table, &RouteTable::id);
    RouteTable& t = at != tables_.end() ? *at : tables_.emplace_back();
    t.id = route.table;
    t.add(&route);
  }
  for (RouteTable& t : tables_) t.finish(false);
}

const RouteTable* Fib6::table(std::uint32_t id) const {
  const auto at = std::ranges::find(tables_, id, &RouteTable::id);
  return at == tables_.end() ? nullptr : &*at;
}

// rt6_score_route(): the interface that was asked for is preferred, and demanded when strict.
static int score_of(const model::NextHop& hop, const Flow& flow, IfIndex wanted) {
  if (!wanted || hop.link == wanted) return 2;
  return flow.strict_interface ? -1 : 0;
}

RouteHit Fib6::table_lookup(const RouteTable& table, const Flow& flow, Choices* choices) const {
  const bool output = flow.iif == machine_->loopback->index();
  const IfIndex wanted = flow.oif ? flow.oif : output ? IfIndex{} : flow.iif;
  RouteHit hit;
  hit.error = NetError::kAgain;
  table.each(flow.destination, [&](const model::Route* const* at, const model::Route* const* end) {
    while (at != end) {
      const std::uint32_t metric = (*at)->metric;
      Best best;
      for (; at != end && (*at)->metric == metric; ++at) {
        const model::Route& route = **at;
        if (route.source && route.source->length() > 0 && !route.source->contains(flow.source))
          continue;
        if (error_of_type(route.type) != NetError::kNone) {
          // Its device is lo: another one that is demanded excludes it (rt6_score_route).
          const bool other = wanted && wanted != machine_->loopback->index();
          const int score = !other ? 2 : flow.strict_interface ? -1 : 0;
          if (score > best.score) best = {&route, nullptr, score};
          continue;
        }
        bool chosen_here = false;
        for (const model::NextHop& hop : route.next_hops) {
          if (!usable(hop, machine_->device(hop.link))) continue;
          const int score = score_of(hop, flow, wanted);
          if (score < 0) continue;
          if (score > best.score) {
            best = {&route, &hop, score};
            chosen_here = true;
          } else if (chosen_here && choices != nullptr && score == best.score &&
                     !choices->pick_once(&hop, "multipath route: the kernel chooses by a hash")) {
            best = {&route, &hop, score};
          }
        }
      }
      if (best.route == nullptr) continue;
      hit.route = best.route;
      hit.hop = best.hop;
      hit.error = error_of_type(best.route->type);
      if (best.hop != nullptr) hit.device = machine_->device(best.hop->link);
      return true;
    }
    return false;
  });
  return hit;
}

RouteHit Fib6::lookup(const Flow& flow, Choices* choices) const {
  if (custom_) {
    return follow_rules(*machine_, rules_, flow, [&](std::uint32_t id, RouteHit& hit) {
      const RouteTable* t = table(id);
      if (t == nullptr) return NetError::kAgain;
      hit = table_lookup(*t, flow, choices);
      return hit.error;
    });
  }
  for (const std::uint32_t id : {topology::rt_table::kLocal, topology::rt_table::kMain}) {
    const RouteTable* t = table(id);
    if (t == nullptr) continue;
    const RouteHit hit = table_lookup(*t, flow, choices);
    if (hit.error != NetError::kAgain) return hit;
  }
  return {};
}

}  // namespace bulkhead::trace
