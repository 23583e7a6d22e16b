// The IP layers, inward: ip_rcv() to the socket or to the way out (net/ipv4/ip_input.c,
// ip_forward.c, net/ipv6/ip6_input.c, ip6_output.c).
#include <algorithm>

#include "base/text.h"
#include "reach/walk/walk.h"
#include "topology/stacked.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::uint8_t kUnreachable4 = 3, kUnreachable6 = 1, kExceeded4 = 11, kExceeded6 = 3;

bool is_discovery(const Header& p) {
  return p.t.protocol == IpProtocol::kIcmpV6 && p.icmp_type >= 133 && p.icmp_type <= 137;
}

// ip6_mc_input(): only who joined the solicited-node group of the target hears the question.
bool heard(const Device& dev, const Header& p) {
  if (!p.neighbour || dev.no_arp) return false;  // addrconf_join_solict()
  const auto same_group = [&](IpAddress a) {
    return a.is_v6() &&
           std::ranges::equal(a.octets().last<3>(), p.neighbour->target.octets().last<3>());
  };
  return std::ranges::any_of(dev.addresses6, [&](const auto* a) { return same_group(a->local); }) ||
         std::ranges::any_of(dev.neighbours, [&](const auto* n) {
           return (n->flags & topology::kProxy) != 0 && same_group(n->address);
         });
}

}  // namespace

void Walk::ip_prerouting(Flow flow, Device& in, const Next& next) {
  const Machine& m = *in.machine;
  hook(HookPoint::kIpPrerouting, kFirst, model::priority::kConntrack, std::move(flow), &in, nullptr,
       [&](Flow a) {
         track(std::move(a), m, [&](Flow b) {
           hook(HookPoint::kIpPrerouting, model::priority::kConntrack,
                model::priority::kNatDestination, std::move(b), &in, nullptr, [&](Flow c) {
                  const AddressOperand before = c.p.t.destination;
                  translate(HookPoint::kIpPrerouting, std::move(c), &in, nullptr, [&](Flow d) {
                    if (d.p.t.destination != before) d.dst = {};
                    hook(HookPoint::kIpPrerouting, model::priority::kNatDestination, kLast,
                         std::move(d), &in, nullptr, next);
                  });
                });
         });
       });
}

void Walk::ip_receive(Device& dev, Flow flow) {
  if (flow.p.type == PacketType::kOtherHost) return end(std::move(flow));
  if (dev.machine->routes_unknown) return unknown(std::move(flow), dev.machine->unknown_why);
  const Next in = [&](Flow f) {
    f.dev = &dev;
    route_in(std::move(f));
  };
  const Next received = [&](Flow f) {
    if (f.bridge_info && !f.prerouting_done && !f.in_prerouting) {
      f.prerouting_done = true;  // ip_sabotage_in: the bridge has run it already
      return in(std::move(f));
    }
    ip_prerouting(std::move(f), dev, in);
  };
  if (algebra_.family() == IpFamily::kV4) return received(std::move(flow));
  if (!dev.ipv6) return drop(std::move(flow), "IPv6 is off on " + escape_text(dev.name()));
  packet::PacketSet odd =
      algebra_.where(flow.p.t.source, Prefix::covering(IpAddress::v6({0xff}), 8));
  if (!dev.loopback) {
    odd = algebra_.either(
        odd,
        algebra_.either(algebra_.where(flow.p.t.source, IpAddress::loopback(IpFamily::kV6)),
                        algebra_.where(flow.p.t.destination, IpAddress::loopback(IpFamily::kV6))));
  }
  // ip6_rcv_core(): where the bridge's netfilter has routed it already, the device of that route.
  const bool routed = flow.dst.kind != Dst::Kind::kNone && flow.dst.device != nullptr;
  flow.received6 = routed ? flow.dst.device : &dev;
  split(
      std::move(flow), odd,
      [&](Flow f) { drop(std::move(f), "::1 or a multicast source from the network"); }, received);
}

// Its source is looked at as that of a broadcast is (ip_mc_validate_source).
void Walk::group_in(Flow flow) {
  Device& dev = *flow.dev;
  if (algebra_.family() == IpFamily::kV6) {
    flow.dst.kind = Dst::Kind::kLocal;
    flow.dst.group = flow.dst.local = true;
    flow.dst.device = dev.machine->loopback;
    return local_deliver(std::move(flow));
  }
  routes::Ask ask = ask_of(flow);
  ask.uid = 0;
  ask.destination = AddressOperand::of(IpAddress::v4(255, 255, 255, 255));
  by_ways(flow, routes(*dev.machine).input(algebra_, dev, ask, false, flow.set),
          [&](Flow f, const routes::Way& way) {
            if (!way.dropped.empty())
              return drop(std::move(f),
                          std::string(way.dropped) + " (on " + escape_text(dev.name()) + ")");
            f.dst = way.dst;
            local_deliver(std::move(f));
          });
}

void Walk::route_in(Flow flow) {
  Device& dev = *flow.dev;
  if (flow.dst.kind == Dst::Kind::kNone && hears_group(dev, flow)) return group_in(std::move(flow));
  const Next usual = [&](Flow f) {
    if (f.dst.kind != Dst::Kind::kNone) return routed_in(std::move(f));
    routes::Ask ask = ask_of(f);
    ask.uid = 0;
    if (algebra_.family() == IpFamily::kV6) ask.tos = f.p.tos;
    by_ways(f, routes(*dev.machine).input(algebra_, dev, ask, false, f.set),
            [&](Flow g, const routes::Way& way) {
              if (!way.dropped.empty())
                return drop(std::move(g),
                            std::string(way.dropped) + " (on " + escape_text(dev.name()) + ")");
              g.dst = way.dst;
              routed_in(std::move(g));
            });
  };
  const Next unicast = [&](Flow f) { route_l3s(std::move(f), usual); };
  if (algebra_.family() == IpFamily::kV4) return unicast(std::move(flow));
  const packet::PacketSet groups =
      algebra_.where(flow.p.t.destination, Prefix::covering(IpAddress::v6({0xff}), 8));
  split(
      std::move(flow), groups,
      [&](Flow f) {
        if (!is_discovery(f.p)) return drop(std::move(f), "multicast");
        if (heard(dev, f.p)) local_deliver(std::move(f));
      },
      unicast);
}

void Walk::routed_in(Flow flow) {
  switch (flow.dst.kind) {
    case Dst::Kind::kLocal: return local_deliver(std::move(flow));
    case Dst::Kind::kOutput:  // came over lo: the route of the way out says what it is
      if (flow.dst.local) return local_deliver(std::move(flow));
      return drop(std::move(flow), "not for this machine");
    case Dst::Kind::kForward: return forward(std::move(flow));
    case Dst::Kind::kError: return ip_error(std::move(flow));
    case Dst::Kind::kDiscard: return drop(std::move(flow), "blackhole route");
    case Dst::Kind::kNone: return end(std::move(flow));
  }
}

void Walk::ip_error(Flow flow) {  // ip_error(), ip6_pkt_drop()
  const Device& dev = *flow.dev;
  const NetError error = flow.dst.error;
  if (algebra_.family() == IpFamily::kV6) {
    const bool denied = error == NetError::kDenied;
    lose(flow, denied ? "prohibited by a route or rule" : "no route (IPv6)");
    return icmp_error(std::move(flow), kUnreachable6, denied ? 1 : 0);
  }
  if (!dev.forward4)
    return drop(std::move(flow),
                "not for this machine, and forwarding is off on " + escape_text(dev.name()));
  switch (error) {
    case NetError::kHostUnreachable:
      lose(flow, "unreachable route");
      return icmp_error(std::move(flow), kUnreachable4, 1);
    case NetError::kNetUnreachable:
      lose(flow, "no route to the destination");
      return icmp_error(std::move(flow), kUnreachable4, 0);
    case NetError::kDenied:
      lose(flow, "prohibited by a route or rule");
      return icmp_error(std::move(flow), kUnreachable4, 13);
    case NetError::kNone:
    case NetError::kInvalid:
    case NetError::kNoDevice:
    case NetError::kAddressNotAvailable:
    case NetError::kAgain: return drop(std::move(flow), "blackhole route or rule");
  }
}

void Walk::local_deliver(Flow flow) {
  Device& dev = *flow.dev;
  hook(HookPoint::kIpInput, kFirst, model::priority::kNatSource, std::move(flow), &dev, nullptr,
       [&](Flow a) {
         translate(HookPoint::kIpInput, std::move(a), &dev, nullptr, [&](Flow b) {
           hook(HookPoint::kIpInput, model::priority::kNatSource, kLast, std::move(b), &dev,
                nullptr, [&](Flow c) {
                  confirm(std::move(c), *dev.machine, 0,
                          [&](Flow d) { to_ipvlan(dev, std::move(d)); });
                });
         });
       });
}

// ipvlan_nf_input(): the last hook gives what is for an ipvlan in l3s mode to that one.
void Walk::to_ipvlan(const Device& dev, Flow flow) {
  const Device* const first = topology::first_ipvlan(dev);
  if (first == nullptr || topology::ipvlan_mode(*first) != topology::IpvlanMode::kL3s)
    return delivered(std::move(flow));
  by_ipvlans(
      dev, std::move(flow),
      [&](Flow f, Device& child) {
        f.dev = &child;
        delivered(std::move(f));
      },
      [&](Flow f) { delivered(std::move(f)); });
}

void Walk::delivered(Flow flow) {
  if (is_discovery(flow.p)) return nd_receive(std::move(flow));
  // __udp4_lib_mcast_deliver(): every socket that matches gets a copy; nobody is told of a failure.
  const bool to_all = flow.dst.group && flow.p.t.protocol == IpProtocol::kUdp &&
                      (algebra_.family() == IpFamily::kV4 || carries(flow));
  if (flow.dst.group && !to_all) return drop(std::move(flow), "for a broadcast address");
  if (flow.p.is_icmp()) return icmp_deliver(std::move(flow));
  if (flow.p.type == PacketType::kHost || to_all) return socket_receive(std::move(flow));
  drop(std::move(flow), "for a broadcast address");
}

// A first packet, routed to where nobody of the model hears it.
bool Walk::leads_out(const Device& out, const Flow& flow) const {
  return out.kind == DeviceKind::kOther && flow.ours && flow.leg == Leg::kRequest &&
         !flow.established && !flow.p.is_icmp() && !carries(flow);
}

void Walk::forward(Flow flow) {
  Device& in = *flow.dev;
  Device& out = *flow.dst.device;
  const bool v4 = algebra_.family() == IpFamily::kV4;
  const Device& switched = flow.received6 != nullptr ? *flow.received6 : in;
  if (!v4 && !in.machine->forward6_all && !switched.force_forwarding) {
    return drop(std::move(flow),
                "not for this machine, and IPv6 forwarding is off on " + escape_text(in.name()));
  }
  if (flow.p.type != PacketType::kHost)
    return drop(std::move(flow), "broadcasts are not forwarded");
  if (flow.p.hop_limit <= 1) {
    lose(flow, "hop limit used up (a routing loop)");
    return icmp_error(std::move(flow), v4 ? kExceeded4 : kExceeded6, 0);
  }
  if (named_ != nullptr && leads_out(out, flow)) {
    Flow elsewhere = flow;
    flow.set = split_off(algebra_, elsewhere.set, *named_);
    if (!elsewhere.set.empty()) leave(std::move(elsewhere), out, std::nullopt);
    if (flow.set.empty()) return;
  }
  const Next on = [&](Flow f) {
    --f.p.hop_limit;
    hook(HookPoint::kIpForward, kFirst, kLast, std::move(f), &in, &out,
         [&](Flow g) { output(std::move(g), &in); });
  };
  if (v4 || &in == &out) return on(std::move(flow));
  const AddressOperand& from = flow.p.t.source;
  const packet::PacketSet never =
      algebra_.either(algebra_.either(algebra_.where(from, IpAddress::any(IpFamily::kV6)),
                                      algebra_.where(from, IpAddress::loopback(IpFamily::kV6))),
                      algebra_.where(from, Prefix::covering(IpAddress::v6({0xff}), 8)));
  const packet::PacketSet link =
      algebra_.where(from, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10));
  split(
      std::move(flow), never,
      [&](Flow f) { drop(std::move(f), "a source that is never forwarded"); },
      [&](Flow f) {
        split(
            std::move(f), link,
            [&](Flow g) {
              lose(g, "a link-local source is not forwarded");
              icmp_error(std::move(g), kUnreachable6, 2);
            },
            on);
      });
}

}  // namespace bulkhead::reach::walks
