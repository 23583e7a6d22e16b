// IPv4 route decisions.
#include <algorithm>

#include "trace/route.h"
#include "trace/world_state.h"

namespace bulkhead::trace {
namespace {

bool is_zeronet(IpAddress a) {
  return a.octets()[0] == 0;
}
bool is_limited_broadcast(IpAddress a) {
  return a.v4_number() == 0xffffffffU;
}
const IpAddress kLoopback4 = IpAddress::v4(127, 0, 0, 1);

bool same_subnet(const model::Address& a, IpAddress other) {
  const std::uint32_t mask =
      a.prefix_length == 0 ? 0 : 0xffffffffU << (32 - std::min<unsigned>(a.prefix_length, 32));
  return ((a.peer.value_or(a.local).v4_number() ^ other.v4_number()) & mask) == 0;
}

std::uint8_t scope_of(const model::Address& a, bool route_localnet) {
  return std::min<std::uint8_t>(a.scope, route_localnet ? kScopeLink : kScopeHost);
}

// __ip_dev_find(): is this one of our addresses, or at least a local route?
bool is_ours(const Stack& stack, IpAddress address) {
  if (stack.machine->has_address(address)) return true;
  const RouteHit hit = stack.fib4().local_table(address);
  return hit.ok() && hit.route->type == rtn::kLocal;
}

Dst output_dst(Dst::Kind kind, Device* device, const RouteHit& hit) {
  Dst dst;
  dst.kind = kind;
  dst.device = device;
  dst.route = hit.route;
  if (hit.hop != nullptr) dst.gateway = hit.hop->gateway;
  return dst;
}

// __mkroute_output()
Output make_output(const Machine& machine, const Flow& flow, IpAddress source, const RouteHit& hit,
                   std::uint8_t type, Device* device) {
  Output out;
  out.source = source;
  if (device == nullptr) {
    out.error = NetError::kNoDevice;
    return out;
  }
  if (!device->route_localnet && source.is_loopback() && !device->loopback) {
    out.error = NetError::kInvalid;
    return out;
  }
  if (is_zeronet(flow.destination) && !flow.destination.is_unspecified()) {
    out.error = NetError::kInvalid;
    return out;
  }
  out.dst = output_dst(Dst::Kind::kOutput, device, hit);
  if (type != rtn::kUnicast) out.dst.gateway.reset();
  out.dst.local = type == rtn::kLocal || device->loopback;
  out.dst.group = type == rtn::kBroadcast || type == rtn::kMulticast ||
                  is_limited_broadcast(flow.destination) || flow.destination.is_multicast();
  static_cast<void>(machine);
  return out;
}

Output failed(NetError error) {
  Output out;
  out.error = error;
  return out;
}

// fib_validate_source(): may this source come in here? Empty: yes.
std::string_view refuse_source(const Stack& stack, const Device& in, const Packet& packet,
                               bool is_arp, IpAddress destination, IpAddress source, IfIndex oif,
                               Choices* choices) {
  const Machine& machine = *stack.machine;
  const int strictness = in.rp_filter;
  if (strictness == 0) {
    if (in.accept_local) return {};
    if (!machine.custom_local_routes && !stack.fib4().custom_rules()) {
      return machine.has_address(source)
                 ? "source is one of the receiver's own addresses (accept_local is off)"
                 : std::string_view{};
    }
  }
  Flow flow;
  flow.destination = source;
  flow.source = destination;
  flow.source_known = true;
  flow.iif = oif ? oif : machine.loopback->index();
  flow.mark = in.source_valid_mark ? packet.mark : 0;
  flow.tos = packet.tos & 0x1c;
  if (stack.fib4().dissects() && !is_arp) {
    flow.protocol = packet.protocol;
    flow.source_port = packet.destination_port;
    flow.destination_port = packet.source_port;
  }
  const RouteHit hit = stack.fib4().lookup(flow, false, choices);
  if (!hit.ok()) return strictness != 0 ? "reverse path filter: no route back to the source" : "";
  if (hit.route->type != rtn::kUnicast && (hit.route->type != rtn::kLocal || !in.accept_local)) {
    return "source is one of the receiver's own or a broadcast address";
  }
  const bool by_this =
      std::ranges::any_of(hit.route->next_hops,
                          [&](const model::NextHop& hop) { return hop.link == in.index(); }) ||
      (hit.route->type == rtn::kLocal && in.loopback);
  if (by_this) return {};
  if (in.addresses4.empty()) {
    return strictness != 0 ? "reverse path filter: the interface has no address"
                           : std::string_view{};
  }
  return strictness == 1
             ? "reverse path filter (strict): the source is reached by another interface"
             : std::string_view{};
}

}  // namespace

std::optional<IpAddress> select_address4(const Machine& machine, const Device* device,
                                         std::optional<IpAddress> toward, std::uint8_t scope) {
  if (device != nullptr) {
    const model::Address* first = nullptr;
    for (const model::Address* a : device->addresses4) {
      if ((a->flags & kAddressSecondary) != 0) continue;
      if (scope_of(*a, device->route_localnet) > scope) continue;
      if (!toward || same_subnet(*a, *toward)) return a->local;
      if (first == nullptr) first = a;
    }
    if (first != nullptr) return first->local;
  }
  for (const auto& other : machine.devices) {
    for (const model::Address* a : other->addresses4) {
      if ((a->flags & kAddressSecondary) != 0 || a->scope == kScopeLink || a->scope > scope)
        continue;
      return a->local;
    }
  }
  return std::nullopt;
}

std::uint8_t address_type4(const Stack& stack, IpAddress address, const Device* device) {
  if (is_zeronet(address) || is_limited_broadcast(address)) return rtn::kBroadcast;
  if (address.is_multicast()) return rtn::kMulticast;
  const RouteHit hit = stack.fib4().local_table(address);
  if (!hit.ok()) return rtn::kUnicast;
  return device == nullptr || hit.device == device ? hit.route->type : rtn::kUnicast;
}

Output route_output4(const Stack& stack, const Flow& asked, bool any_source, Choices* choices) {
  const Machine& machine = *stack.machine;
  Flow flow = asked;
  flow.iif = machine.loopback->index();
  const bool has_source = !flow.source.is_unspecified();
  if (has_source) {
    if (flow.source.is_multicast() || is_limited_broadcast(flow.source) ||
        is_zeronet(flow.source)) {
      return failed(NetError::kInvalid);
    }
    if (!any_source && !is_ours(stack, flow.source)) return failed(NetError::kInvalid);
  }
  Device* out = flow.oif ? machine.device(flow.oif) : nullptr;
  if (flow.oif && out == nullptr) return failed(NetError::kNoDevice);
  if (out != nullptr && !out->up) return failed(NetError::kNetUnreachable);
  if (flow.destination.is_unspecified()) {
    flow.destination = has_source ? flow.source : kLoopback4;
    return make_output(machine, flow, has_source ? flow.source : kLoopback4, {}, rtn::kLocal,
                       machine.loopback);
  }
  RouteHit hit = stack.fib4().lookup(flow, false, choices);
  if (!hit.ok()) {
    if (out == nullptr) return failed(hit.error);
    // The tables know no way, but the socket is bound to an interface: taken as on-link there.
    const IpAddress source =
        has_source ? flow.source
                   : select_address4(machine, out, std::nullopt, kScopeLink).value_or(IpAddress());
    return make_output(machine, flow, source, {}, rtn::kUnicast, out);
  }
  if (hit.route->type == rtn::kLocal) {
    const IpAddress source =
        has_source ? flow.source : hit.route->preferred_source.value_or(flow.destination);
    Output o = make_output(machine, flow, source, hit, rtn::kLocal, machine.loopback);
    if (hit.hop != nullptr) o.dst.arrives_at = hit.hop->link;
    return o;
  }
  IpAddress source = flow.source;
  if (!has_source) {
    std::optional<IpAddress> toward = hit.hop != nullptr ? hit.hop->gateway : std::nullopt;
    if (toward && toward->is_v6()) toward.reset();
    source =
        hit.route->preferred_source
            ? *hit.route->preferred_source
            : select_address4(machine, hit.device, toward, hit.route->scope).value_or(IpAddress());
  }
  Output o = make_output(machine, flow, source, hit, hit.route->type, hit.device);
  return o;
}

bool route_input4(const Stack& stack, const Device& in, const Packet& packet, bool is_arp,
                  IpAddress destination, IpAddress source, Choices* choices, Dst& out,
                  std::string_view& why) {
  const Machine& machine = *stack.machine;
  out = {};
  out.input = true;
  out.arrives_at = in.index();
  if (source.is_multicast() || is_limited_broadcast(source)) {
    why = "martian source (multicast or broadcast)";
    return false;
  }
  const bool to_all = is_limited_broadcast(destination) ||
                      (source.is_unspecified() && destination.is_unspecified());
  if (!to_all && (is_zeronet(source) || is_zeronet(destination))) {
    why = "martian address 0.0.0.0/8";
    return false;
  }
  if (!to_all && !in.route_localnet && (destination.is_loopback() || source.is_loopback())) {
    why = "martian 127.0.0.0/8 from the network (route_localnet is off)";
    return false;
  }
  RouteHit hit;
  std::uint8_t type = rtn::kBroadcast;
  if (!to_all) {
    Flow flow;
    flow.destination = destination;
    flow.source = source;
    flow.source_known = true;
    flow.iif = in.index();
    flow.mark = packet.mark;
    flow.tos = packet.tos & 0x1c;
    if (stack.fib4().dissects() && !is_arp) {
      flow.protocol = packet.protocol;
      flow.source_port = packet.source_port;
      flow.destination_port = packet.destination_port;
    }
    hit = stack.fib4().lookup(flow, false, choices);
    out.route = hit.route;
    if (!hit.ok()) {
      out.kind = Dst::Kind::kError;
      out.device = machine.loopback;
      out.error = in.forward4 ? hit.error : NetError::kHostUnreachable;
      return true;
    }
    type = hit.route->type;
  }
  if (type == rtn::kBroadcast) {
    if (is_arp) {
      why = "a broadcast address is asked for";
      return false;
    }
    if (!is_zeronet(source)) {
      why = refuse_source(stack, in, packet, is_arp, IpAddress(), source, {}, choices);
      if (!why.empty()) return false;
    }
    out.kind = Dst::Kind::kLocal;
    out.device = machine.loopback;
    out.local = out.group = true;
    return true;
  }
  if (type == rtn::kLocal) {
    why = refuse_source(stack, in, packet, is_arp, destination, source, {}, choices);
    if (!why.empty()) return false;
    out.kind = Dst::Kind::kLocal;
    out.device = machine.loopback;
    out.local = true;
    return true;
  }
  if (!in.forward4) {
    out.kind = Dst::Kind::kError;
    out.device = machine.loopback;
    out.error = NetError::kHostUnreachable;
    return true;
  }
  if (type != rtn::kUnicast || hit.device == nullptr) {
    why = "martian destination (not a unicast route)";
    return false;
  }
  why = refuse_source(stack, in, packet, is_arp, destination, source, hit.hop->link, choices);
  if (!why.empty()) return false;
  out.kind = Dst::Kind::kForward;
  out.device = hit.device;
  out.gateway = hit.hop->gateway;
  return true;
}

Surroundings::FibAnswer Stack::fib_route(IpAddress lookup, IpAddress other, std::uint32_t mark,
                                         IfIndex iif, IfIndex oif_constraint) const {
  FibAnswer answer;
  Flow flow;
  flow.destination = lookup;
  flow.source = other;
  flow.source_known = !other.is_unspecified();
  flow.mark = mark;
  flow.iif = iif ? iif : machine->loopback->index();
  if (lookup.is_v6()) {
    flow.strict_interface = needs_strict_interface(lookup);
    if (flow.strict_interface) flow.oif = oif_constraint;
    if (!flow.oif) flow.iif = machine->loopback->index();
  }
  const RouteHit hit =
      lookup.is_v4() ? fib4().lookup(flow, true, nullptr) : fib6().lookup(flow, nullptr);
  if (!hit.ok() || hit.route == nullptr) return answer;
  answer.type = hit.route->type;
  answer.found = true;
  if (hit.hop != nullptr) answer.oif = hit.hop->link;
  if (!oif_constraint) return answer;
  answer.found = std::ranges::any_of(
      hit.route->next_hops, [&](const model::NextHop& hop) { return hop.link == oif_constraint; });
  if (answer.found) answer.oif = oif_constraint;
  return answer;
}

}  // namespace bulkhead::trace
