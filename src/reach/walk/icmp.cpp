// ICMP errors: who sends them and from which address (net/ipv4/icmp.c, net/ipv6/icmp.c).
#include "reach/walk/walk.h"

namespace bulkhead::reach::walks {
namespace {

constexpr std::uint8_t kEchoReply4 = 0, kEcho4 = 8;
const IpAddress kDummy4 = IpAddress::v4(192, 0, 0, 8);

bool is_error(const Header& p) {
  if (p.t.protocol == IpProtocol::kIcmp) return p.icmp_type != kEchoReply4 && p.icmp_type != kEcho4;
  return p.t.protocol == IpProtocol::kIcmpV6 && p.icmp_type < 128;
}

// A new packet that the machine makes because of `cause`.
Flow error_of(const Flow& cause, IpFamily family, std::uint8_t type, std::uint8_t code) {
  Flow e = cause;
  const bool v4 = family == IpFamily::kV4;
  e.p = Header();
  e.p.t = Tuple{AddressOperand::of(IpAddress::any(family)),
                cause.p.t.source,
                {},
                {},
                v4 ? IpProtocol::kIcmp : IpProtocol::kIcmpV6};
  e.p.icmp_type = type;
  e.p.icmp_code = code;
  e.p.tos = v4 ? static_cast<std::uint8_t>((cause.p.tos & 0x1e) | 0xc0) : 0;
  e.p.length = v4 ? 88 : 128;
  e.p.quoted = cause.p.t;
  e.forget_stack();
  e.dst = {};
  e.bound_to = {};
  e.sending = false;
  e.about_reset = cause.p.t.protocol == IpProtocol::kTcp && (cause.p.tcp_flags & tcp::kRst) != 0;
  e.leg = Leg::kReply;
  return e;
}

}  // namespace

void Walk::icmp_error(Flow cause, std::uint8_t type, std::uint8_t code) {
  const bool v4 = algebra_.family() == IpFamily::kV4;
  if (!cause.ours || is_error(cause.p) || cause.dst.group || cause.p.type != PacketType::kHost)
    return end(std::move(cause));
  if (told_forger(cause)) return;
  const AddressOperand& from = cause.p.t.source;
  const Prefix groups = v4 ? Prefix::covering(IpAddress::v4(224, 0, 0, 0), 4)
                           : Prefix::covering(IpAddress::v6({0xff}), 8);
  const packet::PacketSet nobody = algebra_.either(
      algebra_.where(from, IpAddress::any(algebra_.family())), algebra_.where(from, groups));
  split(
      std::move(cause), nobody, [&](Flow f) { end(std::move(f)); },
      [&](Flow f) {
        Flow e = error_of(f, algebra_.family(), type, code);
        if (v4) return icmp_error4(std::move(f), e);
        const packet::PacketSet to_group = algebra_.where(f.p.t.destination, groups);
        split(
            std::move(e), to_group, [&](Flow g) { end(std::move(g)); },
            [&](Flow g) {
              Flow c = f;
              c.set = g.set;
              icmp_error6(std::move(c), std::move(g));
            });
      });
}

// __icmp_send(): from the address that was asked for when it is ours, else by the route back.
void Walk::icmp_error4(Flow cause, const Flow& error) {
  if (cause.dst.kind == Dst::Kind::kNone && !cause.dst.bridge_stand_in)
    return end(std::move(cause));
  const Machine& m = *(cause.dst.device != nullptr ? cause.dst.device : cause.dev)->machine;
  Flow e = error;
  if (m.mark_reflect) e.p.mark = cause.p.mark;
  routes::Ask ask;
  ask.destination = e.p.t.destination;
  ask.source = cause.dst.local ? cause.p.t.destination : AddressOperand::of(IpAddress());
  ask.mark = e.p.mark;
  ask.tos = e.p.tos & 0x1c;
  ask.protocol = IpProtocol::kIcmp;
  ask.chosen = &e.chosen;
  by_ways(e, routes(m).output(algebra_, ask, false, false, e.set),
          [&](Flow f, const routes::Way& way) {
            if (way.error != NetError::kNone)
              return drop(std::move(f), "no route for the ICMP error back");
            f.p.t.source = way.source.is(IpAddress()) ? AddressOperand::of(kDummy4) : way.source;
            f.dst = way.dst;
            attach(f, cause);
            local_out(std::move(f));
          });
}

// icmp6_send(): from the address that was asked for when it is ours, else one of the interface on
// which the packet came.
void Walk::icmp_error6(Flow cause, Flow e) {
  Device* const any = cause.dst.device != nullptr ? cause.dst.device : cause.dev;
  if (any == nullptr) return end(std::move(e));
  const Machine& m = *any->machine;
  const bool came_in = cause.dst.input || (cause.dst.local && cause.dev != nullptr);
  const Device* on = came_in ? m.device(cause.dst.arrives_at) : nullptr;
  if (m.mark_reflect) e.p.mark = cause.p.mark;
  const AddressOperand to = e.p.t.destination;
  routes::Ask ask;
  ask.destination = to;
  ask.source = AddressOperand::of(IpAddress::any(IpFamily::kV6));
  ask.mark = e.p.mark;
  ask.protocol = IpProtocol::kIcmpV6;
  ask.chosen = &e.chosen;
  const auto send_to = [&](const Flow& f, const AddressOperand& source, IfIndex oif) {
    routes::Ask last = ask;
    last.source = source;
    last.oif = oif;
    by_ways(f, routes(m).output_with_source6(algebra_, last, false, f.set),
            [&](Flow g, const routes::Way& way) {
              if (way.error != NetError::kNone) {
                return drop(std::move(g), "no route for the ICMPv6 error back");
              }
              g.p.t.source = way.source;
              g.dst = way.dst;
              attach(g, cause);
              local_out(std::move(g));
            });
  };
  const packet::PacketSet on_link =
      algebra_.where(to, Prefix::covering(IpAddress::v6({0xfe, 0x80}), 10));
  const auto go = [&](Flow f, const AddressOperand& source) {
    split(
        std::move(f), on_link,
        [&](const Flow& g) { send_to(g, source, (on != nullptr ? on : any)->index()); },
        [&](const Flow& g) { send_to(g, source, {}); });
  };
  const auto from_interface = [&](const Flow& f) {
    packet::PacketSet rest = f.set;
    for (const routes::Selected& s : routes(m).selection6(on)) {
      const AddressOperand source =
          AddressOperand::of(s.source.value_or(IpAddress::any(IpFamily::kV6)));
      for (const routes::Selected::Range& r : s.destinations) {
        Flow g = f;
        g.set = split_off(algebra_, rest, algebra_.where(to, r.first, r.last));
        if (!g.set.empty()) go(std::move(g), source);
      }
    }
  };
  const AddressOperand asked = cause.p.t.destination;
  const packet::PacketSet ours = algebra_.where(asked, routes::addresses_of(m));
  split(
      std::move(e), ours, [&](Flow f) { go(std::move(f), asked); },
      [&](const Flow& f) {
        by_ways(f, routes(m).output(algebra_, ask, false, false, f.set),
                [&](Flow g, const routes::Way& way) {
                  const bool preferred = way.error == NetError::kNone && way.dst.preferred_source;
                  if (!preferred && on != nullptr) return from_interface(g);
                  go(std::move(g), ask.source);
                });
      });
}

void Walk::icmp_deliver(Flow flow) {
  if (!is_error(flow.p) || !flow.p.quoted || flow.dev->machine != flow.client.machine)
    return end(std::move(flow));
  client_hears(std::move(flow));
}

}  // namespace bulkhead::reach::walks
