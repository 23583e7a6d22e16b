// Tables as sorted arrays by prefix length, and what IPv4 and IPv6 rules have in common.
#include "trace/fib.h"

#include <algorithm>
#include <tuple>

#include "trace/fib_rule.h"
#include "trace/world_state.h"

namespace bulkhead::trace {

NetError error_of_type(std::uint8_t type) {
  switch (type) {
    case rtn::kBlackhole: return NetError::kInvalid;
    case rtn::kUnreachable: return NetError::kHostUnreachable;
    case rtn::kProhibit: return NetError::kDenied;
    case rtn::kThrow: return NetError::kAgain;
    default: return NetError::kNone;
  }
}

RouteTable::Key RouteTable::key_of(const IpAddress& address) {
  if (address.is_v4()) return {std::uint64_t{address.v4_number()} << 32, 0};
  Key key;
  const auto octets = address.octets();
  for (std::size_t i = 0; i < octets.size(); ++i) {
    std::uint64_t& half = i < 8 ? key.high : key.low;
    half = half << 8 | octets[i];
  }
  return key;
}

// fib_insert_alias(): of one prefix, the local table first where two tables share a trie, then by
// tos (highest first), then by metric; IPv6 by metric.
void RouteTable::finish(bool local_before_main) {
  std::ranges::stable_sort(pending_, [&](const model::Route* a, const model::Route* b) {
    const auto rank = [&](const model::Route* r) {
      const unsigned table_rank = local_before_main && r->table != 255 ? 1U : 0U;
      return std::tuple(128U - r->destination.length(), r->destination.address(), table_rank,
                        255U - r->tos, r->metric);
    };
    return rank(a) < rank(b);
  });
  routes_ = std::move(pending_);
  pending_.clear();
  for (std::size_t i = 0; i < routes_.size();) {
    const Prefix& prefix = routes_[i]->destination;
    std::size_t end = i;
    while (end < routes_.size() && routes_[end]->destination == prefix) ++end;
    if (lengths_.empty() || lengths_.back().bits != prefix.length()) {
      lengths_.push_back({prefix.length(), prefixes_.size(), prefixes_.size()});
    }
    prefixes_.push_back({masked(key_of(prefix.address()), prefix.length()), i, end});
    lengths_.back().last = prefixes_.size();
    i = end;
  }
}

std::pair<std::size_t, std::size_t> RouteTable::find(const Length& length, const Key& key) const {
  const Entry* const begin = prefixes_.data() + length.first;
  const Entry* const end = prefixes_.data() + length.last;
  if (end - begin <= 8) {
    for (const Entry* e = begin; e != end; ++e) {
      if (e->key == key) return {e->first, e->last};
    }
    return {0, 0};
  }
  const Entry* const at =
      std::lower_bound(begin, end, key, [](const Entry& e, const Key& k) { return e.key < k; });
  if (at == end || at->key != key) return {0, 0};
  return {at->first, at->last};
}

namespace {

bool port_in(const std::optional<model::xt::PortRange>& range, Port port) {
  return !range || (port >= range->first && port <= range->last);
}

bool matches_addresses(const model::RoutingRule& rule, const Flow& flow) {
  if (rule.source && rule.source->length() > 0) {
    if (!flow.source_known && flow.destination.is_v6()) return false;
    if (!rule.source->contains(flow.source)) return false;
  }
  return !rule.destination || rule.destination->length() == 0 ||
         rule.destination->contains(flow.destination);
}

bool matches_plain(const Machine& machine, const model::RoutingRule& rule, const Flow& flow) {
  if (!rule.in_interface.empty()) {
    const Device* in = machine.device(flow.iif);
    if (in == nullptr || in->name() != rule.in_interface) return false;
  }
  if (!rule.out_interface.empty()) {
    const Device* out = machine.device(flow.oif);
    if (out == nullptr || out->name() != rule.out_interface) return false;
  }
  if (((rule.mark ^ flow.mark) & rule.mark_mask) != 0) return false;
  if (rule.tunnel_id != 0 || rule.l3mdev) return false;
  if (rule.uid && (flow.uid < rule.uid->first || flow.uid > rule.uid->last)) return false;
  if (!matches_addresses(rule, flow)) return false;
  if (rule.tos != 0 && rule.tos != flow.tos) return false;
  if (rule.protocol && *rule.protocol != IpProtocol::kHopByHop && *rule.protocol != flow.protocol) {
    return false;
  }
  return port_in(rule.source_port, flow.source_port) &&
         port_in(rule.destination_port, flow.destination_port);
}

}  // namespace

bool rule_matches(const Machine& machine, const model::RoutingRule& rule, const Flow& flow) {
  return matches_plain(machine, rule, flow) != rule.inverted;
}

bool is_plain_lookup(const model::RoutingRule& rule) {
  return rule.action == fr::kTable && !rule.inverted && !rule.source && !rule.destination &&
         rule.in_interface.empty() && rule.out_interface.empty() && rule.mark_mask == 0 &&
         rule.tos == 0 && !asks_for_ports(rule) && !rule.uid && !rule.suppress_prefix_length &&
         !rule.suppress_interface_group && !rule.l3mdev;
}

bool asks_for_ports(const model::RoutingRule& rule) {
  return (rule.protocol && *rule.protocol != IpProtocol::kHopByHop) || rule.source_port ||
         rule.destination_port;
}

// fib4_rule_suppress, fib6_rule_suppress
bool suppressed(const model::RoutingRule& rule, const RouteHit& hit) {
  if (hit.route == nullptr) return false;
  if (rule.suppress_prefix_length &&
      hit.route->destination.length() <= *rule.suppress_prefix_length) {
    return true;
  }
  return rule.suppress_interface_group && hit.device != nullptr &&
         hit.device->link->group == *rule.suppress_interface_group;
}

}  // namespace bulkhead::trace
