// VXLAN: a frame in a UDP packet of its own machine, and out of the device that takes it at the
// other end (drivers/net/vxlan/vxlan_core.c, net/ipv4/udp_tunnel_core.c).
//
// Where that packet gets to does not depend on the packets within, but for their mark, TOS and hop
// limit, which are constants of a flow. So it is asked for once (Underlay).
#include "topology/vxlan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "reach/walk/underlay.h"
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

std::string around(const topology::VxlanPacket& p) {
  return "the VXLAN packet of " + escape_text(p.from->name()) + " to " + p.remote.to.to_string();
}

}  // namespace

void Walk::transmit_vxlan(Device& dev, Flow flow) {
  if (std::string why = topology::vxlan_unmodelled(dev); !why.empty())
    return unknown(std::move(flow), why);
  const bool question = flow.p.neighbour && (flow.p.is_arp || flow.p.icmp_type == 135);
  const std::optional<model::VxlanInfo>& settings = dev.link->vxlan;
  if (settings && settings->proxy && question) return proxied(dev, flow);
  if (may_be_drawn(dev, flow))
    return unknown(std::move(flow), "whether a frame with another's MAC address gets into " +
                                        escape_text(dev.name()));
  topology::VxlanWay way = topology::vxlan_way(topology_, dev, flow.p.destination_mac);
  if (!way.unknown.empty()) return unknown(std::move(flow), way.unknown);
  if (underlay_ == nullptr) return unknown(std::move(flow), "packets within packets without end");
  if (way.learned_from != nullptr && way.heard_by &&
      !topology::vxlan_learn(
          dev, underlay_->carry(topology::vxlan_packet(*way.learned_from, *way.heard_by, {})), way))
    return unknown(std::move(flow), way.unknown);
  if (way.remotes.empty())
    return drop(std::move(flow), "the VXLAN device knows nobody who has that MAC address: " +
                                     escape_text(dev.name()));
  send_vxlan(dev, flow, way.remotes);
}

void Walk::send_vxlan(Device& dev, const Flow& flow,
                      const std::vector<topology::VxlanRemote>& remotes) {
  std::vector<topology::VxlanTaker> copies;
  bool outside = false;
  std::string lost;
  for (const topology::VxlanRemote& remote : remotes) {
    if (remote.to.family() != topology::vxlan_family(dev)) {
      lost = "the other end is of another address family: " + escape_text(dev.name());
      continue;
    }
    const topology::VxlanPacket packet =
        topology::vxlan_packet(dev, remote, {flow.p.mark, flow.p.tos, flow.p.hop_limit});
    const topology::VxlanCarried& to = underlay_->carry(packet);
    if (!to.unknown.empty()) {  // of a question the other copies may be answered all the same
      unknown(flow, around(packet) + ": " + to.unknown);
      if (flow.ours) return;
      continue;
    }
    outside = outside || to.outside;
    if (to.arrivals.empty() && !to.outside) lost = around(packet) + " is lost: " + to.lost;
    for (const topology::VxlanArrival& arrival : to.arrivals) {
      topology::VxlanTaker taker = topology::vxlan_taker(packet, arrival);
      if (!taker.unknown.empty()) {
        unknown(flow, taker.unknown);
        if (flow.ours) return;
      } else if (taker.device == nullptr) {
        lost = around(packet) + " is not taken: " + taker.nobody;
      } else {
        copies.push_back(std::move(taker));
      }
    }
  }
  if (flow.ours && copies.size() + (outside ? 1 : 0) > 1 &&
      (outside || !keep_one(dev, flow, copies)))
    return unknown(flow, "the frame goes to several ends, as its MAC address is not known: " +
                             escape_text(dev.name()));
  if (outside) outsider_hears(dev, flow);
  if (copies.empty() && !outside) return drop(flow, lost);
  for (const topology::VxlanTaker& copy : copies) come_out(flow, copy);
}

// Of the copies of a frame those are lost that come to ends behind which its MAC is not. Where
// rules may answer one of them it has to be walked: false.
bool Walk::keep_one(const Device& dev, const Flow& flow,
                    std::vector<topology::VxlanTaker>& copies) const {
  const topology::Topology::Place place = topology_.find_mac(dev, flow.p.destination_mac);
  if (!place.known || place.port == nullptr) return false;
  const auto at = std::ranges::find(copies, place.port, &topology::VxlanTaker::device);
  if (at == copies.end()) return false;
  for (const topology::VxlanTaker& other : copies) {
    if (&other != &*at && hooks_.has_any(*other.device->machine)) return false;
  }
  copies = {*at};
  return true;
}

void Walk::come_out(const Flow& flow, const topology::VxlanTaker& at) {
  Flow out = flow;
  out.forget_stack();
  out.dst = {};
  out.bound_to = {};
  out.p.has_socket = false;
  out.p.mark = at.mark;
  const std::string why = "its sender is not believed by " + escape_text(at.device->name());
  packet::PacketSet refused = algebra_.none();
  for (const MacAddress& mac : at.refused) {
    if (flow.p.any_source_mac)
      refused =
          algebra_.either(refused, algebra_.where(NumberOperand::in(Quantity::kSourceMac),
                                                  packet::IntervalSet::single(number_of(mac))));
    else if (mac == flow.p.source_mac)
      refused = algebra_.all();
  }
  split(
      std::move(out), refused, [&](Flow f) { drop(std::move(f), why); },
      [&](Flow f) { enqueue(*at.device, std::move(f)); });
}

// What the device knows of its neighbours it says itself; no such question leaves by it.
void Walk::proxied(Device& dev, const Flow& flow) {
  if (!flow.p.neighbour) return;
  const NeighbourMessage& message = *flow.p.neighbour;
  const auto mac = message.request ? topology::vxlan_proxied(dev, message.target) : std::nullopt;
  if (mac) enqueue(dev, neighbour_answer(flow, message, *mac));
}

// Ends learn from frames, the attacker's too (vxlan_snoop). Which of two senders of one MAC address
// was heard last is not known.
bool Walk::may_be_drawn(const Device& vxlan, const Flow& flow) const {
  const std::optional<model::VxlanInfo>& settings = vxlan.link->vxlan;
  if (!forgery_ || !flow.ours || flow.leg != Leg::kReply || !settings || !settings->learning)
    return false;
  const MacAddress mac = flow.p.destination_mac;
  if (std::ranges::find(forgery_->tunnels, &vxlan) == forgery_->tunnels.end() ||
      topology::vxlan_pinned(vxlan, mac))
    return false;
  const bool own = std::ranges::any_of(forgery_->link->machine->devices,
                                       [mac](const auto& d) { return d->mac == mac; });
  if (own && !forgery_->request->outside) return false;
  return std::ranges::find(flow.passed, mac) == flow.passed.end();
}

// ----------------------------------------------------------------------------- the packet itself

// What all outcomes come to, for all source ports alike.
topology::VxlanCarried Walk::carried(const std::vector<Outcome>& outcomes) {
  topology::VxlanCarried out;
  bool doubt = false, some_lost = false;
  const packet::PacketSet asked = carrying_->asked.value_or(algebra_.none());
  packet::PacketSet left = algebra_.none();
  std::vector<packet::PacketSet> arrived;
  for (Carrying::Part& part : carrying_->parts) {
    doubt = doubt || part.in_doubt;
    if (!part.arrival) {
      out.outside = true;
      left = algebra_.either(left, part.set);
      continue;
    }
    const auto known = std::ranges::find(out.arrivals, *part.arrival);
    if (known == out.arrivals.end()) {
      out.arrivals.push_back(*part.arrival);
      arrived.push_back(std::move(part.set));
    } else {
      packet::PacketSet& all = arrived[static_cast<std::size_t>(known - out.arrivals.begin())];
      all = algebra_.either(all, part.set);
    }
  }
  for (const Outcome& o : outcomes) {
    if (o.verdict == Verdict::kUnknown && out.unknown.empty()) out.unknown = o.reason;
    if (o.verdict != Verdict::kUnknown && out.lost.empty()) out.lost = o.reason;
    some_lost = some_lost || o.verdict != Verdict::kUnknown;
  }
  if (!out.unknown.empty()) return out;
  if (out.arrivals.empty() && !out.outside) return out;
  const bool one = !carrying_->packet->remote.to.is_multicast();
  const auto whole = [&](const packet::PacketSet& set) {
    return algebra_.without(asked, set).empty();
  };
  const bool even = std::ranges::all_of(arrived, whole) && (!out.outside || whole(left));
  const bool several = out.arrivals.size() + (out.outside ? 1 : 0) > 1;
  if (!even) {
    out.unknown = "it depends on its source port, a hash of the frame";
  } else if ((one && (some_lost || several)) || (!one && doubt)) {
    out.unknown = "it may go one of several ways";
  }
  return out;
}

// udp_tunnel_dst_lookup(), udp_tunnel6_dst_lookup(), encap_bypass_if_local(), iptunnel_xmit()
void Walk::start(const topology::VxlanPacket& packet) {
  Machine& m = *packet.from->underlay;
  const bool v4 = algebra_.family() == IpFamily::kV4;
  Flow flow(asked_set(IpProtocol::kUdp, {packet.remote.to, packet.remote.port}));
  flow.ours = true;
  const NumberOperand port = NumberOperand::in(Quantity::kSourcePort);
  const topology::PortRange ports = topology::vxlan_source_ports(*packet.from);
  flow.set = algebra_.both(
      flow.set, algebra_.where(port, packet::IntervalSet::range(ports.first, ports.last)));
  carrying_->asked = flow.set;
  if (m.loopback == nullptr || m.routes_unknown) return unknown(std::move(flow), m.unknown_why);
  const IpAddress nowhere = IpAddress::any(algebra_.family());
  const IpAddress source = packet.from->link->detail.vxlan_local.value_or(nowhere);
  Header& p = flow.p;
  p.t = asked_tuple(AddressOperand::of(source), port, IpProtocol::kUdp,
                    {packet.remote.to, packet.remote.port});
  p.length = topology::vxlan_length(algebra_.family());
  p.mark = packet.mark;
  p.tos = packet.tos;
  p.hop_limit = packet.hop_limit;
  flow.client.machine = &m;
  flow.bound_to = packet.remote.via;
  routes::Ask ask = ask_of(flow);
  ask.oif = packet.remote.via;
  ask.source_known = source != nowhere;
  const auto ways =
      v4 ? routes(m).output(algebra_, ask, false, static_cast<bool>(ask.oif), flow.set)
         : routes(m).output_with_source6(algebra_, ask, static_cast<bool>(ask.oif), flow.set);
  by_ways(flow, ways, [&](Flow f, const routes::Way& way) {
    if (way.error != NetError::kNone)
      return drop(std::move(f), "no route to " + packet.remote.to.to_string());
    if (way.dst.device == packet.from) return drop(std::move(f), "its route leads into itself");
    if (!way.source.constant)
      return unknown(std::move(f), "a source address that varies with the destination");
    f.p.t.source = ask.source_known ? AddressOperand::of(source) : way.source;
    f.dst = way.dst;
    f.client.sent = f.p.t;
    if (f.dst.local && !f.dst.group && packet.from->link->vxlan->local_bypass) {
      const topology::VxlanArrival arrival{&m, IpAddress::loopback(algebra_.family()),
                                           packet.remote.port, f.p.mark, true};
      carrying_->parts.push_back({f.set, arrival, f.in_doubt});
      return;
    }
    pass_output(std::move(f));
  });
}

// True when the flow is such a packet on its way there.
bool Walk::carries(const Flow& flow) const {
  return carrying_ && flow.ours && flow.leg == Leg::kRequest;
}

void Walk::arrived(Flow flow, const model::Socket* socket) {
  Machine& m = *flow.dev->machine;
  if (!topology::is_vxlan_socket(m, socket))
    return drop(std::move(flow),
                "a program listens on port " + std::to_string(socket->port.number));
  if (!flow.p.t.source.constant) return unknown(std::move(flow), "its source varies");
  const topology::VxlanArrival arrival{&m, *flow.p.t.source.constant, socket->port, flow.p.mark,
                                       false};
  carrying_->parts.push_back({flow.set, arrival, flow.in_doubt});
}

bool Walk::hears_group(const Device& dev, const Flow& flow) const {
  const auto& to = flow.p.t.destination.constant;
  return carries(flow) && to && to->is_multicast() && topology::vxlan_joined(dev, *to);
}

}  // namespace bulkhead::reach::walks
