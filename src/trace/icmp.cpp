// ICMP errors: who sends them, from which address, and what the client makes of them
// (net/ipv4/icmp.c, net/ipv6/icmp.c, net/ipv4/tcp_ipv4.c tcp_v4_err).
#include "trace/run.h"

namespace bulkhead::trace {
namespace {

constexpr std::uint8_t kEchoReply4 = 0, kEcho4 = 8;

bool is_error(const Packet& p) {
  if (p.protocol == IpProtocol::kIcmp) return p.icmp_type != kEchoReply4 && p.icmp_type != kEcho4;
  return p.protocol == IpProtocol::kIcmpV6 && p.icmp_type < 128;
}

Skb error_of(const Skb& cause, IpProtocol protocol, std::uint8_t type, std::uint8_t code) {
  Skb e;
  e.p.ether_type = cause.p.ether_type;
  e.p.protocol = protocol;
  e.p.icmp_type = type;
  e.p.icmp_code = code;
  e.p.tcp_flags = 0;
  e.p.tos =
      protocol == IpProtocol::kIcmp ? static_cast<std::uint8_t>((cause.p.tos & 0x1e) | 0xc0) : 0;
  e.p.destination = cause.p.source;
  e.p.length = protocol == IpProtocol::kIcmp ? 88 : 128;
  e.p.quoted = Quoted{cause.p.source, cause.p.destination, cause.p.protocol, cause.p.source_port,
                      cause.p.destination_port};
  e.ours = cause.ours;
  e.about_reset = cause.p.protocol == IpProtocol::kTcp && (cause.p.tcp_flags & tcp::kRst) != 0;
  e.leg = Leg::kReply;
  return e;
}

}  // namespace

void Run::icmp_error(Skb& cause, std::uint8_t type, std::uint8_t code) {
  if (forgery_ && cause.ours) return;  // who forges is not told of refusals: they are never open
  if (is_error(cause.p) || cause.dst.group || cause.p.type != PacketType::kHost) return;
  if (cause.p.source.is_unspecified() || cause.p.source.is_multicast()) return;
  if (cause.p.source.is_v4())
    icmp_error4(cause, type, code);
  else
    icmp_error6(cause, type, code);
}

// __icmp_send(): from the address that was asked for when it is ours, else by the route back.
void Run::icmp_error4(Skb& cause, std::uint8_t type, std::uint8_t code) {
  if (cause.dst.kind == Dst::Kind::kNone && !cause.dst.bridge_stand_in) return;
  const Machine& m = *(cause.dst.device != nullptr ? cause.dst.device : cause.dev)->machine;
  Skb e = error_of(cause, IpProtocol::kIcmp, type, code);
  if (m.mark_reflect) e.p.mark = cause.p.mark;
  Flow flow;
  flow.destination = e.p.destination;
  if (cause.dst.local) flow.source = cause.p.destination;
  flow.mark = e.p.mark;
  flow.tos = e.p.tos & 0x1c;
  flow.protocol = IpProtocol::kIcmp;
  const Output o = route_output4(world_.stack(m), flow, false, &choices_);
  if (o.error != NetError::kNone) {
    lost(e, "no route for the ICMP error back to ", e.p.destination.to_string());
    return;
  }
  e.p.source = o.source.is_unspecified() ? IpAddress::v4(192, 0, 0, 8) : o.source;
  e.dst = o.dst;
  attach(e, cause);
  if (explain_)
    step(e, m, "icmp", o.dst.device,
         "error " + std::to_string(type) + "/" + std::to_string(code) + " to " +
             e.p.destination.to_string());
  ip_local_out(e);
}

// icmp6_send(): the source is the address that was asked for when it is ours, else one of the
// interface on which the packet came.
void Run::icmp_error6(Skb& cause, std::uint8_t type, std::uint8_t code) {
  if (cause.p.destination.is_multicast()) return;
  Device* const any = cause.dst.device != nullptr ? cause.dst.device : cause.dev;
  if (any == nullptr) return;
  const Machine& m = *any->machine;
  // The interface on which it came in, if it did.
  const bool came_in = cause.dst.input || (cause.dst.local && cause.dev != nullptr);
  const Device* on = came_in ? m.device(cause.dst.arrives_at) : nullptr;
  Skb e = error_of(cause, IpProtocol::kIcmpV6, type, code);
  if (m.mark_reflect) e.p.mark = cause.p.mark;
  Flow flow;
  flow.destination = e.p.destination;
  flow.source = IpAddress::any(IpFamily::kV6);
  flow.mark = e.p.mark;
  flow.protocol = IpProtocol::kIcmpV6;
  if (m.has_address(cause.p.destination)) {
    flow.source = cause.p.destination;
  } else {
    const Output way = route_output6(world_.stack(m), flow, false, &choices_);
    const bool preferred =
        way.error == NetError::kNone && way.dst.route->preferred_source.has_value();
    if (!preferred && on != nullptr) {
      flow.source =
          select_address6(m, on, flow.destination).value_or(IpAddress::any(IpFamily::kV6));
    }
  }
  if (e.p.destination.is_link_local()) flow.oif = (on != nullptr ? on : any)->index();
  const Output o = route_lookup6(world_.stack(m), flow, false, &choices_);
  if (o.error != NetError::kNone) {
    lost(e, "no route for the ICMPv6 error back to ", e.p.destination.to_string());
    return;
  }
  e.p.source = o.source;
  e.dst = o.dst;
  attach(e, cause);
  if (explain_)
    step(e, m, "icmp", o.dst.device,
         "error " + std::to_string(type) + "/" + std::to_string(code) + " to " +
             e.p.destination.to_string());
  ip_local_out(e);
}

void Run::icmp_deliver(Skb& skb) {
  if (!is_error(skb.p) || !skb.p.quoted) return;
  const Machine& m = *skb.dev->machine;
  if (&m == client_) client_hears(skb, m.loopback->name());
}

}  // namespace bulkhead::trace
