// The IP layers, outward: OUTPUT, POSTROUTING and the neighbour (net/ipv4/ip_output.c,
// net/ipv6/ip6_output.c, net/ipv4/netfilter.c).
#include "trace/run.h"

namespace bulkhead::trace {
namespace {}  // namespace

// The flow of a packet, as fib*_rules_early_flow_dissect() and sockets see it.
Flow Run::flow_of(const Skb& skb) const {
  Flow flow;
  flow.destination = skb.p.destination;
  flow.source = skb.p.source;
  flow.source_known = true;
  flow.mark = skb.p.mark;
  flow.tos = skb.p.tos & 0x1c;
  flow.uid = skb.p.has_socket ? skb.p.socket_uid : 0;
  flow.protocol = skb.p.protocol;
  flow.source_port = skb.p.source_port;
  flow.destination_port = skb.p.destination_port;
  return flow;
}

// ip_route_me_harder(skb, RTN_UNSPEC), ip6_route_me_harder()
bool Run::route_again(Skb& skb) {
  Machine& m = *skb.dst.device->machine;
  Flow flow = flow_of(skb);
  flow.oif = skb.bound_to;
  unclear_destination(skb);
  Output o;
  if (skb.p.source.is_v4()) {
    const std::uint8_t type = address_type4(world_.stack(m), skb.p.source, nullptr);
    const bool any_source = type == rtn::kLocal || type == rtn::kUnicast;
    if (!any_source) flow.source = IpAddress();
    o = route_output4(world_.stack(m), flow, any_source, &choices_);
  } else {
    if (needs_strict_interface(skb.p.destination) && !skb.p.destination.is_loopback()) {
      flow.oif = skb.dst.device->index();
    }
    o = route_output6(world_.stack(m), flow, static_cast<bool>(skb.bound_to), &choices_);
  }
  if (o.error != NetError::kNone) return false;
  skb.dst = o.dst;
  return true;
}

// A drop at output or postrouting is send()'s own error (EPERM) for a datagram; TCP just tries
// again.
bool Run::ip_local_out(Skb& skb) {
  const bool passed = ip_local_hooks(skb);
  if (!passed && skb.ours && skb.leg == Leg::kRequest && skb.p.has_socket &&
      skb.p.protocol == IpProtocol::kUdp) {
    send_fails_ = true;
  }
  return passed;
}

bool Run::ip_local_hooks(Skb& skb) {
  Machine& m = *skb.dst.device->machine;
  skb.dev = nullptr;
  // The hook's output device stays what it was when the hook began, even when the packet is routed
  // again on the way (struct nf_hook_state).
  Device* const out = skb.dst.device;
  const auto part = [&](std::int32_t from, std::int32_t to) {
    return hook(FilterPoint::kIpOutput, from, to, skb, nullptr, out);
  };
  if (!part(kFirst, model::priority::kConntrack)) return false;
  track(skb, m);
  if (!part(model::priority::kConntrack, model::priority::kNatDestination)) return false;
  if (!translate(FilterPoint::kIpOutput, skb, nullptr, out)) return false;
  if (skb.ct.entry != nullptr && !skb.ct.untracked && world_.stack(m).nat(skb.p.family())) {
    const ConnTrack& ct = *skb.ct.entry;
    const bool reply =
        skb.ct.info == CtInfo::kEstablishedReply || skb.ct.info == CtInfo::kRelatedReply;
    const Tuple &here = reply ? ct.reply : ct.original, &there = reply ? ct.original : ct.reply;
    if (here.destination != there.source && !route_again(skb)) {
      lost(skb, "no route to the translated destination");
      return false;
    }
  }
  if (!part(model::priority::kNatDestination, kLast)) return false;
  return ip_output(skb, nullptr);
}

bool Run::ip_postrouting(Skb& skb, Device* in, Device* out) {
  const Machine& m = *out->machine;
  if (!hook(FilterPoint::kIpPostrouting, kFirst, model::priority::kNatSource, skb, in, out))
    return false;
  if (!translate(FilterPoint::kIpPostrouting, skb, in, out)) return false;
  if (!hook(FilterPoint::kIpPostrouting, model::priority::kNatSource, kLast, skb, in, out))
    return false;
  return confirm(skb, m);
}

bool Run::ip_output(Skb& skb, Device* in) {
  Device& out = *skb.dst.device;
  skb.dev = &out;
  if (skb.p.family() == IpFamily::kV6 && !out.ipv6) {
    lost(skb, "IPv6 is off on ", out.name());
    return true;
  }
  if (!ip_postrouting(skb, in, &out)) return false;
  ip_finish_output(skb);
  return true;
}

void Run::ip_finish_output(Skb& skb) {
  Device& out = *skb.dst.device;
  if (skb.dst.group && skb.p.destination.is_v4() && !out.loopback &&
      !(carrying_ && skb.ours && skb.p.destination.is_multicast())) {
    lost(skb, "to a broadcast or multicast address");
    return;
  }
  if (!skb.dst.gateway) unclear_destination(skb);
  neighbour_output(out, skb, skb.dst.gateway.value_or(skb.p.destination));
}

}  // namespace bulkhead::trace
