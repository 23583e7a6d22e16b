#include "reach/walk/rule_routes.h"

#include <algorithm>
#include <set>

#include "reach/walk/operands.h"

namespace bulkhead::reach::walks {
namespace {

namespace rtn = topology::rtn;

}  // namespace

const routes::Routes& RuleRoutes::own() const {
  if (routes_ == nullptr) routes_ = std::make_unique<routes::Routes>(machine_, algebra_.family());
  return *routes_;
}

std::string_view RuleRoutes::link_name(IfIndex index) const {
  const topology::Device* d = machine_.device(index);
  return d != nullptr ? std::string_view(d->name()) : std::string_view();
}

// inet_addr_type, inet_dev_addr_type; ipv6: nft_fib6_eval_type, xt_addrtype.c match_lookup_rt6.
std::uint8_t RuleRoutes::type_of(IpAddress a, const topology::Device* on) const {
  if (a.is_v4()) {
    if (a.octets()[0] == 0 || a == IpAddress::v4(0xffffffff)) return rtn::kBroadcast;
    if (a.is_multicast()) return rtn::kMulticast;
    const auto cases = own().fib().local_table(algebra_, AddressOperand::of(a), algebra_.all());
    const bool found = cases.size() == 1 && cases[0].hit.ok();
    return found && (on == nullptr || cases[0].hit.device == on) ? cases[0].hit.route->type
                                                                 : rtn::kUnicast;
  }
  if (on != nullptr && routes::device_has_address6(*on, a)) return rtn::kLocal;
  if (a.is_multicast()) return rtn::kMulticast;
  routes::Ask ask;
  ask.destination = AddressOperand::of(a);
  ask.source = AddressOperand::of(IpAddress::any(IpFamily::kV6));
  if (on != nullptr) ask.oif = on->index();
  const auto ways = own().output(algebra_, ask, false, false, algebra_.all());
  if (ways.size() != 1) return rtn::kUnicast;
  switch (ways[0].error) {
    case routes::NetError::kNone: break;
    case routes::NetError::kInvalid: return rtn::kBlackhole;
    case routes::NetError::kDenied: return rtn::kProhibit;
    case routes::NetError::kAgain: return rtn::kThrow;
    default: return rtn::kUnreachable;
  }
  if (ways[0].route_type == rtn::kAnycast) return rtn::kAnycast;
  return on == nullptr && ways[0].route_type == rtn::kLocal ? rtn::kLocal : rtn::kUnicast;
}

// The type can change only where a prefix of a table or a rule, or an own address, begins or ends.
std::vector<Surroundings::TypeRange> RuleRoutes::address_types(IpFamily family, IfIndex on) const {
  std::vector<TypeRange> out;
  if (family != algebra_.family()) return out;
  const IpAddress nowhere = IpAddress::any(family);
  std::set<IpAddress> begins{nowhere};
  const auto add = [&](const Prefix& p) {
    if (p.family() != family) return;
    begins.insert(p.first());
    if (const IpAddress after = p.last().next(); after != nowhere) begins.insert(after);
  };
  for (const routes::Table& t : own().fib().tables()) {
    for (const routes::Table::Entry& e : t.entries()) add(e.prefix);
  }
  for (const model::RoutingRule& r : machine_.ns->routing_rules) {
    if (r.destination) add(*r.destination);
  }
  for (const auto& [address, device] : machine_.addresses) add(Prefix::single(address));
  const bool v4 = family == IpFamily::kV4;
  for (const Prefix& p :
       v4 ? std::vector{Prefix::covering(nowhere, 8),
                        Prefix::covering(IpAddress::v4(0xe0000000), 4),
                        Prefix::single(IpAddress::v4(0xffffffff))}
          : std::vector{
                Prefix::covering(IpAddress::v6({0xff}), 8),
                Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10),
                Prefix::single(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}))}) {
    add(p);
  }
  const topology::Device* device = on ? machine_.device(on) : nullptr;
  for (auto at = begins.begin(); at != begins.end(); ++at) {
    const auto after = std::next(at);
    const IpAddress last = after == begins.end() ? Prefix::all(family).last() : after->previous();
    const std::uint8_t type = type_of(*at, device);
    if (type == rtn::kUnicast) continue;
    if (!out.empty() && out.back().type == type && out.back().last.next() == *at) {
      out.back().last = last;
    } else {
      out.push_back({*at, last, type});
    }
  }
  return out;
}

Result<std::vector<Surroundings::RouteCase>> RuleRoutes::routes(const RouteQuestion& q,
                                                                const Image& image) const {
  const Fields& fields = algebra_.fields();
  AddressOperand source, destination;
  std::uint32_t mark = 0;
  const bool followed = read(fields, image, Quantity::kSource, source) &&
                        read(fields, image, Quantity::kDestination, destination) &&
                        (!q.with_mark || read_constant(fields, image, Quantity::kMark, mark));
  if (!followed)
    return fail(ErrorCode::kUnsupported, "a route lookup for numbers that are mixtures");
  const bool v4 = algebra_.family() == IpFamily::kV4;
  routes::Ask ask;
  ask.destination = q.look_up_source ? source : destination;
  ask.source = q.look_up_source ? destination : source;
  ask.source_known = true;
  ask.mark = mark;
  ask.ignore_linkstate = true;
  const IfIndex lo = machine_.loopback->index();
  ask.iif = q.iif ? q.iif : lo;
  std::vector<RouteCase> out;
  const auto look = [&](const packet::PacketSet& set) {
    if (set.empty()) return;
    for (const routes::Case& c : own().fib().lookup(algebra_, ask, set)) {
      RouteCase r{c.set, false, rtn::kUnreachable, {}};
      if (c.hit.ok() && c.hit.route != nullptr) {
        r.found = true;
        r.type = c.hit.route->type;
        if (c.hit.hop != nullptr) r.oif = c.hit.hop->link;
        if (q.constraint) {
          r.found = std::ranges::any_of(c.hit.route->next_hops,
                                        [&](const auto& h) { return h.link == q.constraint; });
          if (r.found) r.oif = q.constraint;
        }
      }
      out.push_back(std::move(r));
    }
  };
  if (v4) {
    // An odd source counts as none.
    packet::PacketSet rest = algebra_.all();
    const packet::PacketSet odd = algebra_.either(
        algebra_.either(algebra_.where(ask.source, Prefix::covering(IpAddress::v4(0xe0000000), 4)),
                        algebra_.where(ask.source, IpAddress::v4(0xffffffff))),
        algebra_.where(ask.source, Prefix::covering(IpAddress::v4(0), 8)));
    const packet::PacketSet none = split_off(algebra_, rest, odd);
    look(rest);
    ask.source = AddressOperand::of(IpAddress());
    look(none);
  } else {
    packet::PacketSet rest = algebra_.all();
    const AddressOperand to = ask.destination;
    const packet::PacketSet strict = algebra_.either(
        algebra_.either(algebra_.where(to, Prefix::covering(IpAddress::v6({0xff}), 8)),
                        algebra_.where(to, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10))),
        algebra_.where(to, IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})));
    const packet::PacketSet strictly = split_off(algebra_, rest, strict);
    ask.iif = lo;
    look(rest);
    ask.strict_interface = true;
    ask.oif = q.constraint;
    if (ask.oif) ask.iif = q.iif ? q.iif : lo;
    look(strictly);
  }
  if (const auto& error = algebra_.error()) return std::unexpected(*error);
  return out;
}

}  // namespace bulkhead::reach::walks
