// The IP layers, inward: ip_rcv() to the socket or to the way out (net/ipv4/ip_input.c,
// ip_forward.c, net/ipv6/ip6_input.c, ip6_output.c).
#include <algorithm>

#include "topology/stacked.h"
#include "trace/run.h"

namespace bulkhead::trace {
namespace {

bool is_neighbour_discovery(const Packet& p) {
  return p.protocol == IpProtocol::kIcmpV6 && p.icmp_type >= 133 && p.icmp_type <= 137;
}

// ip6_mc_input(): only who joined the solicited-node group of the target hears the question.
bool heard_solicitation(const Device& dev, const Packet& p) {
  if (!p.arp || dev.no_arp) return false;  // addrconf_join_solict()
  const auto same_group = [&](IpAddress a) {
    return std::ranges::equal(a.octets().last<3>(), p.arp->target_ip.octets().last<3>());
  };
  return std::ranges::any_of(dev.addresses6, [&](const auto* a) { return same_group(a->local); }) ||
         std::ranges::any_of(dev.neighbours, [&](const auto* n) {
           return (n->flags & topology::kProxy) != 0 && n->address.is_v6() &&
                  same_group(n->address);
         });
}

}  // namespace

bool Run::ip_prerouting(Skb& skb, Device* in) {
  const Machine& m = *in->machine;
  if (!hook(FilterPoint::kIpPrerouting, kFirst, model::priority::kConntrack, skb, in, nullptr))
    return false;
  track(skb, m);
  if (!hook(FilterPoint::kIpPrerouting, model::priority::kConntrack,
            model::priority::kNatDestination, skb, in, nullptr))
    return false;
  const IpAddress before = skb.p.destination;
  if (!translate(FilterPoint::kIpPrerouting, skb, in, nullptr)) return false;
  if (skb.p.destination != before) skb.dst = {};
  return hook(FilterPoint::kIpPrerouting, model::priority::kNatDestination, kLast, skb, in,
              nullptr);
}

void Run::ip_receive(Device& dev, Skb& skb) {
  if (skb.p.type == PacketType::kOtherHost) return;  // for another machine of the segment: not lost
  const Machine& m = *dev.machine;
  if (m.routes_unknown) {
    stop_unknown(m.unknown_why);
    return;
  }
  if (skb.p.family() == IpFamily::kV6) {
    if (!dev.ipv6) {
      lost(skb, "IPv6 is off on ", dev.name());
      return;
    }
    const bool loop = skb.p.source.is_loopback() || skb.p.destination.is_loopback();
    if ((loop && !dev.loopback) || skb.p.source.is_multicast()) {
      singular_source(skb);
      lost(skb, "::1 or a multicast source from the network");
      return;
    }
    // ip6_rcv_core(): where the bridge's netfilter has routed it already, the device of that route.
    skb.received6 =
        skb.dst.kind != Dst::Kind::kNone && skb.dst.device != nullptr ? skb.dst.device : &dev;
  }
  if (skb.bridge_info && !skb.prerouting_done && !skb.in_prerouting) {
    skb.prerouting_done = true;  // ip_sabotage_in: the bridge has run it already
  } else if (!ip_prerouting(skb, &dev)) {
    return;
  }
  skb.dev = &dev;
  ip_route_in(skb);
}

void Run::ip_route_in(Skb& skb) {
  Device& dev = *skb.dev;
  const Machine& m = *dev.machine;
  if (skb.p.destination.is_multicast() && skb.dst.kind == Dst::Kind::kNone &&
      hears_group(dev, skb)) {
    // Its source is looked at as that of a broadcast is (ip_mc_validate_source).
    std::string_view why;
    if (skb.p.destination.is_v6()) {
      skb.dst.kind = Dst::Kind::kLocal;
      skb.dst.group = skb.dst.local = true;
      skb.dst.device = m.loopback;
    } else if (!route_input4(world_.stack(m), dev, skb.p, false, IpAddress::v4(255, 255, 255, 255),
                             skb.p.source, &choices_, skb.dst, why)) {
      return lost(skb, why, " (on " + dev.name() + ")");
    }
    return ip_local_deliver(skb);
  }
  if (skb.p.destination.is_multicast() && skb.p.destination.is_v6()) {
    if (is_neighbour_discovery(skb.p)) {
      if (heard_solicitation(dev, skb.p)) ip_local_deliver(skb);
    } else {
      lost(skb, "multicast");
    }
    return;
  }
  if (!route_l3s(skb) && !stopped_ && skb.dst.kind == Dst::Kind::kNone) {
    std::string_view why;
    routed_by_destination(m, skb);
    const bool routed = skb.p.destination.is_v4()
                            ? route_input4(world_.stack(m), dev, skb.p, false, skb.p.destination,
                                           skb.p.source, &choices_, skb.dst, why)
                            : route_input6(world_.stack(m), dev, skb.p, &choices_, skb.dst, why);
    if (!routed) {
      singular_source(skb);
      lost(skb, why, " (on " + dev.name() + ")");
      return;
    }
  }
  if (stopped_) return;
  const Dst& dst = skb.dst;
  if (explain_) {
    std::string text =
        dst.route != nullptr ? "route " + dst.route->destination.to_string() : "no route";
    if (dst.kind == Dst::Kind::kLocal) text = "for this machine (" + text + ")";
    if (dst.kind == Dst::Kind::kForward) {
      text += " dev " + dst.device->name();
      if (dst.gateway) text += " via " + dst.gateway->to_string();
    }
    step(skb, m, "route", &dev, std::move(text));
  }
  switch (dst.kind) {
    case Dst::Kind::kLocal: ip_local_deliver(skb); return;
    case Dst::Kind::kOutput:  // came over lo: the route of the way out says what it is
      if (dst.local)
        ip_local_deliver(skb);
      else
        lost(skb, "not for this machine");
      return;
    case Dst::Kind::kForward: ip_forward(skb); return;
    case Dst::Kind::kError: ip_error(skb); return;
    case Dst::Kind::kDiscard: lost(skb, "blackhole route"); return;
    case Dst::Kind::kNone: return;
  }
}

// ip_error(), ip6_pkt_drop()
void Run::ip_error(Skb& skb) {
  const Device& dev = *skb.dev;
  const Machine& m = *dev.machine;
  const NetError error = skb.dst.error;
  if (skb.p.destination.is_v6()) {
    lost(skb, error == NetError::kDenied ? "prohibited by a route or rule" : "no route (IPv6)");
    icmp_error(skb, kUnreachable6, error == NetError::kDenied ? 1 : 0);
    return;
  }
  if (!dev.forward4) {
    lost(skb, "not for this machine, and forwarding is off on ", dev.name());
    return;
  }
  static_cast<void>(m);
  switch (error) {
    case NetError::kHostUnreachable:
      lost(skb, "unreachable route");
      icmp_error(skb, kUnreachable4, 1);
      return;
    case NetError::kNetUnreachable:
      lost(skb, "no route to ", skb.p.destination.to_string());
      icmp_error(skb, kUnreachable4, 0);
      return;
    case NetError::kDenied:
      lost(skb, "prohibited by a route or rule");
      icmp_error(skb, kUnreachable4, 13);
      return;
    case NetError::kNone:
    case NetError::kInvalid:
    case NetError::kNoDevice:
    case NetError::kAddressNotAvailable:
    case NetError::kAgain: lost(skb, "blackhole route or rule"); return;
  }
}

void Run::ip_local_deliver(Skb& skb) {
  Device& dev = *skb.dev;
  unclear_destination(skb);
  const Machine& m = *dev.machine;
  if (!hook(FilterPoint::kIpInput, kFirst, model::priority::kNatSource, skb, &dev, nullptr)) return;
  if (!translate(FilterPoint::kIpInput, skb, &dev, nullptr)) return;
  if (!hook(FilterPoint::kIpInput, model::priority::kNatSource, kLast, skb, &dev, nullptr)) return;
  if (!confirm(skb, m)) return;
  if (Device* above = topology::l3s_ipvlan(dev, skb.p.destination))
    skb.dev = above;  // ipvlan_nf_input
  if (is_neighbour_discovery(skb.p)) {
    nd_receive(skb);
    return;
  }
  // __udp4_lib_mcast_deliver(): every socket that matches gets a copy; nobody is told of a failure.
  const bool to_all = skb.dst.group && skb.p.protocol == IpProtocol::kUdp &&
                      (skb.p.destination.is_v4() || (carrying_ && skb.ours));
  if (skb.dst.group && !to_all) {
    lost(skb, "for a broadcast address");
    return;
  }
  if (skb.p.protocol == IpProtocol::kIcmp || skb.p.protocol == IpProtocol::kIcmpV6) {
    icmp_deliver(skb);
    return;
  }
  if (skb.p.type == PacketType::kHost || to_all)
    socket_receive(skb);
  else
    lost(skb, "for a broadcast address");
}

void Run::ip_forward(Skb& skb) {
  Device& in = *skb.dev;
  const Machine& m = *in.machine;
  const bool v4 = skb.p.source.is_v4();
  const Device& switched = skb.received6 != nullptr ? *skb.received6 : in;
  if (!v4 && !m.forward6_all && !switched.force_forwarding) {
    lost(skb, "not for this machine, and IPv6 forwarding is off on ", in.name());
    return;
  }
  if (skb.p.type != PacketType::kHost) {
    lost(skb, "broadcasts are not forwarded");
    return;
  }
  if (skb.p.hop_limit <= 1) {
    lost(skb, "hop limit used up (a routing loop)");
    icmp_error(skb, v4 ? kTimeExceeded4 : kTimeExceeded6, 0);
    return;
  }
  Device& out = *skb.dst.device;
  if (!v4 && &in != &out) {
    if (skb.p.source.is_unspecified() || skb.p.source.is_multicast() ||
        skb.p.source.is_loopback()) {
      singular_source(skb);
      lost(skb, "a source that is never forwarded");
      return;
    }
    if (skb.p.source.is_link_local()) {
      singular_source(skb);
      lost(skb, "a link-local source is not forwarded");
      icmp_error(skb, kUnreachable6, 2);
      return;
    }
  }
  --skb.p.hop_limit;
  if (!hook(FilterPoint::kIpForward, kFirst, kLast, skb, &in, &out)) return;
  ip_output(skb, &in);
}

}  // namespace bulkhead::trace
