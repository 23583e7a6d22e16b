// What IPv4 and IPv6 policy rules have in common (net/core/fib_rules.c). Internal to trace/.
#pragma once

#include "trace/fib.h"

namespace bulkhead::trace {

[[nodiscard]] NetError error_of_type(std::uint8_t route_type);  // fib_props[]
[[nodiscard]] bool rule_matches(const Machine& machine, const model::RoutingRule& rule,
                                const Flow& flow);
[[nodiscard]] bool asks_for_ports(const model::RoutingRule& rule);
// It looks up a table for every packet, as the rules do that the kernel makes itself.
[[nodiscard]] bool is_plain_lookup(const model::RoutingRule& rule);
[[nodiscard]] bool suppressed(const model::RoutingRule& rule, const RouteHit& hit);

// FR_ACT_*
namespace fr {
inline constexpr std::uint8_t kTable = 1, kGoto = 2, kNop = 3, kBlackhole = 6, kUnreachable = 7,
                              kProhibit = 8;
}
// RTNH_F_*
inline constexpr std::uint32_t kHopDead = 1, kHopOnlink = 4, kHopLinkdown = 16;

// Follows the rules in order: `look(table_id, hit)` returns the error of a table's lookup, kAgain
// to go on.
template <class Look>
RouteHit follow_rules(const Machine& machine, const std::vector<const model::RoutingRule*>& rules,
                      const Flow& flow, Look&& look) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const model::RoutingRule& rule = *rules[i];
    if (!rule_matches(machine, rule, flow)) continue;
    RouteHit hit;
    hit.rule = &rule;
    if (rule.action == fr::kNop) continue;
    if (rule.action == fr::kGoto) {
      std::size_t to = i + 1;
      while (to < rules.size() && rules[to]->priority < rule.goto_priority) ++to;
      if (to == rules.size() || rules[to]->priority != rule.goto_priority)
        continue;  // no such target yet
      i = to - 1;
      continue;
    }
    if (rule.action == fr::kTable) {
      hit.error = look(rule.table, hit);
      hit.rule = &rule;
      if (hit.error == NetError::kAgain) continue;
      if (hit.error == NetError::kNone && suppressed(rule, hit)) continue;
      return hit;
    }
    hit.error = rule.action == fr::kUnreachable ? NetError::kNetUnreachable
                : rule.action == fr::kProhibit  ? NetError::kDenied
                                                : NetError::kInvalid;
    return hit;
  }
  return {};
}

}  // namespace bulkhead::trace
