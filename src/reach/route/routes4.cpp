#include <algorithm>

#include "reach/route/routes.h"

namespace bulkhead::reach::routes {
namespace {

namespace rtn = topology::rtn;

IpAddress v4(std::uint32_t n) {
  return IpAddress::v4(n);
}
const Prefix& zeronet() {
  static const Prefix kPrefix = Prefix::covering(v4(0), 8);
  return kPrefix;
}
const Prefix& loopnet() {
  static const Prefix kPrefix = Prefix::covering(v4(0x7f000000), 8);
  return kPrefix;
}
const Prefix& multicast() {
  static const Prefix kPrefix = Prefix::covering(v4(0xe0000000), 4);
  return kPrefix;
}
const IpAddress kBroadcast = IpAddress::v4(255, 255, 255, 255),
                kNowhere = IpAddress::v4(0, 0, 0, 0);

void add_error(std::vector<Way>& out, packet::PacketSet set, NetError error) {
  if (set.empty()) return;
  out.push_back({std::move(set), {}, error, {}, {}, {}});
}
void add_dropped(std::vector<Way>& out, packet::PacketSet set, std::string_view why) {
  if (set.empty()) return;
  out.push_back({std::move(set), {}, NetError::kNone, {}, why, {}});
}
void add_unknown(std::vector<Way>& out, packet::PacketSet set, std::string_view why) {
  if (set.empty()) return;
  out.push_back({std::move(set), {}, NetError::kNone, {}, {}, why});
}

}  // namespace

std::uint8_t Routes::address_type4(Algebra& algebra, IpAddress a) const {
  if (zeronet().contains(a) || a == kBroadcast) return rtn::kBroadcast;
  if (a.is_multicast()) return rtn::kMulticast;
  const auto cases = fib_.local_table(algebra, AddressOperand::of(a), algebra.all());
  return cases.size() == 1 && cases[0].hit.ok() ? cases[0].hit.route->type : rtn::kUnicast;
}

packet::PacketSet Routes::local_or_unicast4(Algebra& algebra, const AddressOperand& a) const {
  packet::PacketSet odd =
      algebra.either(algebra.either(algebra.where(a, zeronet()), algebra.where(a, multicast())),
                     algebra.where(a, kBroadcast));
  for (const Case& c : fib_.local_table(algebra, a, algebra.all())) {
    const bool usual =
        !c.hit.ok() || c.hit.route->type == rtn::kLocal || c.hit.route->type == rtn::kUnicast;
    if (!usual) odd = algebra.either(odd, c.set);
  }
  return algebra.without(algebra.all(), odd);
}

// __mkroute_output()
void Routes::make_output4(Algebra& algebra, const Ask& ask, const Case& c, std::uint8_t type,
                          Device* device, const AddressOperand& source,
                          std::vector<Way>& out) const {
  packet::PacketSet set = c.set;
  if (device == nullptr) return add_error(out, std::move(set), NetError::kNoDevice);
  if (!device->route_localnet && !device->loopback) {
    add_error(out, split_off(algebra, set, algebra.where(source, loopnet())), NetError::kInvalid);
  }
  const packet::PacketSet odd = algebra.without(algebra.where(ask.destination, zeronet()),
                                                algebra.where(ask.destination, kNowhere));
  add_error(out, split_off(algebra, set, odd), NetError::kInvalid);
  Dst dst;
  dst.kind = Dst::Kind::kOutput;
  dst.device = device;
  dst.local = type == rtn::kLocal || device->loopback;
  dst.preferred_source = c.hit.route != nullptr && c.hit.route->preferred_source.has_value();
  if (c.hit.hop != nullptr) {
    if (type == rtn::kUnicast) dst.gateway = c.hit.hop->gateway;
    if (type == rtn::kLocal) dst.arrives_at = c.hit.hop->link;
    if (c.hit.by_hash) dst.hop = c.hit.hop;
  }
  const packet::PacketSet grouped = algebra.either(algebra.where(ask.destination, multicast()),
                                                   algebra.where(ask.destination, kBroadcast));
  packet::PacketSet some = split_off(algebra, set, grouped);
  dst.group = true;
  if (!some.empty()) out.push_back({std::move(some), dst, NetError::kNone, source, {}, {}});
  dst.group = type == rtn::kBroadcast || type == rtn::kMulticast;
  if (!set.empty()) out.push_back({std::move(set), dst, NetError::kNone, source, {}, {}});
}

// __ip_dev_find(): one of our addresses, or at least a local route.
packet::PacketSet Routes::ours(Algebra& algebra, const AddressOperand& address) const {
  if (address.constant && machine_.has_address(*address.constant)) return algebra.all();
  packet::PacketSet out = algebra.none();
  if (!address.constant) {
    if (const auto known = ours_.find(address.field); known != ours_.end()) return known->second;
    out = algebra.where(address, addresses_of(machine_));
  }
  for (const Case& c : fib_.local_table(algebra, address, algebra.all())) {
    if (c.hit.ok() && c.hit.route->type == rtn::kLocal) out = algebra.either(out, c.set);
  }
  if (!address.constant) ours_.emplace(address.field, out);
  return out;
}

void Routes::output4(Algebra& algebra, const Ask& asked, bool any_source, packet::PacketSet set,
                     std::vector<Way>& out) const {
  Ask ask = asked;
  ask.iif = machine_.loopback->index();
  const bool has_source = !ask.source.is(kNowhere);
  if (has_source) {
    const packet::PacketSet odd =
        algebra.either(algebra.either(algebra.where(ask.source, multicast()),
                                      algebra.where(ask.source, kBroadcast)),
                       algebra.where(ask.source, zeronet()));
    add_error(out, split_off(algebra, set, odd), NetError::kInvalid);
    if (!any_source)
      add_error(out, algebra.without(set, ours(algebra, ask.source)), NetError::kInvalid);
    if (!any_source) set = algebra.both(set, ours(algebra, ask.source));
  }
  Device* bound = ask.oif ? machine_.device(ask.oif) : nullptr;
  if (ask.oif && bound == nullptr) return add_error(out, std::move(set), NetError::kNoDevice);
  if (bound != nullptr && !bound->up)
    return add_error(out, std::move(set), NetError::kNetUnreachable);
  packet::PacketSet nowhere = split_off(algebra, set, algebra.where(ask.destination, kNowhere));
  if (!nowhere.empty()) {
    const AddressOperand own = has_source ? ask.source : AddressOperand::of(v4(0x7f000001));
    Ask to_self = ask;
    to_self.destination = own;
    make_output4(algebra, to_self, {std::move(nowhere), {}}, rtn::kLocal, machine_.loopback, own,
                 out);
  }
  if (set.empty()) return;
  for (const Case& c : fib_.lookup(algebra, ask, set)) {
    if (!c.hit.unknown.empty()) {
      add_unknown(out, c.set, c.hit.unknown);
      continue;
    }
    AddressOperand source = ask.source;
    if (!c.hit.ok()) {
      if (bound == nullptr) {
        add_error(out, c.set, c.hit.error);
        continue;
      }
      // The tables know no way, but the socket is bound to an interface: taken as on-link there.
      if (!has_source)
        source =
            AddressOperand::of(select_address4(machine_, bound, std::nullopt, topology::kScopeLink)
                                   .value_or(kNowhere));
      make_output4(algebra, ask, {c.set, {}}, rtn::kUnicast, bound, source, out);
      continue;
    }
    const model::Route& route = *c.hit.route;
    if (route.type == rtn::kLocal) {
      if (!has_source)
        source =
            route.preferred_source ? AddressOperand::of(*route.preferred_source) : ask.destination;
      make_output4(algebra, ask, c, rtn::kLocal, machine_.loopback, source, out);
      continue;
    }
    if (!has_source) {
      std::optional<IpAddress> toward = c.hit.hop != nullptr ? c.hit.hop->gateway : std::nullopt;
      if (toward && toward->is_v6()) toward.reset();
      const auto chosen = route.preferred_source
                              ? route.preferred_source
                              : select_address4(machine_, c.hit.device, toward, route.scope);
      source = AddressOperand::of(chosen.value_or(kNowhere));
    }
    make_output4(algebra, ask, c, route.type, c.hit.device, source, out);
  }
}

packet::PacketSet Routes::accepted_source(Algebra& algebra, const Device& in, const Ask& ask,
                                          bool arp, IfIndex oif, const packet::PacketSet& set,
                                          std::vector<Way>& out) const {
  const int strictness = in.rp_filter;
  if (strictness == 0) {
    if (in.accept_local) return set;
    if (!machine_.custom_local_routes && !fib_.custom_rules()) {
      const packet::PacketSet own = algebra.where(ask.source, addresses_of(machine_));
      packet::PacketSet rest = set;
      add_dropped(out, split_off(algebra, rest, own),
                  "source is one of the receiver's own addresses (accept_local is off)");
      return rest;
    }
  }
  Ask back;
  back.destination = ask.source;
  back.source = ask.destination;
  back.source_known = true;
  back.iif = oif ? oif : machine_.loopback->index();
  back.mark = in.source_valid_mark ? ask.mark : 0;
  back.tos = ask.tos;
  back.chosen = ask.chosen;
  if (fib_.asks_for_ports() && !arp) {
    back.protocol = ask.protocol;
    back.source_port = ask.destination_port;
    back.destination_port = ask.source_port;
  }
  packet::PacketSet passed = algebra.none();
  for (const Case& c : fib_.lookup(algebra, back, set)) {
    std::string_view why;
    if (!c.hit.unknown.empty()) {
      add_unknown(out, c.set, c.hit.unknown);
      continue;
    }
    if (!c.hit.ok()) {
      if (strictness != 0) why = "reverse path filter: no route back to the source";
    } else if (c.hit.route->type != rtn::kUnicast &&
               (c.hit.route->type != rtn::kLocal || !in.accept_local)) {
      why = "source is one of the receiver's own or a broadcast address";
    } else {
      const auto& hops = c.hit.route->next_hops;
      const bool here =
          std::ranges::any_of(hops, [&](const auto& h) { return h.link == in.index(); }) ||
          (c.hit.route->type == rtn::kLocal && in.loopback);
      if (here) {
      } else if (in.addresses4.empty()) {
        if (strictness != 0) why = "reverse path filter: the interface has no address";
      } else if (strictness == 1) {
        why = "reverse path filter (strict): the source is reached by another interface";
      }
    }
    if (why.empty()) {
      passed = algebra.either(passed, c.set);
    } else {
      add_dropped(out, c.set, why);
    }
  }
  return passed;
}

void Routes::input4(Algebra& algebra, const Device& in, const Ask& ask, bool arp,
                    packet::PacketSet set, std::vector<Way>& out) const {
  const AddressOperand &from = ask.source, &to = ask.destination;
  add_dropped(
      out,
      split_off(algebra, set,
                algebra.either(algebra.where(from, multicast()), algebra.where(from, kBroadcast))),
      "martian source (multicast or broadcast)");
  packet::PacketSet to_all = split_off(
      algebra, set,
      algebra.either(algebra.where(to, kBroadcast),
                     algebra.both(algebra.where(from, kNowhere), algebra.where(to, kNowhere))));
  add_dropped(
      out,
      split_off(algebra, set,
                algebra.either(algebra.where(from, zeronet()), algebra.where(to, zeronet()))),
      "martian address 0.0.0.0/8");
  if (!in.route_localnet) {
    add_dropped(
        out,
        split_off(algebra, set,
                  algebra.either(algebra.where(from, loopnet()), algebra.where(to, loopnet()))),
        "martian 127.0.0.0/8 from the network (route_localnet is off)");
  }
  Dst dst;
  dst.input = true;
  dst.arrives_at = in.index();
  dst.device = machine_.loopback;
  std::vector<Case> cases;
  if (!set.empty()) cases = fib_.lookup(algebra, ask, set);
  packet::PacketSet broadcast = std::move(to_all);
  for (const Case& c : cases) {
    if (!c.hit.unknown.empty()) {
      add_unknown(out, c.set, c.hit.unknown);
      continue;
    }
    if (!c.hit.ok()) {
      Dst d = dst;
      d.kind = Dst::Kind::kError;
      d.error = in.forward4 ? c.hit.error : NetError::kHostUnreachable;
      out.push_back({c.set, d, NetError::kNone, {}, {}, {}});
      continue;
    }
    Dst d = dst;
    if (c.hit.by_hash) d.hop = c.hit.hop;
    const std::uint8_t type = c.hit.route->type;
    if (type == rtn::kBroadcast) {
      broadcast = algebra.either(broadcast, c.set);
    } else if (type == rtn::kLocal) {
      d.kind = Dst::Kind::kLocal;
      d.local = true;
      packet::PacketSet ok = accepted_source(algebra, in, ask, arp, {}, c.set, out);
      if (!ok.empty()) out.push_back({std::move(ok), d, NetError::kNone, {}, {}, {}});
    } else if (!in.forward4) {
      d.kind = Dst::Kind::kError;
      d.error = NetError::kHostUnreachable;
      out.push_back({c.set, d, NetError::kNone, {}, {}, {}});
    } else if (type != rtn::kUnicast || c.hit.device == nullptr) {
      add_dropped(out, c.set, "martian destination (not a unicast route)");
    } else {
      d.kind = Dst::Kind::kForward;
      d.device = c.hit.device;
      d.gateway = c.hit.hop->gateway;
      packet::PacketSet ok = accepted_source(algebra, in, ask, arp, c.hit.hop->link, c.set, out);
      if (!ok.empty()) out.push_back({std::move(ok), d, NetError::kNone, {}, {}, {}});
    }
  }
  if (broadcast.empty()) return;
  if (arp) return add_dropped(out, std::move(broadcast), "a broadcast address is asked for");
  packet::PacketSet from_zero = split_off(algebra, broadcast, algebra.where(from, zeronet()));
  Ask unaddressed = ask;
  unaddressed.destination = AddressOperand::of(kNowhere);
  if (!broadcast.empty())
    broadcast = accepted_source(algebra, in, unaddressed, arp, {}, broadcast, out);
  broadcast = algebra.either(broadcast, from_zero);
  if (broadcast.empty()) return;
  dst.kind = Dst::Kind::kLocal;
  dst.local = dst.group = true;
  out.push_back({std::move(broadcast), dst, NetError::kNone, {}, {}, {}});
}

std::vector<Way> Routes::output(Algebra& algebra, const Ask& ask, bool any_source,
                                bool bound_device, const packet::PacketSet& set) const {
  std::vector<Way> out;
  if (family_ == IpFamily::kV4) {
    output4(algebra, ask, any_source, set, out);
  } else {
    output6(algebra, ask, bound_device, set, out);
  }
  return out;
}

std::vector<Way> Routes::input(Algebra& algebra, const Device& in, Ask ask, bool arp,
                               const packet::PacketSet& set) const {
  std::vector<Way> out;
  ask.iif = in.index();
  ask.source_known = true;
  if (family_ == IpFamily::kV4) {
    ask.tos &= 0x1c;
    if (!fib_.asks_for_ports() || arp) {
      ask.protocol = IpProtocol::kHopByHop;
      ask.source_port = ask.destination_port = {};
    }
    input4(algebra, in, ask, arp, set, out);
  } else {
    if (!fib_.asks_for_ports()) ask.source_port = ask.destination_port = {};
    input6(algebra, in, ask, set, out);
  }
  return out;
}

}  // namespace bulkhead::reach::routes
