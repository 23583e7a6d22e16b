// Rules in order, and of the routes of one prefix the one that is taken.
#include "reach/route/fib.h"

#include <algorithm>

namespace bulkhead::reach::routes {
namespace {

namespace rtn = topology::rtn;
namespace fr {  // FR_ACT_*
constexpr std::uint8_t kTable = 1, kGoto = 2, kNop = 3, kUnreachable = 7, kProhibit = 8;
}
constexpr std::uint32_t kHopDead = 1, kHopLinkdown = 16;  // RTNH_F_*
constexpr std::uint32_t kMergedTable = 0;

NetError error_of_type(std::uint8_t type) {  // fib_props[]
  switch (type) {
    case rtn::kBlackhole: return NetError::kInvalid;
    case rtn::kUnreachable: return NetError::kHostUnreachable;
    case rtn::kProhibit: return NetError::kDenied;
    case rtn::kThrow: return NetError::kAgain;
    default: return NetError::kNone;
  }
}

bool wants_ports(const model::RoutingRule& r) {
  return (r.protocol && *r.protocol != IpProtocol::kHopByHop) || r.source_port ||
         r.destination_port;
}

bool is_default(const model::RoutingRule& r) {
  if (r.action != fr::kTable || r.inverted || r.source || r.destination ||
      !r.in_interface.empty() || !r.out_interface.empty() || r.mark_mask != 0 || r.tos != 0 ||
      wants_ports(r) || r.uid || r.suppress_prefix_length || r.suppress_interface_group ||
      r.l3mdev || r.other_conditions) {
    return false;
  }
  return (r.priority == 0 && r.table == topology::rt_table::kLocal) ||
         (r.priority == 32766 && r.table == topology::rt_table::kMain) ||
         (r.family == IpFamily::kV4 && r.priority == 32767 &&
          r.table == topology::rt_table::kDefault);
}

bool suppressed(const model::RoutingRule& rule, const Hit& hit) {  // fib*_rule_suppress
  if (hit.route == nullptr) return false;
  if (rule.suppress_prefix_length &&
      hit.route->destination.length() <= *rule.suppress_prefix_length)
    return true;
  return rule.suppress_interface_group && hit.device != nullptr &&
         hit.device->link->group == *rule.suppress_interface_group;
}

// Which of equally good hops: the one that the flow went by before, or each.
void add_hops(const Machine& machine, const model::Route& route,
              const std::vector<const model::NextHop*>& hops, const Ask& ask, bool by_hash,
              std::vector<Hit>& out) {
  const auto add = [&](const model::NextHop* hop, bool others) {
    Hit hit{NetError::kNone, &route, hop, machine.device(hop->link), others, {}};
    if (hop->encapsulated) hit.unknown = "an encapsulating route is not modelled";
    out.push_back(hit);
  };
  if (!by_hash || ask.chosen == nullptr || hops.size() == 1) return add(hops.front(), false);
  for (const model::NextHop* hop : hops) {
    if (std::ranges::find(*ask.chosen, hop) != ask.chosen->end()) return add(hop, false);
  }
  for (const model::NextHop* hop : hops) add(hop, true);
}

}  // namespace

// IPv4: without custom rules local and main are one trie (fib_trie_table(), fib_unmerge()), so that
// a longer prefix in main beats a shorter one in local.
Fib::Fib(const Machine& machine, IpFamily family) : machine_(&machine), family_(family) {
  for (const model::RoutingRule& rule : machine.ns->routing_rules) {
    if (rule.family != family) continue;
    rules_.push_back(&rule);
    asks_for_ports_ = asks_for_ports_ || wants_ports(rule);
    custom_ = custom_ || !is_default(rule);
  }
  std::ranges::stable_sort(rules_, {}, &model::RoutingRule::priority);
  const bool merge = family == IpFamily::kV4 && !custom_;
  for (const model::Route& route : machine.ns->routes) {
    if (route.destination.family() != family) continue;
    const bool merged = merge && (route.table == topology::rt_table::kLocal ||
                                  route.table == topology::rt_table::kMain);
    const std::uint32_t id = merged ? kMergedTable : route.table;
    const auto at = std::ranges::find(tables_, id, &Table::id);
    Table& t = at != tables_.end() ? *at : tables_.emplace_back();
    t.id = id;
    t.add(route);
  }
  for (Table& t : tables_) t.finish(t.id == kMergedTable);
}

const Table* Fib::table(std::uint32_t id) const {
  const auto at = std::ranges::find(tables_, id, &Table::id);
  return at == tables_.end() ? nullptr : &*at;
}

// fib_table_lookup(): over the aliases of one prefix.
bool Fib::choose4(const Table::Entry& entry, const Ask& ask, std::vector<Hit>& out) const {
  for (const model::Route* route : entry.routes) {
    if (route->tos != 0 && route->tos != ask.tos) continue;
    if (const NetError e = error_of_type(route->type); e != NetError::kNone) {
      out.push_back({e, route, nullptr, nullptr, false, {}});
      return true;
    }
    if ((route->flags & kHopDead) != 0) continue;
    std::vector<const model::NextHop*> usable;
    for (const model::NextHop& hop : route->next_hops) {
      const Device* d = machine_->device(hop.link);
      if ((hop.flags & kHopDead) != 0 || (ask.oif && ask.oif != hop.link)) continue;
      if (!ask.ignore_linkstate && d != nullptr && d->ignore_linkdown4 &&
          (hop.flags & kHopLinkdown) != 0)
        continue;
      usable.push_back(&hop);
    }
    if (usable.empty()) continue;
    add_hops(*machine_, *route, usable, ask, !ask.oif, out);
    return true;
  }
  return false;
}

// find_rr_leaf(), rt6_score_route(): within the lowest metric that has any route that will do, the
// first of the best; the interface that was asked for is preferred, and demanded when strict.
bool Fib::choose6(const Table::Entry& entry, const Ask& ask, std::vector<Hit>& out) const {
  const IfIndex lo = machine_->loopback->index();
  const IfIndex wanted = ask.oif ? ask.oif : ask.iif == lo ? IfIndex{} : ask.iif;
  const auto score_of = [&](IfIndex at) {
    return !wanted || at == wanted ? 2 : ask.strict_interface ? -1 : 0;
  };
  for (auto at = entry.routes.begin(); at != entry.routes.end();) {
    const std::uint32_t metric = (*at)->metric;
    int best = -1;
    const model::Route* route = nullptr;
    std::vector<const model::NextHop*> hops;
    for (; at != entry.routes.end() && (*at)->metric == metric; ++at) {
      const model::Route& r = **at;
      if (r.source && r.source->length() > 0) {
        if (!ask.source.constant) {
          out.push_back(
              {NetError::kNone, &r, nullptr, nullptr, false, "a route that depends on the source"});
          return true;
        }
        if (!r.source->contains(*ask.source.constant)) continue;
      }
      if (error_of_type(r.type) != NetError::kNone) {
        if (const int s = score_of(lo); s > best) best = s, route = &r, hops.clear();
        continue;
      }
      for (const model::NextHop& hop : r.next_hops) {
        const Device* d = machine_->device(hop.link);
        if (d == nullptr || (hop.flags & kHopDead) != 0) continue;
        if (d->ignore_linkdown6 && (hop.flags & kHopLinkdown) != 0) continue;
        const int s = score_of(hop.link);
        if (s < 0) continue;
        if (s > best) {
          best = s, route = &r, hops.assign(1, &hop);
        } else if (s == best && route == &r && !hops.empty()) {
          hops.push_back(&hop);
        }
      }
    }
    if (route == nullptr) continue;
    if (hops.empty()) {
      out.push_back({error_of_type(route->type), route, nullptr, nullptr, false, {}});
    } else {
      add_hops(*machine_, *route, hops, ask, true, out);
    }
    return true;
  }
  return false;
}

void Fib::choose(const Table& table, const Table::Entry* entry, const Ask& ask,
                 const packet::PacketSet& set, std::vector<Case>& out) const {
  std::vector<Hit> hits;
  for (; entry != nullptr; entry = table.wider(*entry)) {
    if (family_ == IpFamily::kV4 ? choose4(*entry, ask, hits) : choose6(*entry, ask, hits)) break;
  }
  if (hits.empty()) hits.push_back({NetError::kAgain, nullptr, nullptr, nullptr, false, {}});
  for (const Hit& hit : hits) out.push_back({set, hit});
}

std::vector<Case> Fib::in_table(Algebra& algebra, std::uint32_t id, const Ask& ask,
                                const packet::PacketSet& set) const {
  std::vector<Case> out;
  const Table* t = table(id);
  if (t == nullptr) {
    out.push_back({set, {NetError::kAgain, nullptr, nullptr, nullptr, false, {}}});
    return out;
  }
  for (const Table::Part& part : t->find(algebra, ask.destination, set)) {
    choose(*t, part.entry, ask, part.set, out);
  }
  return out;
}

std::vector<Case> Fib::local_table(Algebra& algebra, const AddressOperand& address,
                                   const packet::PacketSet& set) const {
  Ask ask;
  ask.destination = address;
  ask.ignore_linkstate = true;
  return in_table(algebra, custom_ ? topology::rt_table::kLocal : kMergedTable, ask, set);
}

// fib_rule_match(): what is not about addresses and ports is the same for every packet of a
// question.
packet::PacketSet Fib::matches(Algebra& algebra, const model::RoutingRule& rule,
                               const Ask& ask) const {
  const auto on = [&](IfIndex index, const std::string& name) {
    const Device* d = machine_->device(index);
    return name.empty() || (d != nullptr && d->name() == name);
  };
  bool same =
      on(ask.iif, rule.in_interface) && on(ask.oif, rule.out_interface) &&
      ((rule.mark ^ ask.mark) & rule.mark_mask) == 0 && rule.tunnel_id == 0 && !rule.l3mdev &&
      (!rule.uid || (ask.uid >= rule.uid->first && ask.uid <= rule.uid->last)) &&
      (rule.tos == 0 || rule.tos == ask.tos) &&
      (!rule.protocol || *rule.protocol == IpProtocol::kHopByHop || *rule.protocol == ask.protocol);
  const bool by_source = rule.source && rule.source->length() > 0;
  if (by_source && family_ == IpFamily::kV6 && !ask.source_known) same = false;
  packet::PacketSet set = same ? algebra.all() : algebra.none();
  if (by_source) set = algebra.both(set, algebra.where(ask.source, *rule.source));
  if (rule.destination && rule.destination->length() > 0) {
    set = algebra.both(set, algebra.where(ask.destination, *rule.destination));
  }
  const auto port = [&](const std::optional<model::xt::PortRange>& range, const NumberOperand& n) {
    if (!range) return;
    set = algebra.both(
        set, algebra.where(n, packet::IntervalSet::range(range->first.number, range->last.number)));
  };
  port(rule.source_port, ask.source_port);
  port(rule.destination_port, ask.destination_port);
  return rule.inverted ? algebra.without(algebra.all(), set) : set;
}

void Fib::by_rules(Algebra& algebra, const Ask& ask, packet::PacketSet set, std::size_t from,
                   std::vector<Case>& out) const {
  for (std::size_t i = from; i < rules_.size() && !set.empty(); ++i) {
    const model::RoutingRule& rule = *rules_[i];
    if (rule.action == fr::kNop) continue;
    packet::PacketSet here = split_off(algebra, set, matches(algebra, rule, ask));
    if (here.empty()) continue;
    if (rule.other_conditions) {
      out.push_back({std::move(here),
                     {NetError::kNone, nullptr, nullptr, nullptr, false,
                      "a routing rule asks for what is not modelled"}});
      continue;
    }
    if (rule.action == fr::kGoto) {
      std::size_t to = i + 1;
      while (to < rules_.size() && rules_[to]->priority < rule.goto_priority) ++to;
      if (to == rules_.size() || rules_[to]->priority != rule.goto_priority) {
        set = algebra.either(set, here);  // no such target yet
      } else {
        by_rules(algebra, ask, std::move(here), to, out);
      }
      continue;
    }
    if (rule.action != fr::kTable) {
      Hit hit;
      hit.error = rule.action == fr::kUnreachable ? NetError::kNetUnreachable
                  : rule.action == fr::kProhibit  ? NetError::kDenied
                                                  : NetError::kInvalid;
      out.push_back({std::move(here), hit});
      continue;
    }
    for (Case& c : in_table(algebra, rule.table, ask, here)) {
      const bool next = c.hit.error == NetError::kAgain || (c.hit.ok() && suppressed(rule, c.hit));
      if (!next) {
        out.push_back(std::move(c));
      } else {
        set = algebra.either(set, c.set);
      }
    }
  }
  if (!set.empty()) out.push_back({std::move(set), {}});
}

std::vector<Case> Fib::lookup(Algebra& algebra, const Ask& ask,
                              const packet::PacketSet& set) const {
  std::vector<Case> out;
  if (custom_) {
    by_rules(algebra, ask, set, 0, out);
    return out;
  }
  const bool v4 = family_ == IpFamily::kV4;
  packet::PacketSet rest = set;
  Hit last;
  for (const std::uint32_t id : {v4 ? kMergedTable : topology::rt_table::kLocal,
                                 v4 ? topology::rt_table::kDefault : topology::rt_table::kMain}) {
    if (table(id) == nullptr) continue;
    packet::PacketSet next = algebra.none();
    for (Case& c : in_table(algebra, id, ask, rest)) {
      // The default rules hand on whatever main does not answer, IPv4's errors included.
      const bool final = c.hit.error != NetError::kAgain;
      if (final && !(v4 && id == kMergedTable && c.hit.error != NetError::kNone)) {
        out.push_back(std::move(c));
      } else if (final && table(topology::rt_table::kDefault) == nullptr) {
        out.push_back(std::move(c));
      } else {
        next = algebra.either(next, c.set);
      }
    }
    rest = std::move(next);
    if (rest.empty()) return out;
  }
  if (!rest.empty()) out.push_back({std::move(rest), last});
  return out;
}

}  // namespace bulkhead::reach::routes
