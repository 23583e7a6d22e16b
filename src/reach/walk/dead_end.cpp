// Packets that need not be followed: whatever becomes of them on the machine to which a wire leads,
// its rules drop them (lookahead.h).
#include <algorithm>
#include <array>

#include "reach/walk/lookahead.h"
#include "reach/walk/operands.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

// Nothing takes packets out of it but the machine's own stack.
bool is_bare(const Hooks& hooks, const Device& dev) {
  return dev.up && !dev.link->xdp && !dev.link->tc_filters && dev.children.empty() &&
         !dev.unmodelled_master && !hooks.has_chains_on(dev, HookPoint::kNetdevIngress) &&
         !hooks.has_chains_on(dev, HookPoint::kInetIngress) &&
         !hooks.has_chains_on(dev, HookPoint::kNetdevEgress);
}

bool is_plain_port(const Device& port) {
  const model::BridgePort settings = port.link->port.value_or(model::BridgePort());
  return port.kind == DeviceKind::kVeth && port.peer != nullptr && port.children.empty() &&
         !settings.locked && !settings.proxy_arp && !settings.neigh_suppress;
}

}  // namespace

// What is sent by the device comes to another machine and cannot but meet its IP forward or input
// hook there: the wire leads to it alone, and where that is a port of a bridge, the bridge shows
// all that it switches to these hooks, and nothing on it stands beside them.
bool Walk::meets_ip_hooks(const Device& from) const {
  if (from.kind != DeviceKind::kVeth || from.peer == nullptr || !is_bare(hooks_, from))
    return false;
  const Device& to = *from.peer;
  const Machine& m = *to.machine;
  if (&m == from.machine || m.loopback == nullptr || m.rules_unknown || m.routes_unknown)
    return false;
  if (!is_bare(hooks_, to)) return false;
  if (to.bridge == nullptr) return true;
  const Device& bridge = *to.bridge;
  const bool shown =
      algebra_.family() == IpFamily::kV4 ? bridge.call_iptables : bridge.call_ip6tables;
  const bool filters_vlans = bridge.link->bridge && bridge.link->bridge->vlan_filtering;
  return shown && !filters_vlans && bridge.bridge == nullptr && is_bare(hooks_, bridge) &&
         std::ranges::all_of(bridge.ports, [](const Device* port) { return is_plain_port(*port); });
}

// Of packets about to leave by the device. They are the first of their connection, so that the
// other machine's connection tracking knows nothing of it.
void Walk::cut_off(const Device& dev, Flow& flow) {
  if (!flow.ours || flow.leg != Leg::kRequest || flow.established || flow.p.is_icmp()) return;
  if (forgery_ || carrying_ || flow.p.tagged) return;
  const auto [known, fresh] = meets_ip_hooks_.try_emplace(&dev, false);
  if (fresh) known->second = meets_ip_hooks(dev);
  if (!known->second) return;
  const Device& to = *dev.peer;
  const Machine& m = *to.machine;
  const auto of_it = [&](const Connection& c) { return c.machine == &m; };
  if (std::ranges::any_of(flow.connections, of_it)) return;
  const Fields& fields = algebra_.fields();
  const Device& in = to.bridge != nullptr ? *to.bridge : to;
  const CtInfo info = hooks_.tracks_connections(m) ? CtInfo::kNew : CtInfo::kNone;
  Image image;
  const auto set = [&](Quantity q, std::uint64_t n) {
    image.set(fields, q, constant_bits(n, fields.bits(q)));
  };
  set(Quantity::kIif, hooks_.number(in));
  set(Quantity::kProtocol, static_cast<std::uint8_t>(flow.p.t.protocol));
  set(Quantity::kTcpFlags, flow.p.tcp_flags);
  set(Quantity::kCtInfo, static_cast<std::uint64_t>(info));
  image.set(fields, Quantity::kSource, bits_of(fields, flow.p.t.source));
  image.set(fields, Quantity::kDestination, bits_of(fields, flow.p.t.destination));
  image.set(fields, Quantity::kSourcePort, bits_of(fields, flow.p.t.source_port, 16));
  image.set(fields, Quantity::kDestinationPort, bits_of(fields, flow.p.t.destination_port, 16));
  const auto past = hooks_.may_get_past(m, image);
  if (!past) return;
  Flow dropped = flow;
  flow.set = split_off(algebra_, dropped.set, *past);
  if (!dropped.set.empty()) drop(std::move(dropped), "dropped by a rule");
}

// Beyond the port sits one machine that answers for its own addresses alone, and rules do no more
// to questions on their way there than to drop them.
bool Walk::hears_for_itself(const Device& port) const {
  if (port.kind != DeviceKind::kVeth || port.peer == nullptr) return false;
  const Device& far = *port.peer;
  const Machine& m = *far.machine;
  if (!is_bare(hooks_, port) || !is_bare(hooks_, far) || far.bridge != nullptr ||
      &m == port.machine)
    return false;
  if (m.loopback == nullptr || m.rules_unknown || m.routes_unknown ||
      std::ranges::any_of(m.ns->routes, &Residents::is_range))
    return false;
  const bool proxy =
      far.proxy_arp || far.link->ipv4.proxy_arp_pvlan != 0 || !far.neighbours.empty();
  if (proxy || routes(m).fib().custom_rules() || hooks_.has_chains(m, HookPoint::kArpInput))
    return false;
  return std::ranges::all_of(
      std::array{HookPoint::kBridgeForward, HookPoint::kBridgeOutput, HookPoint::kBridgePostrouting,
                 HookPoint::kArpForward},
      [&](HookPoint point) { return hooks_.only_drops(*port.machine, point, FrameKind::kArp); });
}

// Nothing comes of it that the port hears an ARP question.
bool Walk::is_deaf(const Device& port, const Flow& flow) {
  if (!verdicts_alone_ || !flow.p.is_arp || flow.p.tagged || !flow.p.neighbour) return false;
  const NeighbourMessage& q = *flow.p.neighbour;
  if (!q.request || q.target.is_loopback() || port.peer == nullptr) return false;
  const auto [known, fresh] = hears_for_itself_.try_emplace(&port, false);
  if (fresh) known->second = hears_for_itself(port);
  return known->second && !port.peer->machine->has_address(q.target);
}

}  // namespace bulkhead::reach::walks
